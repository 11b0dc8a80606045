"""What an environment sends to models stands in a tenant's file: its classes of data, and what its grants demand."""

from __future__ import annotations

import pytest

from access.applying.applying import apply
from access.applying.exporting import export
from access.applying.planning import plan
from access.applying.reading import read
from access.applying.steps import Plan
from access.conditions import read as conditions
from access.models import Grant
from audit.models import Entry
from audit.record import SYSTEM
from refusals.problems import FileNotUnderstood
from tests.cast import Cast, route

pytestmark = pytest.mark.django_db
HEAD = "schema: 1\ntenant: acme\nprojects:\n  support:\n    environments:\n      development:\n"


@pytest.fixture
def grant(cast: Cast) -> Grant:
    made = Grant(tenant=cast.acme, environment=cast.environment(), route=route("echo"))
    made.conditions = conditions({"purposes": ["support", "research"], "max_output_tokens": 500}).as_json()
    made.save()
    return made


def planned(cast: Cast, inside: str, by: object = None, prune: bool = False) -> Plan:
    document = read(HEAD + inside)
    return plan(document=document, tenant=cast.acme, prune=prune, by=by or cast.olivia)


def applied(cast: Cast, inside: str, by: object = None) -> Plan:
    told = planned(cast, inside, by)
    document = read(HEAD + inside)
    return apply(document=document, tenant=cast.acme, prune=False, fingerprint=told.fingerprint, by=by or cast.olivia)


def test_a_file_says_which_data_is_sent(cast: Cast) -> None:
    [step] = applied(cast, "        data_classes: [personal, internal]\n").steps
    assert (step.kind, step.action, step.changes[0].after) == ("data", "create", ["internal", "personal"])
    environment = cast.environment()
    environment.refresh_from_db()
    assert environment.data_classes == ["internal", "personal"]
    assert applied(cast, "        limits: {}\n").steps == (), "what a file leaves out stays"
    [step] = applied(cast, "        data_classes: []\n").steps
    environment.refresh_from_db()
    assert step.action == "remove" and environment.data_classes == []


def test_a_file_narrows_what_a_grant_allows(cast: Cast, grant: Grant) -> None:
    narrower = "        grants:\n          echo: {purposes: [support], max_output_tokens: 100, streaming: false}\n"
    [step] = applied(cast, narrower).steps
    assert {change.field: (change.before, change.after) for change in step.changes} == {
        "purposes": (["research", "support"], ["support"]), "max_output_tokens": (500, 100), "streaming": (None, False),
    }  # fmt: skip
    grant.refresh_from_db()
    assert grant.conditions == {"purposes": ["support"], "max_output_tokens": 100, "streaming": False}
    entry = Entry.objects.filter(verb="grant.conditions_changed").first()
    assert entry is not None and entry.facts["reason"] == "Applied from the tenant's file."


def test_an_export_changes_nothing_when_it_is_applied(cast: Cast, grant: Grant) -> None:
    applied(cast, "        data_classes: [internal]\n")
    grant.conditions = conditions({"data_classes": ["internal"], "regions": ["eu"], "min_temperature": 0.5,
                                   "max_temperature": 1, "tools": [], "attachments": False}).as_json()  # fmt: skip
    grant.save()
    written = export(cast.acme)
    assert "min_temperature: 0.5" in written and "tools: []" in written
    assert plan(document=read(written), tenant=cast.acme, prune=True, by=cast.olivia).steps == ()


def test_who_may_narrow_may_not_widen(cast: Cast, grant: Grant) -> None:
    wider = "        grants:\n          echo:\n"
    told = planned(cast, wider)
    assert "less than was decided" in told.refused[0].refused
    assert [step.refused for step in planned(cast, wider, SYSTEM).steps] == [""]
    applied(cast, wider, SYSTEM)
    grant.refresh_from_db()
    assert grant.conditions == {}
    assert planned(cast, "        grants: {echo: {streaming: false}}\n", cast.dev).refused


def test_a_file_gives_no_access_and_takes_none(cast: Cast, grant: Grant) -> None:
    route("other")
    told = planned(cast, "        grants: {other: {streaming: false}}\n", prune=True)
    assert not told.steps and "no access to “other”" in told.notes[0]
    grant.refresh_from_db()
    assert grant.revoked_at is None


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("data_classes: [secret]", "no class of data"),
        ("grants: {echo: {max_words: 5}}", "max_words"),
        ("grants: {echo: {max_output_tokens: many}}", "whole number"),
        ("grants: {echo: {purposes: [To sell]}}", "cannot be sent as a purpose"),
        ("grants: {echo: {regions: {eu: 1}}}", "A value is needed"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(cast: Cast, inside: str, said: str) -> None:
    with pytest.raises(FileNotUnderstood) as refused:
        read(f"{HEAD}        {inside}\n")
    problem = refused.value.problems[0]
    assert said in problem.sentence and problem.line == 7
