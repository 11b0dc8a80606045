"""Keys end with whoever's they are; programs get theirs from service accounts, which stay."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.test import Client

from audit.models import Entry
from tenants import finding, role_making
from tenants.activation import deactivate
from tenants.assigning import give_role, take_role
from tenants.directory.standing import begin
from tenants.key_holder import hand_over, is_held
from tenants.keys import issue
from tenants.memberships import add_member, remove_member
from tenants.models import ApiKey, DirectoryPerson, Membership, Notification, User
from tenants.service_accounts import create, switch
from tests.cast import Cast

HERE = "acme/support/development"
pytestmark = pytest.mark.django_db


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def post(client: Client, path: str, body: dict[str, Any] | None = None) -> Any:
    return client.post(path, body or {}, "application/json")


@pytest.fixture
def batch(cast: Cast) -> User:
    return create(tenant=cast.acme, name="batch", purpose="Nightly batch", role="developer", by=cast.olivia)


def test_it_works(cast: Cast) -> None:
    olivia = signed_in(cast.olivia)
    made = post(olivia, "/api/service-accounts/", {"tenant": "acme", "name": "batch", "role": "viewer"})
    assert made.status_code == 201, made.content
    told = made.json()
    assert (told["username"], told["role"], told["is_active"]) == ("svc.acme.batch", "viewer", True)
    key = post(olivia, "/api/keys/", {"environment": HERE, "name": "k", "holder": "svc.acme.batch"}).json()
    assert key["holder"] == "svc.acme.batch"
    token = post(olivia, f"/api/service-accounts/{told['id']}/tokens/", {"name": "t"}).json()["secret"]
    as_it = Client(headers={"authorization": f"Bearer {token}"})
    me = as_it.get("/api/me/").json()
    assert me["username"] == "svc.acme.batch" and [each["tenant"] for each in me["memberships"]] == ["acme"]
    assert as_it.get("/api/keys/").json()["results"], "it sees its tenant"
    assert as_it.get("/api/tenants/globex/").status_code == 404
    listed = olivia.get("/api/service-accounts/").json()["results"]
    assert [(each["username"], each["keys"], each["tokens"]) for each in listed] == [("svc.acme.batch", 1, 1)]
    assert post(olivia, f"/api/service-accounts/{told['id']}/switch-off/").json()["is_active"] is False
    assert as_it.get("/api/me/").status_code == 401
    assert not is_held(ApiKey.objects.get())
    assert post(olivia, f"/api/service-accounts/{told['id']}/switch-on/").json()["is_active"] is True
    assert as_it.get("/api/me/").status_code == 200 and is_held(ApiKey.objects.get())


def test_on_screen(cast: Cast) -> None:
    olivia = signed_in(cast.olivia)
    made = olivia.post("/tenants/acme/services/", {"name": "batch", "purpose": "Nightly batch", "role": "viewer"})
    account = User.objects.get(username="svc.acme.batch")
    assert made["Location"] == f"/tenants/acme/services/{account.pk}/"
    assert "Nightly batch" in signed_in(cast.vera).get("/tenants/acme/services/").content.decode()
    form = olivia.get(f"/tenants/acme/keys/issue/?holder={account.username}").content.decode()
    assert '<option value="svc.acme.batch" selected>Nightly batch (service account)' in form
    page = olivia.get(made["Location"]).content.decode()
    once = page.split('name="once" value="')[1].split('"')[0]
    shown = olivia.post(f"{made['Location']}tokens/", {"name": "ci", "expiry": "90", "once": once})
    assert "atrium_pat_" in shown.content.decode() and "no-store" in shown["Cache-Control"]
    again = olivia.post(f"{made['Location']}tokens/", {"name": "ci", "expiry": "90", "once": once})
    assert again.status_code == 302 and account.personal_tokens.count() == 1
    token = account.personal_tokens.get()
    olivia.post(f"{made['Location']}tokens/{token.pk}/revoke/")
    olivia.post(f"{made['Location']}switch/")
    account.refresh_from_db()
    token.refresh_from_db()
    assert not account.is_active and token.revoked_at


def test_a_key_is_that_of_who_issues_it_unless_told(cast: Cast) -> None:
    made = post(signed_in(cast.dev), "/api/keys/", {"environment": HERE, "name": "mine"}).json()
    assert made["holder"] == "dev"
    refused = post(signed_in(cast.dev), "/api/keys/", {"environment": HERE, "name": "x", "holder": "olivia"})
    assert (refused.status_code, refused.json()["code"]) == (422, "holder_not_member")
    foreign = create(tenant=cast.globex, name="theirs", by=cast.greta)
    refused = post(signed_in(cast.dev), "/api/keys/", {"environment": HERE, "name": "x", "holder": foreign.username})
    missing = post(signed_in(cast.dev), "/api/keys/", {"environment": HERE, "name": "x", "holder": "svc.globex.none"})
    assert refused.status_code == missing.status_code == 422
    assert refused.json()["detail"].replace("theirs", "none") == missing.json()["detail"]


@pytest.mark.parametrize("how", ["switched off", "removed"])
def test_a_key_stops_with_its_holder_and_goes_on_with_another(cast: Cast, batch: User, how: str) -> None:
    key = issue(environment=cast.environment(), name="Laptop", by=cast.dev).key
    olivia = signed_in(cast.olivia)
    membership = Membership.objects.get(tenant=cast.acme, user=cast.dev)
    assert "1 key of theirs stops" in olivia.get(f"/tenants/acme/members/{membership.pk}/removal/").content.decode()
    if how == "removed":
        remove_member(membership=membership, by=cast.olivia)
    else:
        deactivate(user=cast.dev, by=cast.pat)
    assert not is_held(key)
    assert [each["prefix"] for each in olivia.get("/api/keys/?state=stopped").json()["results"]] == [key.prefix]
    assert "its holder is gone" in olivia.get(f"/tenants/acme/keys/{key.pk}/").content.decode()
    answer = post(olivia, f"/api/keys/{key.pk}/hand-over/", {"holder": batch.username})
    assert answer.json()["holder"] == batch.username and is_held(key)
    assert Entry.objects.get(verb="key.handed_over").facts == {"holder": batch.username, "before": "dev"}


def test_a_successor_is_its_predecessors_holders(cast: Cast, batch: User) -> None:
    key = issue(environment=cast.environment(), name="Laptop", by=cast.dev, holder=batch).key
    made = post(signed_in(cast.olivia), f"/api/keys/{key.pk}/rotate/", {"overlap": "1h"}).json()
    assert made["holder"] == batch.username


def test_handing_over_twice_is_told_once(cast: Cast, batch: User) -> None:
    key = issue(environment=cast.environment(), name="Laptop", by=cast.dev).key
    for _ in range(2):
        hand_over(key=key, to=batch, by=cast.olivia)
    assert Entry.objects.filter(verb="key.handed_over").count() == 1


def test_a_service_account_is_no_person(cast: Cast, batch: User) -> None:
    assert authenticate(username=batch.username, password="") is None
    assert finding.person(batch.username) is None, "nobody adds it somewhere, nor gives it a seat"
    assert batch not in finding.people()
    add_member(tenant=cast.acme, user=batch, role="admin", by=cast.olivia)
    issue(environment=cast.environment(), name="k", by=cast.dev)
    assert not Notification.objects.filter(user=batch).exists()
    olivia = signed_in(cast.olivia)
    membership = Membership.objects.get(user=batch)
    refused = olivia.patch(f"/api/memberships/{membership.pk}/", {"role": "owner"}, "application/json")
    assert refused.status_code == 422 and "never owns it" in refused.json()["detail"]
    refused = post(
        signed_in(cast.pat), "/api/memberships/", {"tenant": "globex", "person": batch.username, "role": "viewer"}
    )
    assert refused.status_code == 422


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "Batch Job"}, "name"),
        ({"name": "x" * 41}, "name"),
        ({"name": "batch"}, "name"),
        ({"name": "other", "role": "owner"}, "role"),
        ({"name": "other", "role": "king"}, "role"),
        ({"name": "other", "is_service": False}, "is_service"),
    ],
)
def test_what_is_no_service_account_is_refused(cast: Cast, batch: User, given: dict[str, str], field: str) -> None:
    answer = post(signed_in(cast.olivia), "/api/service-accounts/", {"tenant": "acme"} | given)
    assert answer.status_code in (400, 422) and field in answer.content.decode()
    assert User.objects.filter(service_account__tenant=cast.acme).count() == 1


def test_one_of_another_tenant_is_answered_like_a_missing_one(cast: Cast, batch: User) -> None:
    greta = signed_in(cast.greta)
    for path in (f"/tenants/globex/services/{batch.pk}/", f"/tenants/acme/services/{batch.pk}/"):
        assert greta.get(path).status_code == 404
    for verb, body in (("switch-off", {}), ("tokens", {"name": "x"})):
        assert post(greta, f"/api/service-accounts/{batch.pk}/{verb}/", body).status_code == 404
    assert greta.get("/api/service-accounts/").json()["results"] == []


def test_who_manages_no_members_makes_none(cast: Cast, batch: User) -> None:
    dev = signed_in(cast.dev)
    assert post(dev, "/api/service-accounts/", {"tenant": "acme", "name": "mine"}).status_code == 403
    assert post(dev, f"/api/service-accounts/{batch.pk}/tokens/", {"name": "x"}).status_code == 403
    assert dev.post("/tenants/acme/services/", {"name": "mine", "role": "viewer"}).status_code == 403


def test_switching_off_twice_is_told_once(cast: Cast, batch: User) -> None:
    for _ in range(2):
        switch(account=batch, on=False, by=cast.olivia)
    assert Entry.objects.filter(verb="service.switched_off").count() == 1


def test_a_directory_does_not_know_them(cast: Cast, batch: User) -> None:
    for tenant in (None, cast.acme):
        begin(tenant)
    create(tenant=cast.acme, name="later", by=cast.olivia)
    known = set(DirectoryPerson.objects.values_list("user__username", flat=True))
    assert "olivia" in known and not [name for name in known if name and name.startswith("svc.")]


def test_who_may_less_than_a_program_takes_no_token_of_it(cast: Cast, batch: User) -> None:
    """Who manages members by a role that holds no keys would hold them by the token."""
    role_making.make(
        tenant=cast.acme, slug="people", name="People", sentence="Lets people in.", by=cast.olivia,
        permissions=["manage_members", "view_usage"],
    )  # fmt: skip
    add_member(tenant=cast.acme, user=cast.vera, role="people", by=cast.olivia)
    vera, path = signed_in(cast.vera), f"/api/service-accounts/{batch.pk}/tokens/"
    refused = post(vera, path, {"name": "t"})
    assert (refused.status_code, refused.json()["code"]) == (403, "role_above_yours")
    add_member(tenant=cast.acme, user=batch, role="viewer", by=cast.olivia)
    project = give_role(project=cast.project, user=batch, role="developer", by=cast.olivia)
    assert post(vera, path, {"name": "t"}).status_code == 403, "nor of one that may more in a project"
    assert post(signed_in(cast.olivia), path, {"name": "t"}).status_code == 201
    take_role(given=project, by=cast.olivia)
    assert post(vera, path, {"name": "t"}).status_code == 201
