"""Policies as data: which one decides and why, versions to come, equal ones told, and all of them as YAML."""

import datetime as dt
from decimal import Decimal
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from access.asking import request_access
from access.conditions import read as conditions
from approvals import subjects
from approvals.boards import SeatNeeded, create_board, seat, unseat
from approvals.models import Board, Policy, Request
from approvals.policies import PolicyOfAnother, change_policy, choose, equals_of, policy_for
from approvals.policy_conditions import Traits, UnfitCondition
from approvals.policy_documents import (
    SCHEMA,
    DocumentNotUnderstood,
    compared,
    document_of,
    put_in_force,
    read,
    stated,
    written_in_force,
)
from approvals.policy_trial import tried
from approvals.subjects import SubjectKind, register
from approvals.submit import submit
from audit.models import Entry
from refusals.errors import Invalid
from tenants.models import User
from tests.cast import Cast, route

HEAD = "schema: atrium policies 1\n"
RISK = [{"board": "risk", "quorum": 1}]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def put(cast: Cast, slug: str, **more: Any) -> Policy:
    return change_policy(subject_kind="access", slug=slug, sentence=f"{slug}.", stages=RISK, by=cast.pat, **more)


@pytest.fixture(autouse=True)
def kinds_of_here_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is known to nobody else."""
    monkeypatch.setattr(subjects, "_kinds", dict(subjects._kinds))


@pytest.fixture
def legal(cast: Cast) -> Board:
    board = create_board(slug="legal", name="Legal board", by=cast.pat)
    seat(board=board, user=cast.ned, by=cast.pat)
    return board


def test_it_works(cast: Cast, legal: Board) -> None:
    stages = [*RISK, {"board": "legal", "quorum": 1, "beside": True}]
    change_policy(
        subject_kind="access", environment_kind="production", slug="personal-in-production", stages=stages,
        when={"data_classes": ["personal", "special"]}, sentence="Personal data is looked at by legal.", by=cast.pat,
    )  # fmt: skip
    made = route()
    asked = request_access(
        environment=cast.environment("production"), route=made, purpose="x", by=cast.dev,
        conditions=conditions({"data_classes": ["internal", "personal"]}),
    )  # fmt: skip
    assert (asked.policy and asked.policy.slug, asked.because) == (
        "personal-in-production",
        "production and personal data",
    )
    page = signed_in(cast.dev).get(asked.get_absolute_url()).content.decode()
    assert "These because of: production and personal data." in page
    assert signed_in(cast.dev).get(f"/api/requests/{asked.number}/").json()["because"] == asked.because
    other = request_access(environment=cast.environment(), route=made, purpose="x", by=cast.dev)
    assert (other.policy and other.policy.slug, other.because) == ("access", "")


def test_the_data_that_is_said_of_an_environment_counts(cast: Cast) -> None:
    put(cast, "special", when={"data_classes": ["special"]})
    environment = cast.environment()
    environment.data_classes = ["special"]
    environment.save()
    asked = request_access(environment=environment, route=route(), purpose="x", by=cast.dev)
    assert (asked.policy and asked.policy.slug, asked.because) == ("special", "special data")


def test_the_highest_priority_then_the_most_asked_for_then_the_first_slug_decides(cast: Cast) -> None:
    put(cast, "b-two", environment_kind="test", when={"risk_tiers": ["high"]})
    put(cast, "one", when={"risk_tiers": ["high"]})
    high = Traits(risk_tiers=frozenset({"high"}))
    assert choose("access", "test", high).policy.slug == "b-two"
    assert choose("access", "development", high).policy.slug == "one"
    assert choose("access", "test", Traits()).policy.slug == "access"
    same = put(cast, "a-two", environment_kind="test", when={"regions": ["eu"]})
    assert [other.slug for other in equals_of(same)] == ["b-two"]
    both = Traits(risk_tiers=frozenset({"high"}), regions=frozenset({"eu"}))
    assert choose("access", "test", both).policy.slug == "a-two"
    put(cast, "urgent", priority=1)
    assert choose("access", "test", both).policy.slug == "urgent"
    pat = signed_in(cast.pat)
    assert "Another policy fits as well" in pat.get("/platform/policies/a-two/").content.decode()
    listed = {row["slug"]: row["equal_to"] for row in pat.get("/api/policies/").json()["results"]}
    assert listed["a-two"] == ["b-two"] and listed["access"] == []


def test_a_region_holds_those_below_it(cast: Cast) -> None:
    put(cast, "europe", when={"regions": ["eu"]})
    asked = request_access(
        environment=cast.environment(), route=route(), purpose="x", by=cast.dev,
        conditions=conditions({"regions": ["eu-central-1"]}),
    )  # fmt: skip
    assert (asked.policy and asked.policy.slug, asked.because) == ("europe", "region eu-central-1")
    assert choose("access", "", Traits(regions=frozenset({"europa"}))).policy.slug == "access"


def test_cost_is_compared_and_what_nobody_knows_meets_no_condition(cast: Cast) -> None:
    put(cast, "dear", when={"cost_above_a_month": 1000})
    for cost, slug in ((None, "access"), ("1000", "access"), ("1000.01", "dear")):
        traits = Traits(cost_a_month=Decimal(cost) if cost else None)
        assert choose("access", "", traits).policy.slug == slug, cost
    assert (
        choose("access", "", Traits(cost_a_month=Decimal("5000"))).because
        == f"more than 1,000 {settings.CURRENCY} a month"
    )


def test_a_version_to_come_decides_when_its_time_is_there(cast: Cast, legal: Board) -> None:
    begins = timezone.now() + dt.timedelta(days=3)
    legal_stage = [{"board": "legal", "quorum": 1}]
    coming = change_policy(
        subject_kind="access", sentence="Soon.", stages=legal_stage, effective_from=begins, by=cast.pat
    )
    assert policy_for("access").version == 1
    with pytest.raises(SeatNeeded):
        unseat(board=legal, user=cast.ned, by=cast.pat)
    pat = signed_in(cast.pat)
    assert "Soon." in pat.get("/platform/policies/?show=coming").content.decode()
    assert "Soon." not in pat.get("/platform/policies/").content.decode()
    Policy.objects.filter(version=2).update(effective_from=timezone.now())
    Policy.objects.filter(version=1).update(superseded_at=timezone.now())
    assert policy_for("access").pk == coming.pk


def test_a_version_that_was_to_come_gives_way_to_a_newer_one(cast: Cast) -> None:
    later = timezone.now() + dt.timedelta(days=30)
    change_policy(subject_kind="access", sentence="Later.", stages=RISK, effective_from=later, by=cast.pat)
    change_policy(subject_kind="access", sentence="Now.", stages=RISK, by=cast.pat)
    assert policy_for("access").sentence == "Now."
    never = Policy.objects.get(sentence="Later.")
    assert never.superseded_at == never.effective_from
    assert Policy.objects.not_over().filter(slug="access", effective_from__gt=timezone.now()).count() == 0
    with pytest.raises(Invalid, match="within a year"):
        change_policy(
            subject_kind="access", sentence="x", stages=RISK, by=cast.pat,
            effective_from=timezone.now() + dt.timedelta(days=900),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ({"risk": ["high"]}, "cannot ask for"),
        ({"regions": "eu"}, "list of words"),
        ({"risk_tiers": ["hgih"]}, "no risk tier"),
        ({"data_classes": ["secret"]}, "no class of data"),
        ({"cost_above_a_month": "much"}, "amount of money"),
        ({"cost_above_a_month": -1}, "amount of money"),
        ({"cost_above_a_month": "NaN"}, "amount of money"),
        ({"regions": [""]}, "words"),
        ([], "object"),
    ],
)
def test_a_condition_that_means_nothing_is_refused(cast: Cast, when: Any, why: str) -> None:
    if when == []:
        when = ["x"]
    with pytest.raises(UnfitCondition, match=why):
        put(cast, "odd", when=when)


def test_a_slug_stays_with_its_kind(cast: Cast) -> None:
    with pytest.raises(PolicyOfAnother):
        change_policy(subject_kind="onboarding", slug="access", sentence="x", stages=RISK, by=cast.pat)
    with pytest.raises(Invalid):
        put(cast, "Not A Slug")


def test_written_and_read_again_it_changes_nothing(cast: Cast, legal: Board) -> None:
    put(cast, "dear", when={"cost_above_a_month": "1000", "regions": ["eu"]}, priority=2, validity_days=30)
    text = written_in_force()
    before = Policy.objects.count()
    assert [change.changes for change in put_in_force(text, by=cast.pat)] == [[], []]
    assert Policy.objects.count() == before
    changed = text.replace("quorum: 1", "quorum: 2")
    assert {change.slug for change in tried(changed, by=cast.pat).changes} == {"access", "dear"}
    assert Policy.objects.count() == before, "a trial keeps nothing"
    put_in_force(changed, by=cast.pat)
    assert policy_for("access").stages == [{"board": "risk", "quorum": 2}]


def test_a_version_to_come_stays_when_its_policy_is_stated_as_it_stands(cast: Cast, legal: Board) -> None:
    begins = timezone.now() + dt.timedelta(days=3)
    put(cast, "other")
    coming = [{"board": "legal", "quorum": 1}]
    change_policy(
        subject_kind="access", slug="access", sentence="Soon.", stages=coming, effective_from=begins, by=cast.pat
    )
    put_in_force(written_in_force().replace("sentence: other.", "sentence: Otherwise."), by=cast.pat)
    to_come = Policy.objects.not_over().filter(effective_from__gt=timezone.now())
    assert [(row.slug, row.version) for row in to_come] == [("access", 2)]
    told = tried(written_in_force().replace("quorum: 1", "quorum: 2"), by=cast.pat)
    assert [change.slug for change in told.changes] == ["access", "other"]


def test_a_version_to_come_is_brought_forward_put_off_and_called_off(cast: Cast, legal: Board) -> None:
    begins, later = (timezone.now() + dt.timedelta(days=days) for days in (3, 5))
    coming = [{"board": "legal", "quorum": 1}]
    soon = {"slug": "access", "subject_kind": "access", "sentence": "Soon.", "stages": coming}
    change_policy(**soon, effective_from=begins, by=cast.pat)

    def changed(**more: Any) -> list[str]:
        found = compared([soon | more])
        return [each.name for change in found for each in change.changes]

    assert changed(effective_from=begins) == []
    assert changed(effective_from=later) == ["Effective from"]
    assert "Sentence" in changed(), "it does not decide yet"
    now = document_of(policy_for("access"))
    assert [change.changes for change in compared([now])] == [[]]
    called_off = compared([now | {"effective_from": begins}])
    assert {each.name for each in called_off[0].changes} == {"Sentence", "Stages 1, board"}
    put_in_force(stated(**soon), by=cast.pat)
    assert policy_for("access").sentence == "Soon."
    assert not Policy.objects.not_over().filter(effective_from__gt=timezone.now()).exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "begins with"),
        ("- a", "begins with"),
        ("a: [", "This is not YAML"),
        ("a: \x00", "not YAML"),
        (HEAD + "policies: &all [x]\nother: *all", "Anchors and aliases"),
        (HEAD + "policies: !!set {a}", "Tags"),
        (HEAD + f"policies: {'[' * 30}{']' * 30}", "deeper than"),
        (HEAD + "policies:\n- {slug: a, effective_from: 2027-02-30}", "day is out of range for month"),
        (HEAD + f"policies:\n- {{slug: a, priority: {'9' * 5000}}}", "not understood: Exceeds the limit"),
        (HEAD + f"policies:\n- {{slug: a, priority: 0x{'f' * 5000}}}", "too large"),
        (HEAD + 'policies:\n- {slug: a, sentence: "a\\0b"}', "character that text does not have"),
        (HEAD + "policies:\n- {slug: a, [b]: c}", "Line 3: A value is not understood"),
        ("policies: []", "begins with"),
        (HEAD + "policies: [1]", "not an object"),
        (HEAD + "policies: [{slug: a}]", "lacks"),
        (HEAD + "other: 1\npolicies: []", "no part"),
        (HEAD + "policies:\n- {slug: a, subject_kind: access, sentence: x, stages: 1}", "understood"),
        (HEAD + "policies:\n- {slug: a, subject_kind: access, sentence: x, stages: [x], odd: 1}", "odd"),
    ],
)  # fmt: skip
def test_a_document_that_is_not_understood_says_where(text: str, why: str) -> None:
    with pytest.raises(DocumentNotUnderstood, match=why):
        read(text)


def test_a_document_with_one_unfit_policy_changes_nothing(cast: Cast) -> None:
    before = Policy.objects.count()
    text = written_in_force().replace("sentence:", "validity_days: 3\n  sentence:")
    text += "- {slug: zz, subject_kind: access, sentence: x, stages: [{board: nowhere, quorum: 1}]}\n"
    with pytest.raises(DocumentNotUnderstood, match="zz: There is no board"):
        put_in_force(text, by=cast.pat)
    assert (Policy.objects.count(), policy_for("access").validity_days) == (before, None)
    assert not Entry.objects.filter(verb="policy.changed").exists()


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("slug", "a" * 61, "at most 60"),
        ("sentence", "x" * 301, "at most 300"),
        ("validity_days", 3651, "1 to 3,650 days"),
        ("validity_days", 3_000_000_000, "1 to 3,650 days"),
        ("stages", [{"board": "ri\x00sk", "quorum": 1}], "There is no board"),
    ],
)
def test_what_the_table_cannot_keep_is_refused_before_it_is_saved(cast: Cast, field: str, value: Any, why: str) -> None:
    policy = {"subject_kind": "access", "slug": "long", "sentence": "x", "stages": RISK} | {field: value}
    with pytest.raises(Invalid, match=why):
        change_policy(**policy, by=cast.pat)
    told = signed_in(cast.pat).post("/api/policies/", policy, content_type="application/json")
    assert told.status_code == 422, told.content
    text = yaml.safe_dump({"schema": SCHEMA, "policies": [policy]})
    told = signed_in(cast.pat).post("/api/policies/document/", {"document": text}, content_type="application/json")
    assert told.status_code == 422, told.content


def test_the_pages_and_the_api_read_and_change_the_document(cast: Cast) -> None:
    pat = signed_in(cast.pat)
    page = pat.get("/platform/policies/yaml/").content.decode()
    assert "schema: atrium policies 1" in page
    text = pat.get("/api/policies/document/").json()["document"].replace("quorum: 1", "quorum: 2")
    told = pat.post("/platform/policies/yaml/", {"document": text, "do": "try"}).content.decode()
    assert "What would change" in told and policy_for("access").version == 1
    told = pat.post("/api/policies/trial/", {"document": text}, content_type="application/json")
    assert told.json()["changes"][0]["changes"] == [{"name": "Stages 1, quorum", "before": "1", "after": "2"}]
    assert pat.post("/platform/policies/yaml/", {"document": text, "do": "put"}).status_code == 302
    assert policy_for("access").version == 2
    page = pat.get("/platform/policies/access/").content.decode()
    assert "<del>1</del>" in page and "<ins>2</ins>" in page and "quorum: 2" in page
    assert pat.get("/platform/policies/nowhere/").status_code == 404
    wrong = pat.post("/platform/policies/yaml/", {"document": "a: [", "do": "put"})
    assert wrong.status_code == 422 and "not YAML" in wrong.content.decode()


def test_the_form_states_conditions_priority_and_begin(cast: Cast) -> None:
    given = {
        "subject_kind": "access", "slug": "high-risk", "sentence": "High.", "board_1": "risk", "quorum_1": "1",
        "risk_tiers": "high, medium", "regions": "eu", "cost_above_a_month": "100", "priority": "3",
        "effective_from": "",
    }  # fmt: skip
    pat = signed_in(cast.pat)
    assert pat.post("/platform/policies/", given).status_code == 302
    made = Policy.objects.get(slug="high-risk")
    assert made.when == {"risk_tiers": ["high", "medium"], "regions": ["eu"], "cost_above_a_month": "100"}
    page = pat.get(f"/platform/policies/?from={made.pk}").content.decode()
    assert 'value="high, medium"' in page and 'value="high-risk"' in page
    wrong = pat.post("/platform/policies/", given | {"data_classes": "secret"})
    assert wrong.status_code == 422 and "no class of data" in wrong.content.decode()


def test_pages_of_policies_ask_the_database_little(cast: Cast, django_assert_max_num_queries: Any) -> None:
    for number in range(12):
        put(cast, f"p{number}", when={"regions": [f"r{number}"]})
        put(cast, "access-test", environment_kind="test", priority=number)
    pat = signed_in(cast.pat)
    for path in ("", "access-test/", "yaml/"):
        with django_assert_max_num_queries(12):
            assert pat.get(f"/platform/policies/{path}").status_code == 200
    with django_assert_max_num_queries(12):
        assert len(pat.get("/api/policies/").json()["results"]) == 25


def test_a_kind_that_is_registered_needs_nothing_of_the_engine(cast: Cast) -> None:
    done: list[str] = []
    register(
        SubjectKind(
            slug="toy_kind", name="A toy", effect="It is there.",
            on_approved=lambda request, decision, by: done.append(request.subject_key),
            traits=lambda facts: Traits(risk_tiers=frozenset({facts["tier"]})),
        )
    )  # fmt: skip
    change_policy(subject_kind="toy_kind", sentence="x", stages=RISK, when={"risk_tiers": ["high"]}, by=cast.pat)
    asked = submit(
        subject_kind="toy_kind", subject_key="t1", title="A toy", reason="x", facts={"tier": "high"},
        tenant=cast.acme, by=cast.dev,
    )  # fmt: skip
    assert (asked.policy and asked.policy.slug, asked.because) == ("toy-kind", "high risk")
    body = {"verdict": "approve", "comment": "ok"}
    told = signed_in(cast.rita).post(f"/api/requests/{asked.number}/vote/", body, content_type="application/json")
    assert (told.json()["state"], done) == ("approved", ["t1"])
    assert Request.objects.get().decision.record["policy"]["slug"] == "toy-kind"


def test_policies_from_before_are_called_after_what_they_are_for_and_lose_nothing(cast: Cast) -> None:
    migration = import_module("approvals.migrations.0007_requests_in_rounds_and_policies_as_data")
    Policy.objects.all().delete()
    kept = {"sentence": "So.", "stages": RISK, "validity_days": 7}
    for environment_kind, version in (("", 1), ("production", 1)):
        Policy.objects.bulk_create(
            [Policy(slug="", subject_kind="toy_kind", environment_kind=environment_kind, version=version, **kept)]
        )
        migration.name_policies(apps, SimpleNamespace(connection=connection))
    assert [(row.slug, row.environment_kind, row.stages, row.validity_days) for row in Policy.objects.all()] == [
        ("toy-kind", "", RISK, 7),
        ("toy-kind-production", "production", RISK, 7),
    ]
