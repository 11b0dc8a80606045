"""Files at the same instant, files of many, and a person at the terminal who says yes or no."""

from __future__ import annotations

import sys
from io import StringIO
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.applying.applying import apply
from access.applying.planning import plan
from access.applying.reading import read
from access.applying.steps import TooManySteps
from audit.models import Entry
from audit.record import SYSTEM
from portal.command import main
from tenants.memberships import add_member
from tenants.models import Membership, Tenant, User
from tenants.structure import change_project
from tests.approvals.test_at_once import at_once
from tests.cast import Cast

HEAD = "schema: 1\ntenant: acme\n"


def applied(cast: Cast, text: str, by: Any) -> Any:
    """A deed that applies a plan which was seen before anybody began."""
    document = read(text)
    seen = plan(document=document, tenant=cast.acme, prune=False, by=by)

    def deed() -> None:
        apply(document=document, tenant=cast.acme, prune=False, fingerprint=seen.fingerprint, by=by)

    return deed


@pytest.fixture
def house(transactional_db: None) -> Cast:
    return Cast.create()


def test_of_two_who_saw_the_same_plan_one_does_it(house: Cast) -> None:
    text = f"{HEAD}name: Once\nprojects: {{claims: {{name: Claims}}}}\nmembers: [{{person: ned, role: viewer}}]\n"
    told = at_once(*(applied(house, text, by) for by in (house.olivia, house.pat, SYSTEM)))
    assert sorted(told) == ["done", "plan_is_stale", "plan_is_stale"]
    assert Entry.objects.filter(verb="tenant.applied").count() == 1
    assert Entry.objects.filter(verb="project.created", tenant="acme", subject_label="Claims").count() == 1


def test_a_file_and_a_person_on_a_page_do_not_overwrite_each_other(house: Cast) -> None:
    text = f"{HEAD}projects: {{support: {{name: By file}}}}\nmembers: [{{person: vera, role: admin}}]\n"
    told = at_once(
        applied(house, text, house.olivia),
        lambda: add_member(tenant=house.acme, user=house.vera, role="billing", by=house.pat, seen="viewer"),
        lambda: change_project(project=house.project, name="By page", purpose="", by=house.pat),
    )
    role = Membership.objects.get(user=house.vera).role
    house.project.refresh_from_db()
    if told[0] == "done":
        assert role == "admin" and told[1] == "role_changed", told
    else:
        assert told[0] == "plan_is_stale" and (role, house.project.name) != ("admin", "By file"), told


@pytest.mark.django_db
def test_a_plan_costs_as_many_queries_for_many_as_for_few(cast: Cast) -> None:
    def queries(people: int) -> int:
        members = "".join(f"- {{person: user{number}, role: viewer}}\n" for number in range(people))
        invited = "".join(f"- {{person: new{number}@example.test, role: viewer}}\n" for number in range(people))
        document = read(f"{HEAD}members:\n{members}{invited}")
        with CaptureQueriesContext(
            connection,
        ) as asked:
            made = plan(document=document, tenant=Tenant.objects.get(slug="acme"), prune=False, by=cast.olivia)
        assert len(made.steps) == 2 * people
        return len(asked)

    User.objects.bulk_create(User(username=f"user{number}", email=f"u{number}@x.test") for number in range(150))
    queries(1)  # what is looked up once in a process
    assert queries(150) == queries(2) <= 30


@pytest.mark.django_db
def test_more_mails_than_one_file_may_send_are_refused_before_any_is_sent(cast: Cast) -> None:
    invited = "".join(f"- {{person: new{number}@example.test, role: viewer}}\n" for number in range(201))
    with pytest.raises(Exception, match="more than 200 people"):
        plan(document=read(f"{HEAD}members:\n{invited}"), tenant=cast.acme, prune=False, by=cast.olivia)


@pytest.mark.django_db
def test_what_would_hold_up_everybody_is_refused_and_shown(cast: Cast) -> None:
    User.objects.bulk_create(User(username=f"user{number}") for number in range(501))
    document = read(f"{HEAD}members:\n" + "".join(f"- {{person: user{n}, role: viewer}}\n" for n in range(501)))
    seen = plan(document=document, tenant=cast.acme, prune=False, by=cast.olivia)
    with pytest.raises(TooManySteps, match="501 steps; 500 is the most"):
        apply(document=document, tenant=cast.acme, prune=False, fingerprint=seen.fingerprint, by=cast.olivia)
    assert Membership.objects.filter(tenant=cast.acme).count() == 3


@pytest.mark.django_db
@pytest.mark.parametrize(("answer", "status", "name"), [("y\n", 0, "Asked"), ("n\n", 1, "Acme"), ("", 1, "Acme")])
def test_a_person_at_the_terminal_is_asked(
    cast: Cast, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, answer: str, status: int, name: str
) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    (tmp_path / "t.yaml").write_text(f"{HEAD}name: Asked\n")
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert main(["apply", "-f", str(tmp_path / "t.yaml")]) == status
    assert Tenant.objects.get(slug="acme").name == name


@pytest.mark.django_db
def test_an_escape_in_a_name_does_not_reach_the_terminal(cast: Cast, tmp_path: Any, capsys: Any) -> None:
    (tmp_path / "t.yaml").write_text(f'{HEAD}name: "Red\\e[31m"\n')
    assert main(["apply", "-f", str(tmp_path / "t.yaml"), "--check"]) == 2
    assert "\x1b[31m" not in capsys.readouterr().out
