"""A project moves to another tenant: what is used goes along, what was spent stays with who spent it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db.models import ForeignKey
from django.test import Client

from access.asking import request_access
from access.bringing import DecidedThere
from access.granting import grant
from access.granting import revoke as revoke_grant
from access.models import Grant
from approvals.delegation.tables import Delegation
from approvals.models import Request
from approvals.sealing.verifying import verify
from approvals.voting import vote
from audit.models import Entry
from audit.record import SYSTEM
from playground.asking import begin_session
from playground.columns import from_api
from playground.models import Answer, Feedback, Session, Turn
from tenants import archiving, moving
from tenants.activation import deactivate
from tenants.keys import issue, revoke
from tenants.memberships import add_member
from tenants.models import ApiKey, Environment, Notification, Project, Tenant
from tenants.owned import owned_models
from tenants.structure import SlugTaken, create_project, create_tenant
from tests.approvals.test_at_once import at_once, house  # noqa: F401  # a fixture
from tests.cast import Cast, route
from tests.tenants.test_invitations import signed_in
from tests.usage.ledger_lines import called
from usage.limits.budgets import set_budget
from usage.limits.places import of_environment, of_project
from usage.limits.setting import set_limits
from usage.models import Budget, Call, Limit, Rollup


@pytest.fixture
def both(cast: Cast) -> Cast:
    """Olivia owns Globex too."""
    add_member(tenant=cast.globex, user=cast.olivia, role="owner", by=cast.greta)
    return cast


def decides(capability: str, tenant: Tenant | None, mode: str) -> None:
    """As an approved change leaves it; how it comes there is tested with the capability."""
    Delegation.objects.create(capability=capability, tenant=tenant, mode=mode, sentence="So it is.")


@pytest.mark.parametrize(("capability", "words"), [("keys", "keys that work"), ("models", "access to models")])
def test_what_was_left_to_one_tenant_is_not_brought_past_who_decides_in_the_other(
    both: Cast, capability: str, words: str
) -> None:
    issue(environment=both.environment(), name="CI", by=both.olivia)
    grant(environment=both.environment(), route=route(), by=both.pat)
    decides(capability, both.acme, "tenant")
    decides(capability, both.globex, "platform")
    with pytest.raises(DecidedThere, match=words):
        moving.move_project(project=both.project, to=both.globex, by=both.olivia)
    both.project.refresh_from_db()
    assert both.project.moved_to == ""
    moving.move_project(project=both.project, to=both.globex, by=both.pat)


def test_what_was_decided_alike_goes_along(both: Cast) -> None:
    decides("keys", None, "platform")
    issue(environment=both.environment(), name="CI", by=SYSTEM)
    grant(environment=both.environment(), route=route(), by=both.pat)
    moving.move_project(project=both.project, to=both.globex, by=both.olivia)


def test_limits_that_one_may_not_take_away_are_not_lost_by_moving(both: Cast, olivia: Client, page: str) -> None:
    decides("limits", None, "platform")
    set_limits(place=of_project(both.project), amounts={"requests": 5}, by=both.pat)
    told = olivia.post(page, {"to": "globex", "confirm_name": "support"})
    assert told.status_code == 422 and "which end with a move" in told.content.decode()
    assert Limit.objects.get().project == both.project
    moving.move_project(project=both.project, to=both.globex, by=both.pat)
    assert not Limit.objects.exists()


@pytest.fixture
def olivia(both: Cast) -> Client:
    return signed_in(both.olivia)


@pytest.fixture
def page(cast: Cast) -> str:
    return f"/tenants/acme/projects/{cast.project.pk}/move/"


@pytest.fixture
def used(both: Cast) -> Cast:
    """A project with everything that a project can have."""
    made, place = route(), both.environment()
    granted = request_access(environment=place, route=made, purpose="Try", by=both.dev)
    vote(review=granted.reviews.get(), verdict="approve", comment="Fine", by=both.rita)
    request_access(environment=both.environment("test"), route=made, purpose="Try", by=both.dev)
    issue(environment=place, name="job", by=both.olivia)
    revoke(key=issue(environment=place, name="old", by=both.olivia).key, by=both.olivia)
    columns = from_api([{"route": "echo-model"}])
    session = begin_session(environment=place, columns=columns, is_blind=False, by=both.dev)
    turn = Turn.objects.create(session=session, position=1, prompt="Hello")
    answer = Answer.objects.create(turn=turn, column=1, route="echo-model", state=Answer.State.DONE, text="Hi")
    Feedback.objects.create(tenant=both.acme, turn=turn, voter=both.dev, winner=answer)
    called(place)
    return both


def test_it_works(used: Cast, olivia: Client, page: str) -> None:
    assert page in olivia.get(f"/tenants/acme/projects/{used.project.pk}/").content.decode()
    shown = olivia.get(f"{page}?to=globex").content.decode()
    for said in ("1 working key", "1 grant<", "2 requests", "1 session<", "R-2, ", "is withdrawn undecided",
                 "2 lose sight", "Dev, Vera", "1 see it who did not", "Greta", "Type <strong>support"):  # fmt: skip
        assert said in shown, said
    assert Project.objects.get(pk=used.project.pk).moved_to == "", "looked at only"
    assert olivia.post(page, {"to": "globex", "confirm_name": "support"}).status_code == 302
    there = olivia.get("/tenants/globex/projects/").content.decode()
    assert "globex/support" in there
    assert "Moved to globex/support" in olivia.get("/tenants/acme/projects/?state=archived").content.decode()
    assert olivia.get("/tenants/globex/keys/").content.decode().count("job") >= 1
    assert "echo-model" in olivia.get("/tenants/globex/grants/").content.decode()
    told = {entry.tenant: entry.verb for entry in Entry.objects.filter(verb__in=("project.moved", "project.arrived"))}
    assert told == {"acme": "project.moved", "globex": "project.arrived"}
    assert Notification.objects.filter(user=used.greta, title="Support came from Acme to Globex").exists()
    assert Notification.objects.filter(user=used.vera, title="Support moved from Acme to Globex").exists()


@pytest.fixture
def moved(used: Cast) -> Project:
    return moving.move_project(project=used.project, to=used.globex, by=used.olivia)


def test_every_row_belongs_to_the_tenant_of_its_environment(used: Cast, moved: Project) -> None:
    for model in owned_models():
        names = {field.name for field in model._meta.get_fields() if isinstance(field, ForeignKey)}
        if {"tenant", "environment"} <= names:
            rows: Any = model._default_manager.exclude(environment=None).select_related("environment")
            assert all(row.tenant_id == row.environment.tenant_id for row in rows), model
    for rows in (ApiKey.objects.all(), Grant.objects.all(), Session.objects.all(), Request.objects.all()):
        assert {row.environment.project_id for row in rows} == {moved.pk}
    assert Feedback.objects.get().tenant == used.globex
    assert {place.tenant for place in Environment.objects.filter(project=moved)} == {used.globex}


def test_the_ledger_stays_with_who_spent(used: Cast, moved: Project) -> None:
    for line in (Call.objects.get(), Rollup.objects.get()):
        assert (line.tenant, line.project) == (used.acme, used.project)
    assert "Batch job" in signed_in(used.dev).get("/usage/calls/?tenant=acme&period=90d").content.decode()
    assert "Batch job" not in signed_in(used.greta).get("/usage/calls/?tenant=globex&period=90d").content.decode()


def test_open_requests_are_withdrawn_and_who_asked_is_told(used: Cast, moved: Project) -> None:
    assert list(Request.objects.order_by("number").values_list("state", flat=True)) == ["approved", "withdrawn"]
    note = Notification.objects.get(user=used.dev, title__startswith="Withdrawn: ")
    assert note.body == "Support moves to Globex, where it can be asked for again."
    assert "withdrew" in signed_in(used.dev).get("/requests/2/?tab=history").content.decode().lower()


def test_decisions_keep_their_seal_and_those_there_read_them(used: Cast, moved: Project) -> None:
    decision = Request.objects.get(number=1).decision
    assert verify(decision).is_intact
    greta = signed_in(used.greta)
    assert greta.get(f"/decisions/{decision.pk}/").status_code == 200
    assert greta.get("/tenants/globex/grants/").status_code == 200
    assert signed_in(used.vera).get(f"/decisions/{decision.pk}/").status_code == 404


def test_who_is_no_member_there_loses_sight(used: Cast, moved: Project) -> None:
    dev, session = signed_in(used.dev), Session.objects.get()
    assert dev.get(session.get_absolute_url()).status_code == 404
    assert dev.get("/playground/sessions/").status_code == 200
    assert dev.get("/api/keys/").json()["results"] == []
    assert dev.get(f"/api/projects/{moved.pk}/").status_code == 404


def test_the_api_does_the_same(used: Cast, olivia: Client) -> None:
    place = f"/api/projects/{used.project.pk}/move/"
    assert olivia.get(place).json()["targets"] == ["globex"]
    told = olivia.get(f"{place}?to=globex").json()
    assert told["lose"] == ["dev", "vera"] and told["gain"] == ["greta"] and len(told["keys"]) == 1
    assert told["along"] == {"API keys": 2, "grants": 1, "requests": 2, "sessions": 1, "feedback": 1}
    made = olivia.post(place, {"to": "globex"}, "application/json").json()
    assert (made["tenant"], made["slug"]) == ("globex", "support") and made["id"] != str(used.project.pk)
    left = olivia.get(f"/api/projects/{used.project.pk}/").json()
    assert left["moved_to"] == "globex/support" and left["archived_at"]
    again = olivia.post(place, {"to": "globex"}, "application/json")
    assert again.status_code == 409 and "moved to globex/support" in again.json()["detail"]


def test_only_who_manages_both_may(cast: Cast, page: str) -> None:
    place, body = f"/api/projects/{cast.project.pk}/move/", {"to": "globex"}
    statuses = {
        who: signed_in(getattr(cast, who)).post(place, body, "application/json").status_code
        for who in ("ned", "greta", "dev", "olivia")
    }
    assert statuses == {"ned": 404, "greta": 404, "dev": 403, "olivia": 404}
    add_member(tenant=cast.globex, user=cast.olivia, role="admin", by=cast.greta)
    assert signed_in(cast.olivia).post(place, body, "application/json").status_code == 403
    told = signed_in(cast.olivia).post(page, {"to": "globex", "confirm_name": "support"})
    assert told.status_code == 422 and "There is no tenant “globex” that you manage" in told.content.decode()
    assert signed_in(cast.pat).post(place, body, "application/json").status_code == 200


def test_who_manages_one_tenant_alone_is_led_back(cast: Cast, page: str) -> None:
    shown = signed_in(cast.olivia).get(page).content.decode()
    assert "You manage no other tenant." in shown and f"Back to {cast.project}" in shown


def test_what_stands_against_it(both: Cast, olivia: Client, page: str) -> None:
    place = f"/api/projects/{both.project.pk}/move/"

    def code(to: str) -> str:
        return str(olivia.post(place, {"to": to}, "application/json").json()["code"])

    assert code("acme") == "same_tenant"
    create_project(tenant=both.globex, slug="supp-0rt", name="Other", by=both.greta)
    assert code("globex") == "slug_taken"
    shown = create_tenant(slug="shown", name="Shown", owner=both.olivia, by=both.pat, is_demonstration=True)
    assert code(shown.slug) == "demonstration_stays"
    third = create_tenant(slug="third", name="Third", owner=both.olivia, by=both.pat)
    archiving.archive_tenant(tenant=third, by=both.olivia)
    assert code("third") == "tenant_archived"
    wrong = olivia.post(page, {"to": "globex", "confirm_name": "Support"}).content.decode()
    assert "or one that looks like it" in wrong
    archiving.archive_project(project=both.project, by=both.olivia)
    archiving.restore_tenant(tenant=third, by=both.olivia)
    assert code("third") == "project_archived"


def test_it_is_confirmed_by_its_name(both: Cast, olivia: Client, page: str) -> None:
    told = olivia.post(page, {"to": "globex", "confirm_name": "Support"})
    assert told.status_code == 422 and "Type the short name exactly" in told.content.decode()
    assert Project.objects.get(pk=both.project.pk).moved_to == ""


def test_it_can_come_back_to_what_it_left(used: Cast, moved: Project, olivia: Client) -> None:
    back = moving.move_project(project=moved, to=used.acme, by=used.olivia)
    assert back.pk == used.project.pk and back.archived_at is None and back.moved_to == ""
    assert {key.environment.project_id for key in ApiKey.objects.all()} == {used.project.pk}
    assert {key.tenant for key in ApiKey.objects.all()} == {used.acme}
    assert Project.objects.get(pk=moved.pk).moved_to == "acme/support"


def test_what_is_left_is_neither_restored_nor_used(used: Cast, moved: Project, olivia: Client) -> None:
    told = olivia.post(f"/api/projects/{used.project.pk}/restore/", {}, "application/json")
    assert told.status_code == 409 and told.json()["code"] == "project_moved"
    told = olivia.post("/api/keys/", {"environment": "acme/support/test", "name": "x"}, "application/json")
    assert told.json()["code"] == "project_archived"
    with pytest.raises(SlugTaken):
        create_project(tenant=used.acme, slug="support", name="Other", by=used.olivia)


def test_every_kind_of_row_goes_along_or_says_why_not() -> None:
    following = {model._meta.label for model, _, _ in moving._following(Project())}
    staying = {m._meta.label for m in owned_models() if getattr(m, "stays_behind", "")}
    assert following >= {
        "tenants.ApiKey",
        "access.Grant",
        "approvals.Request",
        "playground.Session",
        "playground.Feedback",
    }
    assert staying == {
        "usage.Body",
        "usage.RetentionPolicy",
        "usage.RunningCall",
        "usage.Call",
        "usage.Rollup",
        "usage.Limit",
        "usage.Budget",
        "access.KeyPermit",
        "tenants.ProjectRole",
    }
    of_projects = {
        model._meta.label
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, ForeignKey) and field.related_model in (Project, Environment) and model != Environment
    }
    assert of_projects - following - staying == set(), "leads to a project, and nobody said what becomes of it"


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_moved_twice_it_moves_once(self, house: Cast) -> None:  # noqa: F811
        third = create_tenant(slug="third", name="Third", owner=house.olivia, by=house.pat)
        add_member(tenant=house.globex, user=house.olivia, role="owner", by=house.greta)
        told = at_once(
            *(
                lambda t=target: moving.move_project(project=house.project, to=t, by=house.olivia)  # type: ignore[misc]
                for target in (third, house.globex, third)
            )
        )
        assert sorted(told) == ["done", "project_archived", "project_archived"]
        assert Project.objects.filter(slug="support", archived_at=None).count() == 1

    def test_moved_while_a_board_decides_the_grant_is_there_or_the_request_withdrawn(self, house: Cast) -> None:  # noqa: F811
        add_member(tenant=house.globex, user=house.olivia, role="owner", by=house.greta)
        asked = request_access(environment=house.environment(), route=route(), purpose="x", by=house.dev)
        told = at_once(
            lambda: vote(review=asked.reviews.get(), verdict="approve", comment="ok", by=house.rita),
            lambda: moving.move_project(project=house.project, to=house.globex, by=house.olivia),
        )
        assert told[1] == "done" and told[0] in ("done", "transition_not_possible")
        asked.refresh_from_db()
        given = Grant.objects.filter(tenant=house.globex).count()
        assert (asked.state, given) in (("approved", 1), ("withdrawn", 0))

    def test_moved_while_keys_and_access_are_revoked_all_of_it_is_done(self, house: Cast) -> None:  # noqa: F811
        made = route()
        for kind in ("development", "test", "production"):
            grant(environment=house.environment(kind), route=made, by=house.pat)
        keys = [issue(environment=house.environment(), name=f"k{n}", by=house.olivia).key for n in range(4)]
        told = at_once(
            lambda: moving.move_project(project=house.project, to=house.globex, by=house.pat),
            *(lambda k=key: revoke(key=k, by=house.olivia) for key in keys),  # type: ignore[misc]
            *(lambda g=given: revoke_grant(grant=g, by=house.pat, reason="x") for given in Grant.objects.all()),  # type: ignore[misc]
        )
        assert set(told) == {"done"}
        assert not ApiKey.objects.filter(revoked_at=None).exists() and not Grant.objects.in_force().exists()
        assert (
            {row.tenant for row in ApiKey.objects.all()}
            == {row.tenant for row in Grant.objects.all()}
            == {house.globex}
        )

    def test_two_tenants_that_give_to_each_other_do_not_wait_for_ever(self, house: Cast) -> None:  # noqa: F811
        add_member(tenant=house.globex, user=house.olivia, role="owner", by=house.greta)
        told = at_once(
            lambda: moving.move_project(project=house.project, to=house.globex, by=house.olivia),
            lambda: moving.move_project(project=house.foreign_project, to=house.acme, by=house.olivia),
        )
        assert told == ["done", "done"]
        assert Tenant.objects.get(slug="acme").projects.filter(slug="secret", archived_at=None).exists()


def test_limits_and_budgets_end_and_keys_work_on_without_their_holders(used: Cast, olivia: Client, page: str) -> None:
    place = of_project(used.project)
    set_limits(place=place, amounts={"requests": 5}, by=used.olivia)
    set_budget(place=of_environment(used.environment()), amount=Decimal(5), by=used.olivia)
    add_member(tenant=used.acme, user=used.ned, role="developer", by=used.olivia)
    theirs = issue(environment=used.environment(), name="ned's", by=used.ned).key
    off = issue(environment=used.environment(), name="vera's", by=used.olivia, holder=used.vera).key
    deactivate(user=used.vera, by=used.pat)
    shown = olivia.get(f"{page}?to=globex").content.decode()
    assert "1 limit and 1 budget of the project, its environments and keys" in shown
    moving.move_project(project=used.project, to=used.globex, by=used.olivia)
    assert not Limit.objects.exists() and not Budget.objects.exists()
    theirs.refresh_from_db()
    off.refresh_from_db()
    assert theirs.holder is None, "it works on, as the environment's own"
    assert off.holder == used.vera, "it opened nothing before"
