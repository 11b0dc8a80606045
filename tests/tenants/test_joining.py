"""Asking to be let in, being let in or not; and leaving."""

from __future__ import annotations

import pytest
from django.test import Client

from tenants.arrivals import JoinRequest
from tenants.memberships import add_member
from tenants.models import Membership, Notification, Tenant
from tests.cast import Cast
from tests.tenants.test_invitations import role_of, signed_in

ASK = {"tenant": "acme", "sentence": "I am Ned of claims.", "once": "one"}


@pytest.fixture
def ned(cast: Cast) -> Client:
    Tenant.objects.filter(slug="acme").update(is_discoverable=True)
    return signed_in(cast.ned)


def test_it_works(cast: Cast, ned: Client) -> None:
    assert ned.post("/tenants/join/", ASK).status_code == 302
    asked, olivia = JoinRequest.objects.get(), signed_in(cast.olivia)
    assert "I am Ned of claims." in olivia.get("/tenants/acme/members/").content.decode()
    assert Notification.objects.filter(user=cast.olivia, title="Ned asks to join Acme").exists()
    olivia.post(f"/tenants/acme/joining/{asked.pk}/admit/", {"role": "analyst"})
    assert role_of(cast.ned) == "analyst" and ned.get("/tenants/acme/").status_code == 200
    assert "Ned of claims" not in olivia.get("/tenants/acme/members/").content.decode()


def test_declined_they_read_why_and_may_ask_again(cast: Cast, ned: Client) -> None:
    ned.post("/tenants/join/", ASK)
    asked, olivia = JoinRequest.objects.get(), signed_in(cast.olivia)
    assert olivia.post(f"/tenants/acme/joining/{asked.pk}/decline/").status_code == 422
    olivia.post(f"/tenants/acme/joining/{asked.pk}/decline/", {"reason": "Ask claims-desk."})
    assert "Ask claims-desk." in ned.get("/tenants/join/").content.decode()
    assert olivia.post(f"/tenants/acme/joining/{asked.pk}/admit/", {"role": "viewer"}).status_code == 409
    assert ned.post("/tenants/join/", ASK | {"once": "two"}).status_code == 302


def test_asked_twice_once_is_kept(ned: Client) -> None:
    ned.post("/tenants/join/", ASK)
    told = ned.post("/tenants/join/", ASK | {"once": "two"})
    assert told.status_code == 422 and "asked to join “acme” already" in told.content.decode()
    assert JoinRequest.objects.count() == 1


@pytest.mark.parametrize("slug", ["nowhere", "globex"])
def test_whether_there_is_such_a_team_is_not_told(cast: Cast, ned: Client, slug: str) -> None:
    """A name that nobody has, and a team that does not let itself be found, are answered like one that does."""
    pages = []
    for name in ("acme", slug):
        answer = ned.post("/tenants/join/", ASK | {"tenant": name, "once": name})
        assert (answer.status_code, answer["Location"]) == (302, "/tenants/join/")
        told = ned.post("/tenants/join/", ASK | {"tenant": name, "once": f"{name} again"}).content.decode()
        assert f"asked to join “{name}” already" in told
        api = ned.get("/api/join-requests/mine/").json()
        pages.append({key: value for key, value in api[0].items() if key not in ("id", "created_at", "tenant")})
    assert pages[0] == pages[1]
    assert not Notification.objects.filter(user=cast.greta).exists()
    assert signed_in(cast.greta).get("/api/join-requests/").json()["results"] == []


def test_taken_back_it_is_gone(cast: Cast, ned: Client) -> None:
    ned.post("/tenants/join/", ASK)
    asked = JoinRequest.objects.get()
    assert signed_in(cast.dev).post(f"/tenants/join/{asked.pk}/withdraw/").status_code == 404
    ned.post(f"/tenants/join/{asked.pk}/withdraw/")
    told = signed_in(cast.olivia).post(f"/tenants/acme/joining/{asked.pk}/admit/", {"role": "viewer"})
    assert told.status_code == 409 and role_of(cast.ned) == ""


def test_a_foreign_owner_admits_nobody(cast: Cast, ned: Client) -> None:
    ned.post("/tenants/join/", ASK)
    asked, greta = JoinRequest.objects.get(), signed_in(cast.greta)
    for slug in ("acme", "globex"):
        assert greta.post(f"/tenants/{slug}/joining/{asked.pk}/admit/", {"role": "viewer"}).status_code == 404
    told = greta.post(f"/api/join-requests/{asked.pk}/admit/", {"role": "viewer"}, "application/json")
    assert told.status_code == 404 and role_of(cast.ned) == ""


def test_who_was_switched_off_meanwhile_is_not_let_in(cast: Cast, ned: Client) -> None:
    ned.post("/tenants/join/", ASK)
    type(cast.ned).objects.filter(pk=cast.ned.pk).update(is_active=False)
    asked = JoinRequest.objects.get()
    told = signed_in(cast.olivia).post(f"/tenants/acme/joining/{asked.pk}/admit/", {"role": "viewer"})
    assert told.status_code == 409 and role_of(cast.ned) == ""


def test_an_admin_admits_no_owner(cast: Cast, ned: Client) -> None:
    add_member(tenant=cast.acme, user=cast.dev, role="admin", by=cast.olivia)
    ned.post("/tenants/join/", ASK)
    asked = JoinRequest.objects.get()
    dev = signed_in(cast.dev)
    assert dev.post(f"/tenants/acme/joining/{asked.pk}/admit/", {"role": "owner"}).status_code == 403
    assert dev.post(f"/tenants/acme/joining/{asked.pk}/admit/", {"role": "viewer"}).status_code == 302


def test_the_api_does_the_same(cast: Cast, ned: Client) -> None:
    made = ned.post("/api/join-requests/", {"tenant": "acme", "sentence": "Hello"}, "application/json")
    assert made.status_code == 201
    olivia = signed_in(cast.olivia)
    [one] = olivia.get("/api/join-requests/?tenant=acme&state=waiting").json()["results"]
    done = olivia.post(f"/api/join-requests/{one['id']}/admit/", {"role": "viewer"}, "application/json")
    assert done.status_code == 200 and done.json()["role"] == "viewer"


class TestLeaving:
    def test_a_member_leaves_by_themselves(self, cast: Cast) -> None:
        vera, own = signed_in(cast.vera), Membership.objects.get(user=cast.vera)
        assert f"/members/{own.pk}/removal/" in vera.get("/tenants/acme/members/").content.decode()
        page = vera.get(f"/tenants/acme/members/{own.pk}/removal/").content.decode()
        assert "Leave Acme?" in page and "You (Viewer) no longer see Acme" in page and "they" not in page
        assert vera.post(f"/tenants/acme/members/{own.pk}/remove/")["Location"] == "/tenants/"
        assert vera.get("/tenants/acme/").status_code == 404

    def test_nobody_removes_another_that_way(self, cast: Cast) -> None:
        vera, other = signed_in(cast.vera), Membership.objects.get(user=cast.dev)
        assert vera.get(f"/tenants/acme/members/{other.pk}/removal/").status_code == 403
        assert vera.post(f"/tenants/acme/members/{other.pk}/remove/").status_code == 403
        assert vera.delete(f"/api/memberships/{other.pk}/").status_code == 403

    def test_the_last_owner_stays(self, cast: Cast) -> None:
        olivia, own = signed_in(cast.olivia), Membership.objects.get(user=cast.olivia)
        assert "is the last owner" in olivia.get(f"/tenants/acme/members/{own.pk}/removal/").content.decode()
        assert olivia.delete(f"/api/memberships/{own.pk}/").status_code == 409

    def test_the_api_lets_one_leave(self, cast: Cast) -> None:
        own = Membership.objects.get(user=cast.vera)
        assert signed_in(cast.vera).delete(f"/api/memberships/{own.pk}/").status_code == 204
