"""The demonstration after people used it, through the doors they use: it goes as a whole, and what is real stays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from unittest import mock

import orjson
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.db.models import Sum
from django.test import Client
from pytest_django import Settings

from access.asking import request_access
from access.granting import grant
from approvals.boards import seat
from approvals.commenting import comment
from approvals.models import Board, Policy, Request
from approvals.voting import vote
from audit.identifiers import uuid7
from audit.models import Entry
from catalog.importing import local
from catalog.models import Route
from gateway.delivery import deliver
from gateway.refused import REFUSED
from playground.models import Answer, Feedback, Session
from portal import start_set
from tenants import keys, tokens
from tenants.memberships import add_member, appoint, remove_member
from tenants.models import Environment, Membership, Notification, Tenant, User
from tests.access.teams import send_team
from tests.cast import Cast
from tests.playground.conftest import Stage, form
from tests.playground.provider import provider
from tests.recast import again
from tests.usage.ledger_lines import called
from tests.usage.test_ledger import assert_totals_are_the_sums_of_the_calls, record
from usage.models import Call, PlatformRollup, Rollup
from usage.price_import import write_prices

FRESH_S = 300  # how long ago the demonstration may have been loaded
FIGURES = ["calls", "errors", "unpriced", "input_tokens", "output_tokens", "duration_ms", "cost"]


def demo(*flags: str) -> str:
    said = StringIO()
    call_command("demo", *flags, stdout=said)
    return said.getvalue()


@pytest.fixture
def stage(transactional_db: None, tmp_path: Path, settings: Settings) -> Iterator[Stage]:
    """A real installation, Acme and Globex, into which the demonstration was loaded."""
    settings.JOURNAL_FOLDER = tmp_path / "journal"
    with provider() as upstream, mock.patch("portal.demonstration.calls.TRAFFIC", ()):
        cast, real = again(installed, FRESH_S)
        made = Stage(cast, upstream)
        made.real = real  # type: ignore[attr-defined]
        yield made


def installed() -> tuple[Cast, dict[str, object]]:
    """What it holds, and its totals before the demonstration."""
    cast = Cast.create()
    Policy.objects.all().delete()
    Board.objects.all().delete()
    start_set.load()
    cast.risk = Board.objects.get(slug="risk")
    seat(board=cast.risk, user=cast.rita, by=cast.pat)
    _, offer = local.write()
    write_prices([offer])
    called(cast.environment(), by=cast.dev)
    called(cast.environment(), days_ago=40)
    real = totals()
    demo()
    return cast, real


def totals() -> dict[str, object]:
    """The platform's totals of every span and dimension."""
    keys_of_line = ["dimension", "span", "day", "value", "currency"]
    rows = PlatformRollup.objects.values(*keys_of_line).annotate(**{f"sum_{name}": Sum(name) for name in FIGURES})
    return {str(tuple(row[name] for name in keys_of_line)): row for row in rows.order_by(*keys_of_line)}


def somewhere() -> Environment:
    return Environment.objects.select_related("tenant", "project").get(project__slug="card-support", kind="development")


def known(username: str) -> User:
    return User.objects.get(username=username)


def use(stage: Stage) -> None:
    """Everything that people do in a demonstration, real people among them."""
    place, developer, dev = somewhere(), known("developer"), stage.cast.dev
    routes = ("says-hello-world", "says-good-bye")
    stage.grant(*routes, environment=place)
    answered = stage.run(developer, form(*routes, environment=place.path))
    assert "hello world" in answered.html
    winner = Answer.objects.first()
    assert winner is not None
    browser = Client()
    browser.force_login(developer)
    browser.post(f"/playground/{Session.objects.get().pk}/vote/", {"winner": str(winner.pk)})
    assert Feedback.objects.count() == 1
    called(place, by=developer)  # as the gateway wrote calls before it marked them
    called(place, by=developer, is_demonstration=True)
    called(place, outcome="failed", cost=None)
    add_member(tenant=place.tenant, user=dev, role="developer", by=known("tenant-owner"))
    called(place, by=dev)
    keys.issue(environment=place, name="Notebook", by=dev)
    tokens.issue(user=developer, name="Script", by=developer)
    request = request_access(
        environment=Environment.objects.get(tenant=place.tenant, project__slug="branch-assistant", kind="development"),
        route=Route.objects.get(slug="smollm2"),
        purpose="Try it",
        by=dev,
    )
    comment(request=request, text="Please.", by=dev)
    vote(review=request.reviews.get(), verdict="approve", comment="Fine.", by=stage.cast.rita)
    send_team(slug="newcomers", by=known("newcomer"))
    team = Request.objects.get(subject_key="newcomers")
    vote(review=team.reviews.get(), verdict="approve", comment="Fine.", by=stage.cast.rita)
    add_member(tenant=Tenant.objects.get(slug="newcomers"), user=dev, role="viewer", by=known("newcomer"))
    seat(board=stage.cast.risk, user=developer, by=stage.cast.pat)
    appoint(user=known("newcomer"), role="finops", by=known("platform-admin"))


def left() -> dict[str, int]:
    """How many rows each table holds, but those that any use adds to."""
    changing = {"audit.Entry", "audit.DayHead", "sessions.Session"}
    models = [m for m in apps.get_models() if m._meta.label not in changing]
    return {m._meta.label: n for m in models if (n := m._default_manager.count())}


def wait_for_the_ledger(count: int) -> None:
    until = time.monotonic() + 5
    while Call.objects.count() < count and time.monotonic() < until:
        time.sleep(0.05)
    assert Call.objects.count() == count


def test_it_goes_as_a_whole_after_it_was_used_and_what_is_real_stays(stage: Stage) -> None:
    with_demonstration = left()
    use(stage)
    wait_for_the_ledger(8)
    said = demo("--remove")
    assert "6 calls, 4 tenants, 28 people, 0 people kept" in said
    assert set(Tenant.objects.values_list("slug", flat=True)) == {"acme", "globex"}
    assert not User.objects.filter(is_demonstration=True).exists()
    after = left()
    assert (after["tenants.User"], after["usage.Call"], after["usage.Rollup"]) == (10, 2, 2)
    for label in ("approvals.Request", "approvals.Vote", "approvals.Comment", "approvals.Decision", "access.Grant",
                  "tenants.ApiKey", "tenants.PersonalToken", "playground.Session", "playground.Feedback",
                  "tenants.Notification"):  # fmt: skip
        assert label not in after, label
    assert set(after) <= set(with_demonstration)
    assert_totals_are_the_sums_of_the_calls()
    assert totals() == stage.real  # type: ignore[attr-defined]
    assert Membership.objects.filter(user=stage.cast.dev).count() == 1
    browser = Client()
    browser.force_login(stage.cast.dev)
    assert browser.get("/").status_code == 200
    assert Entry.objects.filter(verb="demonstration.removed").count() == 1


def test_it_begins_anew_after_it_was_used(stage: Stage) -> None:
    use(stage)
    wait_for_the_ledger(8)
    assert "loaded 26 people" in demo("--reset")
    use(stage_without_a_route(stage))
    assert "28 people" in demo("--remove")
    assert totals() == stage.real  # type: ignore[attr-defined]


def stage_without_a_route(stage: Stage) -> Stage:
    """The same, whose route is in the catalog already."""

    def again(*slugs: str, environment: Environment | None = None) -> None:
        for slug in slugs:
            grant(environment=environment or somewhere(), route=Route.objects.get(slug=slug), by=stage.cast.pat)

    stage.grant = again  # type: ignore[method-assign]
    return stage


def test_who_acted_in_a_real_tenant_stays_as_an_account_without_a_use_and_gives_the_name_back(stage: Stage) -> None:
    developer, cast = known("developer"), stage.cast
    add_member(tenant=cast.acme, user=developer, role="developer", by=cast.olivia)
    issued = keys.issue(environment=cast.environment(), name="Batch", by=developer).key
    remove_member(membership=Membership.objects.get(tenant=cast.acme, user=developer), by=cast.olivia)
    assert "1 people kept" in demo("--reset")
    issued.refresh_from_db()
    assert issued.created_by is not None and str(issued.created_by) == "Daria Novak"
    kept = issued.created_by
    assert (kept.is_active, kept.has_usable_password(), kept.email) == (False, False, "")
    assert known("developer").pk != kept.pk
    assert "1 people kept" not in demo("--remove")
    assert User.objects.filter(pk=kept.pk).exists()


def test_calls_that_were_still_in_a_journal_are_let_go_and_those_of_nobody_known_are_put_aside(
    stage: Stage, tmp_path: Path
) -> None:
    place = somewhere()
    late = record(
        stage.cast, id=uuid7(), tenant_id=place.tenant_id, project_id=place.project_id, environment_id=place.pk
    )
    strange = record(stage.cast, id=uuid7(), tenant_id=uuid7())
    good = record(stage.cast, id=uuid7())
    demo("--remove")
    deliver([late.row(), strange.row(), good.row()], tmp_path)
    assert not Call.objects.filter(pk=late.id).exists() and Call.objects.filter(pk=good.id).exists()
    aside = [orjson.loads(line)["row"]["id"] for line in (tmp_path / REFUSED).read_bytes().splitlines()]
    assert aside == [str(strange.id)]


def test_calls_of_real_tenants_cannot_be_deleted_marked_or_not_nor_by_making_the_tenant_a_demonstration(
    stage: Stage,
) -> None:
    called(stage.cast.environment(), is_demonstration=True)
    for call in Call.objects.filter(tenant=stage.cast.acme):
        with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
            Call.objects.filter(pk=call.pk)._raw_delete("default")
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        Tenant.objects.filter(slug="acme").update(is_demonstration=True)


def test_lines_of_real_bells_about_the_demonstration_go_and_the_others_stay(stage: Stage) -> None:
    use(stage)
    Notification.objects.create(user=stage.cast.dev, title="Real", path="/tenants/acme/")
    assert Notification.objects.filter(user=stage.cast.rita).exists()
    demo("--remove")
    assert list(Notification.objects.values_list("title", flat=True)) == ["Real"]
    assert Rollup.objects.count() == 2
