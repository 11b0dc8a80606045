"""The pages of directories: tokens shown once, rules with their preview, whom the directory knows."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from audit.models import Entry
from tenants.models import DirectoryRule, DirectoryToken, Membership
from tests.cast import Cast
from tests.directory.service import Service


def _as(user: object) -> Client:
    client = Client()
    client.force_login(user)  # type: ignore[arg-type]
    return client


def _issued(client: Client, path: str) -> str:
    once = re.search(r'name="once" value="([^"]+)"', client.get(path).content.decode())
    assert once
    form = {"once": once[1], "name": "Entra", "expiry": "90"}
    page = client.post(path, form).content.decode()
    found = re.search(r"atrium_scim_\w+", page)
    assert found
    assert found[0] not in client.get(path).content.decode()
    assert client.post(path, form).status_code == 302  # the same form again issues nothing
    return found[0]


@pytest.mark.parametrize("path", ["/tenants/acme/directory/", "/platform/directory/"])
def test_a_token_is_shown_once_opens_scim_and_is_revoked(cast: Cast, path: str) -> None:
    client = _as(cast.olivia if "acme" in path else cast.pat)
    secret = _issued(client, path)
    program = Client(headers={"authorization": f"Bearer {secret}"})
    assert program.get("/scim/v2/Users").status_code == 200
    token = DirectoryToken.objects.get()
    assert secret not in str(token.__dict__) and token.last_used_at is not None
    client.post(f"{path}tokens/{token.pk}/revoke/")
    assert program.get("/scim/v2/Users").status_code == 401
    entries = Entry.objects.filter(verb__startswith="directory.token").order_by("pk")
    assert [entry.verb for entry in entries] == ["directory.token_issued", "directory.token_revoked"]


def test_who_would_gain_and_lose_is_shown_before_a_rule_is_made_and_before_it_is_ended(cast: Cast) -> None:
    service, client = Service(None, cast.pat), _as(cast.pat)
    made = service.user("zoe")
    service.group("Staff", made)
    where = "/platform/directory/rules/new/"
    page = client.get(where, {"tenant": "acme", "group_name": "staff", "role": "analyst"}).content.decode()
    assert "becomes a member as analyst" in " ".join(page.split())
    assert not DirectoryRule.objects.exists()
    answer = client.post(where, {"tenant": "acme", "group_name": "staff", "role": "analyst"})
    assert answer.status_code == 302
    assert Membership.objects.get(user__username="zoe").role == "analyst"
    assert client.post(where, {"tenant": "acme", "group_name": "STAFF", "role": "viewer"}).status_code == 422
    rule = DirectoryRule.objects.get()
    end = f"/platform/directory/rules/{rule.pk}/end/"
    assert "is no longer a member (was analyst)" in " ".join(client.get(end).content.decode().split())
    assert client.post(end).status_code == 302
    assert not Membership.objects.filter(user__username="zoe").exists()


def test_a_rule_is_refused_in_words(cast: Cast) -> None:
    client, where = _as(cast.pat), "/platform/directory/rules/new/"
    for given, says in (
        ({"tenant": "nowhere", "group_name": "a", "role": "viewer"}, "There is no tenant"),
        ({"tenant": "acme", "group_name": "a", "role": "emperor"}, "valid choice"),
        ({"tenant": "", "group_name": "a", "role": "viewer"}, "required"),
    ):
        answer = client.post(where, given)
        assert answer.status_code == 422
        assert says in answer.content.decode()


def test_whom_the_directory_knows_is_searched_filtered_and_exported(cast: Cast) -> None:
    service, client = Service(cast.acme, cast.olivia), _as(cast.olivia)
    made = service.user("zoe", emails=[{"value": "zoe@example.test"}])
    service.group("Staff", made)
    path = "/tenants/acme/directory/people/"
    for query, names in (
        ("", {"olivia", "dev", "vera", "zoe"}), ("q=ZOE", {"zoe"}), ("group=Staff", {"zoe"}),
        ("state=waiting", {"zoe"}), ("state=active&sort=-email", {"olivia", "dev", "vera"}), ("q=zebra", set()),
    ):  # fmt: skip
        lines = client.get(f"{path}?format=csv&{query}").getvalue().decode().splitlines()[1:]  # type: ignore[attr-defined]
        assert {line.split(",")[0] for line in lines} == names, query
        assert client.get(f"{path}?{query}").status_code == 200
