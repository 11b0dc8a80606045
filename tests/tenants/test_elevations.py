"""A stronger role for a time: asked for, decided by somebody else, and over by itself, whoever is not punctual."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from audit.models import Entry
from refusals.errors import Refusal
from tenants import elevating, role_making, scoping, timing, tokens
from tenants.activation import activate, deactivate
from tenants.archiving import archive_tenant, restore_tenant
from tenants.delegation import RoleAboveYours, assignable
from tenants.elevations import Elevation
from tenants.explaining import explain
from tenants.memberships import add_member, remove_member
from tenants.models import Membership, Notification, User
from tenants.service_accounts import create as create_service_account
from tests.cast import Cast, person
from tests.tenants.test_custom_roles import held, made
from tests.tenants.test_invitations import role_of, signed_in

pytestmark = pytest.mark.django_db

ADMIN = {"role": "admin", "hours": 8, "reason": "On call tonight."}


def asked(cast: Cast, **other: Any) -> Elevation:
    return elevating.ask(tenant=cast.acme, by=cast.dev, **{**ADMIN, **other})


def running(cast: Cast, **other: Any) -> Elevation:
    return elevating.give(tenant=cast.acme, user=cast.dev, by=cast.olivia, **{**ADMIN, **other})


def let_pass(elevation: Elevation) -> None:
    """Its time is over, and no job came by."""
    now = timezone.now()
    Elevation.objects.filter(pk=elevation.pk).update(
        starts_at=now - dt.timedelta(hours=9), ends_at=now - dt.timedelta(seconds=1)
    )


def test_it_works(cast: Cast) -> None:
    dev, olivia = signed_in(cast.dev), signed_in(cast.olivia)
    assert dev.post("/tenants/acme/elevations/new/", {**ADMIN, "hours": "8"}).status_code == 302
    elevation = Elevation.objects.get()
    assert "manage_members" not in held(cast.dev, cast)
    assert Notification.objects.filter(user=cast.olivia, title="Dev asks to be Admin of Acme for 8 hours").exists()
    assert "On call tonight." in olivia.get("/tenants/acme/elevations/").content.decode()
    olivia.post(f"/tenants/acme/elevations/{elevation.pk}/grant/")
    assert "manage_members" in held(cast.dev, cast) and role_of(cast.dev) == "developer"
    assert dev.get("/tenants/acme/invitations/new/").status_code == 200
    assert "Admin until" in " ".join(dev.get("/tenants/acme/members/").content.decode().split())
    told = explain(cast.dev, "manage_members", cast.acme)
    assert told.allowed and told.links[-1].gives and "for a time, until" in told.links[-1].sentence
    let_pass(elevation)
    assert dev.get("/tenants/acme/invitations/new/").status_code == 403, "whether or not the job came by"
    assert "manage_members" not in held(cast.dev, cast) and "manage_keys" in held(cast.dev, cast)
    verbs = list(Entry.objects.filter(verb__startswith="elevation.").order_by("pk").values_list("verb", flat=True))
    assert sorted(verbs) == ["elevation.asked", "elevation.granted", "elevation.lapsed"]
    assert Notification.objects.filter(user=cast.olivia, title="Dev is no longer Admin of Acme").exists()


def test_a_token_of_who_held_it_opens_nothing_more_either(cast: Cast) -> None:
    elevation, (_, secret) = running(cast), tokens.issue(user=cast.dev, name="t", by=cast.dev)
    client, header = signed_in(cast.vera), {"Authorization": f"Bearer {secret}"}
    client.logout()
    body = {"tenant": "acme", "email": "x@example.test", "role": "viewer"}
    sent = {"content_type": "application/json", "headers": header}
    assert client.post("/api/invitations/", body, **sent).status_code == 201
    let_pass(elevation)
    assert client.post("/api/invitations/", body | {"email": "y@example.test"}, **sent).status_code == 403


def test_the_job_takes_what_is_over_also_of_who_never_comes(cast: Cast) -> None:
    let_pass(running(cast))
    assert cast.dev in scoping.members_who_may("tenants.manage_members", cast.acme)
    assert timing.settle_all() == 1 and timing.settle_all() == 0
    assert cast.dev not in scoping.members_who_may("tenants.manage_members", cast.acme)


def test_nobody_decides_on_what_they_asked_for_and_nobody_gives_more_than_they_hold(cast: Cast) -> None:
    adam = person("adam")
    add_member(tenant=cast.acme, user=adam, role="admin", by=cast.olivia)
    as_owner = elevating.ask(tenant=cast.acme, by=adam, **ADMIN | {"role": "owner"})
    with pytest.raises(elevating.NotYourself):
        elevating.grant(elevation=as_owner, by=adam)
    with pytest.raises(elevating.NotYourself):
        elevating.give(tenant=cast.acme, user=adam, by=adam, **ADMIN | {"role": "owner"})
    of_dev = asked(cast, role="owner")
    for deed in (
        lambda: elevating.grant(elevation=of_dev, by=adam),
        lambda: elevating.decline(elevation=of_dev, reason="No.", by=adam),
        lambda: elevating.give(tenant=cast.acme, user=cast.vera, by=adam, **ADMIN | {"role": "owner"}),
    ):
        with pytest.raises(RoleAboveYours):
            deed()
    with pytest.raises(Refusal) as refused:
        elevating.grant(elevation=of_dev, by=cast.vera)
    assert refused.value.status == 403
    assert {each.username for each in elevating.who_may_give(cast.acme, of_dev_role(cast))} == {"olivia"}
    assert elevating.grant(elevation=of_dev, by=cast.pat).state == "running", "who makes tenants names owners"


def of_dev_role(cast: Cast) -> Any:
    from tenants.custom_roles import roles_of

    return roles_of(cast.acme)["owner"]


def test_what_is_held_for_a_time_is_not_given_for_good(cast: Cast) -> None:
    running(cast)
    dev = User.objects.get(pk=cast.dev.pk)
    assert {role.slug for role in assignable(dev, cast.acme)} == {"developer", "analyst", "viewer", "billing"}
    own = Membership.objects.get(user=cast.dev)
    client = signed_in(cast.dev)
    assert client.post(f"/tenants/acme/members/{own.pk}/role/", {"role": "admin"}).status_code == 403
    assert client.post("/tenants/acme/members/", {"person": "ned", "role": "admin"}).status_code == 422
    assert client.post("/tenants/acme/members/", {"person": "ned", "role": "viewer"}).status_code == 302
    elevating.give(tenant=cast.acme, user=cast.vera, by=cast.olivia, **ADMIN | {"role": "owner"})
    with pytest.raises(role_making.BeyondYou):
        made(cast, by=User.objects.get(pk=cast.vera.pk), permissions=["manage_keys"])


def test_declined_withdrawn_and_unanswered(cast: Cast) -> None:
    first = asked(cast)
    with pytest.raises(elevating.ElevationOpen):
        asked(cast)
    with pytest.raises(Refusal):
        elevating.decline(elevation=first, reason=" ", by=cast.olivia)
    elevating.decline(elevation=first, reason="Ask Olivia on call.", by=cast.olivia)
    assert "Ask Olivia on call." in signed_in(cast.dev).get("/tenants/acme/elevations/").content.decode()
    second = asked(cast)
    with pytest.raises(elevating.NotYourself):
        elevating.withdraw(elevation=second, by=cast.olivia)
    elevating.withdraw(elevation=second, by=cast.dev)
    with pytest.raises(elevating.AnsweredAlready, match="taken back"):
        elevating.grant(elevation=second, by=cast.olivia)
    third = asked(cast)
    Elevation.objects.filter(pk=third.pk).update(created_at=timezone.now() - dt.timedelta(days=8))
    with pytest.raises(elevating.AnsweredAlready, match="7 days"):
        elevating.grant(elevation=third, by=cast.olivia)
    assert asked(cast).state == "waiting", "one that nobody answered is in nobody's way"


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"hours": 0}, "invalid"),
        ({"hours": 337}, "invalid"),
        ({"reason": ""}, "invalid"),
        ({"role": "king"}, "unknown_role"),
        ({"role": "viewer"}, "held_already"),
    ],
)
def test_what_cannot_be_asked_for(cast: Cast, other: dict[str, Any], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        asked(cast, **other)
    assert refused.value.code == code


def test_strangers_and_service_accounts_hold_nothing_for_a_time(cast: Cast) -> None:
    account = create_service_account(tenant=cast.acme, name="ci", role="viewer", by=cast.olivia)
    for user in (cast.ned, account):
        with pytest.raises(elevating.NotAMember):
            elevating.give(tenant=cast.acme, user=user, by=cast.olivia, **ADMIN)


def test_it_is_ended_early_by_who_holds_it_and_by_who_manages_members(cast: Cast) -> None:
    elevation = running(cast)
    assert signed_in(cast.vera).post(f"/tenants/acme/elevations/{elevation.pk}/end/").status_code == 403
    assert signed_in(cast.dev).post(f"/tenants/acme/elevations/{elevation.pk}/end/").status_code == 302
    assert "manage_members" not in held(cast.dev, cast)
    signed_in(cast.olivia).post(f"/tenants/acme/elevations/{running(cast).pk}/end/")
    assert "manage_members" not in held(cast.dev, cast)
    assert Notification.objects.filter(user=cast.dev, title="Dev is no longer Admin of Acme").exists()


def test_it_ends_with_the_membership_the_archive_and_the_account(cast: Cast) -> None:
    def ends(deed: Any, back: Any) -> None:
        elevation = running(cast)
        deed()
        assert Elevation.objects.get(pk=elevation.pk).state == "over"
        back()
        assert "manage_members" not in held(cast.dev, cast)

    ends(
        lambda: archive_tenant(tenant=cast.acme, by=cast.olivia), lambda: restore_tenant(tenant=cast.acme, by=cast.pat)
    )
    ends(lambda: deactivate(user=cast.dev, by=cast.pat), lambda: activate(user=cast.dev, by=cast.pat))
    ends(
        lambda: remove_member(membership=Membership.objects.get(user=cast.dev), by=cast.olivia),
        lambda: add_member(tenant=cast.acme, user=cast.dev, role="developer", by=cast.olivia),
    )
    waiting = asked(cast)
    deactivate(user=cast.dev, by=cast.pat)
    assert Elevation.objects.get(pk=waiting.pk).state == "withdrawn"


def test_a_changed_role_is_held_as_it_is_then_and_one_that_is_retired_ends(cast: Cast) -> None:
    role = made(cast, permissions=["manage_members"])
    elevation = running(cast, role="support")
    role_making.change(role=role, by=cast.olivia, name="Support", sentence="x", permissions=["view_tenant_audit"])
    assert "manage_members" not in held(cast.dev, cast) and "view_tenant_audit" in held(cast.dev, cast)
    with pytest.raises(role_making.RoleInUse, match="for a time"):
        role_making.retire(role=role, by=cast.olivia)
    role_making.retire(role=role, by=cast.olivia, move_to="viewer")
    assert Elevation.objects.get(pk=elevation.pk).state == "over"
    assert "view_tenant_audit" not in held(cast.dev, cast) and role_of(cast.dev) == "developer"


def test_the_api_does_the_same(cast: Cast) -> None:
    dev, olivia = signed_in(cast.dev), signed_in(cast.olivia)
    sent = {"content_type": "application/json"}
    made_ = dev.post("/api/elevations/", {"tenant": "acme", **ADMIN}, **sent)
    assert made_.status_code == 201 and made_.json()["state"] == "waiting"
    path = f"/api/elevations/{made_.json()['id']}/"
    assert signed_in(cast.greta).get(path).status_code == 404
    assert signed_in(cast.vera).get(path).status_code == 404, "what is only asked for is no business of others"
    assert dev.post(f"{path}grant/", {}, **sent).status_code == 403
    assert olivia.post(f"{path}grant/", {}, **sent).json()["state"] == "running"
    assert signed_in(cast.vera).get(path).json()["role"] == "admin"
    assert olivia.post(f"{path}end/", {}, **sent).json()["state"] == "over"
    given = {"tenant": "acme", "person": "vera", **ADMIN, "hours": 1}
    assert dev.post("/api/elevations/", given, **sent).status_code == 403
    assert olivia.post("/api/elevations/", given, **sent).json()["state"] == "running"
    assert len(olivia.get("/api/elevations/?tenant=acme").json()["results"]) == 2
