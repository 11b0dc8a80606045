"""What Microsoft Entra and Okta send as they come, by their own documentation, is understood as they mean it."""

from __future__ import annotations

from typing import Any

import pytest

from tenants.scim.habits import without_what_says_nothing
from tests.cast import Cast
from tests.directory.service import GROUP, USER, Service

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP_OF_ENTRA = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
WORK = 'emails[type eq "work"].value'


@pytest.fixture(params=["tenant", "platform"])
def service(cast: Cast, request: pytest.FixtureRequest) -> Service:
    return Service(cast.acme, cast.olivia) if request.param == "tenant" else Service(None, cast.pat)


def _members(service: Service, group: str) -> set[str]:
    return {each["value"] for each in service.get(f"Groups/{group}").json().get("members", [])}


def test_entra_s_person_is_made_changed_and_switched_off(service: Service) -> None:
    zoe = service.user(
        "zoe@corp.test",
        schemas=[USER, ENTERPRISE],
        externalId="0a21f0f2",
        active=True,
        emails=[{"primary": True, "type": "work", "value": "zoe@corp.test"}],
        meta={"resourceType": "User"},
        name={"formatted": "Zoe Zest", "familyName": "Zest", "givenName": "Zoe"},
        roles=[],
    )
    boss = service.user("boss@corp.test", externalId="b")
    for operation in (
        {"op": "Replace", "path": WORK, "value": "zz@corp.test"},
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+1 555"},
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": boss},
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": [{"$ref": f"../Users/{boss}", "value": boss}]},
        {"op": "Replace", "value": {"name.givenName": "Zo", f"{ENTERPRISE}:department": "Sales"}},
        {"op": "Replace", "path": "active", "value": "False"},
    ):
        answer = service.patch(f"Users/{zoe}", operation)
        assert answer.status_code == 204, answer.content
    told = service.get(f"Users/{zoe}").json()
    assert told["active"] is False
    assert told["emails"] == [{"primary": True, "type": "work", "value": "zz@corp.test"}]
    assert told["name"] == {"formatted": "Zoe Zest", "familyName": "Zest", "givenName": "Zo"}
    assert told[ENTERPRISE]["department"] == "Sales"
    assert told[ENTERPRISE]["manager"]["value"] == boss
    assert "roles" not in told


def test_entra_s_group_is_made_and_loses_the_one_member_that_is_named(service: Service) -> None:
    zoe, ann = service.user("zoe@corp.test"), service.user("ann@corp.test")
    group = service.group("Staff")
    body = {"schemas": [GROUP, GROUP_OF_ENTRA], "externalId": "8aa1", "displayName": "Other", "members": []}
    assert service.send("POST", "Groups", {**body, "meta": {"resourceType": "Group"}}).status_code == 201
    for person in (zoe, ann):
        added = {"op": "Add", "path": "members", "value": [{"$ref": None, "value": person}]}
        assert service.patch(f"Groups/{group}", added).status_code == 204
    assert _members(service, group) == {zoe, ann}
    removed = {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": zoe}]}
    assert service.patch(f"Groups/{group}", removed).status_code == 204
    assert _members(service, group) == {ann}


def test_okta_s_person_and_group_are_made_replaced_and_emptied(service: Service) -> None:
    body = {
        "schemas": [USER],
        "userName": "zoe@corp.test",
        "name": {"givenName": "Zoe", "familyName": "Zest"},
        "emails": [{"primary": True, "value": "zoe@corp.test", "type": "work"}],
        "displayName": "Zoe Zest",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "1mz050nq",
        "active": True,
    }
    made = service.send("POST", "Users", body)
    assert made.status_code == 201, made.content
    assert "password" not in made.json()
    zoe = made.json()["id"]
    replaced = service.send("PUT", f"Users/{zoe}", {**body, "id": zoe, "meta": {"resourceType": "User"}, "title": "Dr"})
    assert replaced.json()["title"] == "Dr", replaced.content
    group = service.group("Staff")
    ann = service.user("ann@corp.test")
    whole = [{"value": zoe, "display": "zoe@corp.test"}, {"value": ann, "display": "ann@corp.test"}]
    assert service.patch(f"Groups/{group}", {"op": "replace", "path": "members", "value": whole}).status_code == 204
    assert _members(service, group) == {zoe, ann}
    put = {"schemas": [GROUP], "id": group, "displayName": "Staff", "members": whole[:1]}
    assert service.send("PUT", f"Groups/{group}", put).status_code == 200
    renamed = {"op": "replace", "value": {"id": group, "displayName": "All staff"}}
    assert service.patch(f"Groups/{group}", renamed).status_code == 204
    removed = {"op": "remove", "path": f'members[value eq "{zoe}"]'}
    assert service.patch(f"Groups/{group}", removed).status_code == 204
    assert _members(service, group) == set()
    assert service.patch(f"Users/{zoe}", {"op": "replace", "value": {"active": False}}).status_code == 204


def test_in_one_request_of_many_the_same_is_understood(service: Service) -> None:
    person = {"schemas": [USER], "userName": "zoe@corp.test", "roles": [], "entitlements": None}
    asked = [{"method": "POST", "path": "/Users", "bulkId": "1", "data": person}]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": asked}
    answer = service.send("POST", "Bulk", body)
    assert answer.json()["Operations"][0]["status"] == "201", answer.content


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"op": "add", "path": "roles", "value": [{"value": "owner"}]}, "'roles' is not an attribute"),
        ({"op": "add", "path": "title", "value": {"a": 1}}, "title"),
        ({"op": "replace", "value": {"nickName": ["x"]}}, "nick"),
    ],
)
def test_what_says_something_is_still_refused_in_words_for_people(
    service: Service, value: dict[str, Any], words: str
) -> None:
    answer = service.patch(f"Users/{service.user('zoe@corp.test')}", value)
    assert answer.status_code == 400
    detail = answer.json()["detail"]
    assert words in detail
    assert "pydantic" not in detail
    assert "\n" not in detail


@pytest.mark.parametrize("body", [b"", b"{", b'["roles"]', b'{"roles": [' + b"[" * 5000, b'"members"', b"\xff roles"])
def test_what_is_no_resource_is_left_to_who_reads_it(body: bytes) -> None:
    assert without_what_says_nothing(body).replace(b" ", b"") == body.replace(b" ", b"")


@pytest.mark.parametrize("depth", [200, 300, 900, 5000])
@pytest.mark.parametrize(
    "body",
    ['{"roles": [], "userName": %s}', '{"members": %s}', '{"Operations": [{"data": {"members": %s}}]}',
     '{"Operations": [{"op": "add", "path": "members", "value": %s}]}'],
)  # fmt: skip
def test_what_is_nested_without_end_is_refused(service: Service, body: str, depth: int) -> None:
    sent = body % ("[" * depth + "]" * depth)
    person = service.user("zoe@corp.test")
    for method, path in (("POST", "Users"), ("POST", "Groups"), ("PATCH", f"Users/{person}"), ("POST", "Bulk")):
        assert service.send(method, path, sent).status_code in (400, 413), (method, path)
