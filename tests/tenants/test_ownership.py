"""Handing a tenant over: an owner asks, another member accepts, and never is the tenant without an owner."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from tenants import archiving, ownership
from tenants.activation import deactivate
from tenants.memberships import LastOwner, add_member, remove_member
from tenants.models import Membership, Notification, OwnershipTransfer, Tenant, User
from tenants.service_accounts import create as create_service_account
from tests.approvals.test_at_once import at_once, house  # noqa: F401  # a fixture
from tests.cast import Cast
from tests.tenants.test_invitations import signed_in

PAGE = "/tenants/acme/ownership/"


def role(tenant: Tenant, user: User) -> str:
    return Membership.objects.get(tenant=tenant, user=user).role


@pytest.fixture
def olivia(cast: Cast) -> Client:
    return signed_in(cast.olivia)


@pytest.fixture
def dev(cast: Cast) -> Client:
    return signed_in(cast.dev)


@pytest.fixture
def asked(cast: Cast) -> OwnershipTransfer:
    return ownership.offer(tenant=cast.acme, to=cast.dev, by=cast.olivia)


def test_it_works(cast: Cast, olivia: Client, dev: Client) -> None:
    assert PAGE in olivia.get("/tenants/acme/settings/").content.decode()
    assert olivia.post(PAGE, {"person": str(cast.dev.pk)}).status_code == 302
    assert "Dev was asked to become the owner" in olivia.get(PAGE).content.decode()
    assert role(cast.acme, cast.dev) == "developer", "not before they accept"
    assert Notification.objects.get(user=cast.dev, path=PAGE).title == "Olivia asks you to become the owner of Acme"
    assert PAGE in dev.get("/").content.decode(), "home leads there too"
    assert "You answer for Acme from then on" in dev.get(PAGE).content.decode()
    made = OwnershipTransfer.objects.get()
    assert dev.post(f"{PAGE}{made.pk}/accept/").status_code == 302
    assert (role(cast.acme, cast.dev), role(cast.acme, cast.olivia)) == ("owner", "admin")
    assert dev.get("/tenants/acme/settings/").status_code == 200
    assert olivia.get("/tenants/acme/settings/").status_code == 403
    assert Notification.objects.filter(user=cast.olivia, title="Dev is an owner of Acme now").exists()
    verbs = Entry.objects.filter(tenant="acme", verb__startswith="ownership.").order_by("pk").values_list("verb")
    assert [verb for (verb,) in verbs] == ["ownership.offered", "ownership.transferred"]


def test_the_api_does_the_same(cast: Cast, olivia: Client, dev: Client) -> None:
    place = "/api/ownership-transfers/"
    made = olivia.post(place, {"tenant": "acme", "person": "dev"}, "application/json")
    assert made.status_code == 201 and made.json()["state"] == "waiting"
    one = f"{place}{made.json()['id']}/"
    assert [row["id"] for row in dev.get(place).json()["results"]] == [made.json()["id"]]
    assert signed_in(cast.vera).get(one).status_code == 404
    assert dev.post(f"{one}accept/", {}, "application/json").json()["state"] == "accepted"
    assert role(cast.acme, cast.dev) == "owner"
    again = dev.post(f"{one}accept/", {}, "application/json")
    assert again.status_code == 409 and again.json()["code"] == "transfer_over"


def test_declined_or_taken_back_everything_stays(cast: Cast, olivia: Client, dev: Client) -> None:
    for client, verb, state in ((dev, "decline", "declined"), (olivia, "withdraw", "withdrawn")):
        made = ownership.offer(tenant=cast.acme, to=cast.dev, by=cast.olivia)
        assert client.post(f"{PAGE}{made.pk}/{verb}/").status_code == 302
        made.refresh_from_db()
        assert made.state == state
        assert dev.post(f"{PAGE}{made.pk}/accept/").status_code == 409
    assert (role(cast.acme, cast.dev), role(cast.acme, cast.olivia)) == ("developer", "owner")


@pytest.mark.parametrize("who", ["olivia", "greta", "ned"])
def test_who_is_named_is_another_member_and_no_owner(cast: Cast, olivia: Client, who: str) -> None:
    told = olivia.post("/api/ownership-transfers/", {"tenant": "acme", "person": who}, "application/json")
    assert told.status_code == 422 and told.json()["code"] == "not_a_member"


def test_only_an_owner_hands_over(cast: Cast) -> None:
    add_member(tenant=cast.acme, user=cast.ned, role="admin", by=cast.olivia)
    body = {"tenant": "acme", "person": "dev"}
    for person in (cast.ned, cast.dev, cast.vera, cast.pat):
        told = signed_in(person).post("/api/ownership-transfers/", body, "application/json")
        assert told.status_code == 403, person


def test_somebody_elses_is_not_answered(cast: Cast, asked: OwnershipTransfer) -> None:
    add_member(tenant=cast.acme, user=cast.ned, role="owner", by=cast.olivia)
    for person in (cast.ned, cast.vera, cast.olivia):
        assert signed_in(person).post(f"{PAGE}{asked.pk}/accept/").status_code == 403
    assert signed_in(cast.greta).post(f"/tenants/globex/ownership/{asked.pk}/accept/").status_code == 404
    assert role(cast.acme, cast.dev) == "developer"


def test_there_is_one_at_a_time_and_an_old_one_makes_room(cast: Cast, olivia: Client, asked: OwnershipTransfer) -> None:
    page = olivia.post(PAGE, {"person": str(cast.vera.pk)})
    assert page.status_code == 422 and "Wait for the answer" in page.content.decode()
    OwnershipTransfer.objects.update(created_at=timezone.now() - dt.timedelta(days=8))
    assert signed_in(cast.dev).post(f"{PAGE}{asked.pk}/accept/").status_code == 409
    assert olivia.post(PAGE, {"person": str(cast.vera.pk)}).status_code == 302


EVENTS: dict[str, Callable[[Cast], object]] = {
    "the receiver leaves": lambda cast: remove_member(membership=cast.dev.memberships.get(), by=cast.dev),
    "the giver is no owner any more": lambda cast: (
        add_member(tenant=cast.acme, user=cast.vera, role="owner", by=cast.pat),
        add_member(tenant=cast.acme, user=cast.olivia, role="viewer", by=cast.pat),
    ),
    "the giver leaves": lambda cast: (
        add_member(tenant=cast.acme, user=cast.vera, role="owner", by=cast.pat),
        remove_member(membership=cast.olivia.memberships.get(), by=cast.olivia),
    ),
    "the giver is switched off": lambda cast: deactivate(user=cast.olivia, by=cast.pat),
    "the tenant is archived": lambda cast: archiving.archive_tenant(tenant=cast.acme, by=cast.olivia),
}


@pytest.mark.parametrize("event", EVENTS)
def test_nothing_is_handed_over_after(cast: Cast, asked: OwnershipTransfer, event: str) -> None:
    EVENTS[event](cast)
    dev = signed_in(cast.dev)
    assert dev.post(f"{PAGE}{asked.pk}/accept/").status_code in (404, 409)
    assert not Membership.objects.filter(tenant=cast.acme, user=cast.dev, role="owner").exists()


def test_the_last_owner_stays_until_it_is_accepted(cast: Cast, asked: OwnershipTransfer) -> None:
    with pytest.raises(LastOwner):
        remove_member(membership=cast.olivia.memberships.get(), by=cast.olivia)
    with pytest.raises(LastOwner):
        add_member(tenant=cast.acme, user=cast.olivia, role="admin", by=cast.olivia)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_of_two_owners_who_hand_over_one_is_told(self, house: Cast) -> None:  # noqa: F811
        add_member(tenant=house.acme, user=house.ned, role="owner", by=house.olivia)
        told = at_once(
            lambda: ownership.offer(tenant=house.acme, to=house.dev, by=house.olivia),
            lambda: ownership.offer(tenant=house.acme, to=house.vera, by=house.ned),
        )
        assert sorted(told) == ["done", "transfer_open"]

    def test_accepted_and_taken_back_at_once_one_of_them_holds(self, house: Cast) -> None:  # noqa: F811
        for _ in range(4):
            Membership.objects.filter(tenant=house.acme, user=house.dev).delete()
            add_member(tenant=house.acme, user=house.olivia, role="owner", by=house.pat)
            add_member(tenant=house.acme, user=house.dev, role="developer", by=house.pat)
            made = ownership.offer(tenant=house.acme, to=house.dev, by=house.olivia)
            told = at_once(
                lambda m=made: ownership.accept(transfer=m, by=house.dev),  # type: ignore[misc]
                lambda m=made: ownership.withdraw(transfer=m, by=house.olivia),  # type: ignore[misc]
                lambda m=made: ownership.accept(transfer=m, by=house.dev),  # type: ignore[misc]
            )
            assert sorted(told)[0] == "done" and told.count("done") == 1, told
            owners = Membership.objects.filter(tenant=house.acme, role="owner").values_list("user__username", flat=True)
            assert list(owners) == (["olivia"] if told[1] == "done" else ["dev"])


def test_a_service_account_is_not_asked_as_it_could_not_accept(cast: Cast, olivia: Client) -> None:
    program = create_service_account(tenant=cast.acme, name="batch", by=cast.olivia)
    assert "svc.acme.batch" not in olivia.get(PAGE).content.decode()
    with pytest.raises(ownership.NotAMember):
        ownership.offer(tenant=cast.acme, to=program, by=cast.olivia)
