"""Somebody stands in for a member who is away: no more than the absent one holds, no longer, and nothing lent on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.utils import timezone

from tenants import elevating, ownership, scoping, standing_in, timing
from tenants.activation import deactivate
from tenants.delegation import assignable
from tenants.elevations import Elevation
from tenants.explaining import explain
from tenants.memberships import add_member, remove_member
from tenants.models import DirectoryToken, Membership, Notification, PersonalToken, Project, User
from tenants.service_accounts import create as create_service_account
from tenants.structure import create_tenant
from tests.cast import Cast, person
from tests.tenants.test_custom_roles import held
from tests.tenants.test_invitations import signed_in

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


def named(cast: Cast, person: User, by: User, *, in_days: int = 0, days: int = 7) -> Elevation:
    now = timezone.now()
    return standing_in.name_stand_in(
        tenant=cast.acme, person=person, starts_at=now + in_days * DAY, ends_at=now + (in_days + days) * DAY, by=by
    )


def test_it_works(cast: Cast) -> None:
    olivia, vera = signed_in(cast.olivia), signed_in(cast.vera)
    today = timezone.now().date()
    form = {"person": str(cast.vera.pk), "starts_on": today.isoformat(), "ends_on": (today + DAY).isoformat()}
    assert olivia.post("/tenants/acme/elevations/stand-in/", form).status_code == 302
    assert held(cast.vera, cast) == held(cast.olivia, cast)
    assert vera.get("/tenants/acme/settings/").status_code == 200
    page = " ".join(vera.get("/tenants/acme/members/").content.decode().split())
    assert "stands in for Olivia until" in page
    assert Notification.objects.filter(user=cast.vera, title__startswith="Vera stands in for Olivia in Acme").exists()
    told = explain(cast.vera, "manage_tenant", cast.acme)
    assert told.allowed and "Vera stands in for Olivia in Acme until" in told.links[-1].sentence
    elevation = Elevation.objects.get()
    Elevation.objects.filter(pk=elevation.pk).update(starts_at=timezone.now() - 2 * DAY, ends_at=timezone.now())
    assert vera.get("/tenants/acme/settings/").status_code == 403
    assert held(cast.vera, cast) == {"view_tenant", "view_usage"}


def test_it_begins_when_its_time_has_come(cast: Cast) -> None:
    elevation = named(cast, cast.vera, cast.olivia, in_days=3)
    assert elevation.state == "planned" and "manage_tenant" not in held(cast.vera, cast)
    assert timing.settle_all() == 0
    Elevation.objects.filter(pk=elevation.pk).update(starts_at=timezone.now())
    assert timing.settle_all() == 1 and "manage_tenant" in held(cast.vera, cast)
    assert timing.settle_all() == 0


def test_when_the_absent_one_loses_it_so_does_who_stands_in(cast: Cast) -> None:
    add_member(tenant=cast.acme, user=cast.ned, role="owner", by=cast.olivia)
    named(cast, cast.vera, cast.olivia)
    add_member(tenant=cast.acme, user=cast.olivia, role="developer", by=cast.ned)
    assert "manage_keys" in held(cast.vera, cast) and "manage_tenant" not in held(cast.vera, cast)
    add_member(tenant=cast.acme, user=cast.olivia, role="admin", by=cast.ned)
    assert "manage_members" in held(cast.vera, cast)
    remove_member(membership=Membership.objects.get(user=cast.olivia, tenant=cast.acme), by=cast.ned)
    assert held(cast.vera, cast) == {"view_tenant", "view_usage"}
    assert Elevation.objects.get().state == "over"


def test_who_is_switched_off_lends_nothing(cast: Cast) -> None:
    named(cast, cast.vera, cast.dev)
    assert "manage_keys" in held(cast.vera, cast)
    deactivate(user=cast.dev, by=cast.pat)
    assert "manage_keys" not in held(cast.vera, cast)


def test_what_is_lent_is_not_lent_on_nor_is_what_one_has_for_a_time(cast: Cast) -> None:
    named(cast, cast.dev, cast.olivia)
    named(cast, cast.vera, cast.dev)
    assert "manage_tenant" in held(cast.dev, cast)
    assert held(cast.vera, cast) == held_of("developer")
    Elevation.objects.filter(absent=cast.olivia).delete()
    elevating.give(tenant=cast.acme, user=cast.dev, role="admin", hours=1, reason="x", by=cast.olivia)
    assert held(cast.vera, cast) == held_of("developer")
    assert {role.slug for role in assignable(User.objects.get(pk=cast.vera.pk), cast.acme)} == set()


def held_of(role: str) -> set[str]:
    from tenants.roles import TENANT_ROLES

    return {each.removeprefix("tenants.") for each in TENANT_ROLES[role].permissions}


def test_who_stands_in_for_an_owner_gives_no_role_beyond_their_own_and_hands_nothing_over(cast: Cast) -> None:
    named(cast, cast.vera, cast.olivia)
    vera = User.objects.get(pk=cast.vera.pk)
    assert scoping.may(vera, "tenants.manage_tenant", cast.acme)
    assert {role.slug for role in assignable(vera, cast.acme)} == {"viewer", "billing"}
    with pytest.raises(ownership.NotAnOwner):
        ownership.offer(tenant=cast.acme, to=cast.dev, by=vera)
    client = signed_in(cast.vera)
    answer = client.post("/api/offboardings/", {"tenant": "acme", "reason": "x"}, content_type="application/json")
    assert answer.json()["code"] == "held_for_a_time"


def test_who_stands_in_takes_nothing_along_that_outlasts_it(cast: Cast) -> None:
    """No project to a tenant of their own, no directory and no program's token with more than they hold themselves."""
    batch = create_service_account(tenant=cast.acme, name="batch", role="developer", by=cast.olivia)
    seer = create_service_account(tenant=cast.acme, name="seer", role="viewer", by=cast.olivia)
    own = create_tenant(slug="own", name="Own", owner=cast.vera, by=cast.pat)
    named(cast, cast.vera, cast.olivia)
    vera, sent = signed_in(cast.vera), {"content_type": "application/json"}
    answer = vera.post(f"/api/projects/{cast.project.pk}/move/", {"to": "own"}, **sent)
    assert (answer.status_code, answer.json()["code"]) == (403, "held_for_a_time")
    shown = vera.post(f"/tenants/acme/projects/{cast.project.pk}/move/", {"to": "own", "confirm_name": "support"})
    assert shown.status_code == 422 and "You hold this in Acme for a time" in shown.content.decode()
    assert not Project.objects.filter(tenant=own).exists()
    answer = vera.post("/api/directory-tokens/", {"tenant": "acme", "name": "Mine"}, **sent)
    assert (answer.status_code, answer.json()["code"]) == (403, "role_above_yours")
    page = {"name": "Mine", "expiry": "90", "once": "a"}
    assert vera.post("/tenants/acme/directory/", page).status_code in (403, 422)
    assert not DirectoryToken.objects.exists()
    answer = vera.post(f"/api/service-accounts/{batch.pk}/tokens/", {"name": "Mine"}, **sent)
    assert (answer.status_code, answer.json()["code"]) == (403, "role_above_yours")
    assert vera.post(f"/tenants/acme/services/{batch.pk}/tokens/", {"name": "Mine", "once": "b"}).status_code == 422
    assert not PersonalToken.objects.exists()
    answer = vera.post(f"/api/service-accounts/{seer.pk}/tokens/", {"name": "Mine"}, **sent)
    assert answer.status_code == 201, "what they hold themselves they may pass on"


def test_who_names_a_stand_in_learns_of_nobody_else_s_account(cast: Cast) -> None:
    now = timezone.now()
    given = {"tenant": "acme", "starts_at": now.isoformat(), "ends_at": (now + DAY).isoformat()}
    for path, more in (("stand-in/", given), ("", {"tenant": "acme", "role": "admin", "hours": 1, "reason": "x"})):
        told = [
            signed_in(cast.olivia).post(
                f"/api/elevations/{path}", {**more, "person": name}, content_type="application/json"
            )
            for name in ("greta@example.test", "nobody@example.test")
        ]
        assert [answer.status_code for answer in told] == [422, 422]
        said = [answer.json()["detail"].replace("greta@", "nobody@") for answer in told]
        assert said[0] == said[1]


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"in_days": 0, "days": 61}, "period_not_understood", "ends_at"),
        ({"in_days": 2, "days": -1}, "period_not_understood", "ends_at"),
        ({"in_days": 400, "days": 1}, "period_not_understood", "starts_at"),
    ],
)
def test_a_period_that_makes_no_sense_is_refused(cast: Cast, given: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(standing_in.PeriodNotUnderstood) as refused:
        named(cast, cast.vera, cast.olivia, **given)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_the_last_day_of_the_calendar_is_too_far(cast: Cast) -> None:
    form = {"person": str(cast.vera.pk), "starts_on": "2001-01-01", "ends_on": "9999-12-31"}
    answer = signed_in(cast.olivia).post("/tenants/acme/elevations/stand-in/", form)
    assert answer.status_code == 422 and "At most 60 days" in answer.content.decode()
    answer = signed_in(cast.olivia).post("/tenants/acme/elevations/stand-in/", form | {"starts_on": "9999-12-31"})
    assert answer.status_code == 422


def test_nobody_stands_in_for_themselves_as_a_stranger_or_as_a_program_and_one_at_a_time(cast: Cast) -> None:
    account = create_service_account(tenant=cast.acme, name="ci", role="viewer", by=cast.olivia)
    for whom in (cast.olivia, cast.ned, account):
        with pytest.raises(elevating.NotAMember):
            named(cast, whom, cast.olivia)
    with pytest.raises(elevating.NotAMember):
        named(cast, cast.vera, cast.pat)
    named(cast, cast.vera, cast.olivia)
    with pytest.raises(standing_in.StandInNamed):
        named(cast, cast.dev, cast.olivia)


def test_either_of_the_two_ends_it(cast: Cast) -> None:
    for who in (cast.olivia, cast.vera):
        elevation = named(cast, cast.vera, cast.olivia)
        assert signed_in(cast.dev).post(f"/tenants/acme/elevations/{elevation.pk}/end/").status_code == 403
        assert signed_in(who).post(f"/tenants/acme/elevations/{elevation.pk}/end/").status_code == 302
        assert "manage_tenant" not in held(cast.vera, cast)


def test_the_api_does_the_same(cast: Cast) -> None:
    now = timezone.now()
    given = {"tenant": "acme", "person": "vera", "starts_at": now.isoformat(), "ends_at": (now + DAY).isoformat()}
    path, sent = "/api/elevations/stand-in/", {"content_type": "application/json"}
    answer = signed_in(cast.dev).post(path, given, **sent)
    assert answer.status_code == 201 and answer.json()["absent"] == "dev" and answer.json()["role"] == ""
    assert (
        signed_in(cast.greta).post("/api/elevations/stand-in/", given, content_type="application/json").status_code
        == 404
    )


def test_the_page_asks_as_much_however_many_stand_in(
    cast: Cast, django_assert_max_num_queries: Callable[[int], AbstractContextManager[Any]]
) -> None:
    olivia, counts = signed_in(cast.olivia), []
    named(cast, cast.vera, cast.dev)
    olivia.get("/tenants/acme/elevations/")
    for many in (1, 4):
        for number in range(many - 1):
            add_member(tenant=cast.acme, user=person(f"away{number}"), role="analyst", by=cast.olivia)
            named(cast, cast.vera, User.objects.get(username=f"away{number}"))
        with django_assert_max_num_queries(40) as asked:
            assert olivia.get("/tenants/acme/elevations/").content.decode().count("/end/") >= many
        counts.append(len(asked))  # type: ignore[arg-type]
    assert counts[0] == counts[1]
