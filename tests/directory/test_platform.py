"""The platform's directory: its people are the accounts."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from audit.models import Entry
from tenants import tokens
from tenants.models import Membership, User
from tests.cast import PASSWORD, Cast
from tests.directory.service import GROUP, PATCH, USER, Service


@pytest.fixture
def service(cast: Cast) -> Service:
    return Service(None, cast.pat)


def _active(service: Service, person: str, on: bool) -> Any:
    return service.patch(f"Users/{person}", {"op": "replace", "path": "active", "value": on})


def _id(service: Service, name: str) -> str:
    return str(service.get("Users", filter=f'userName eq "{name}"').json()["Resources"][0]["id"])


def test_a_person_of_the_directory_is_an_account_without_a_password(service: Service) -> None:
    name = {"givenName": "Zoe", "familyName": "Zander"}
    service.user("zoe.z@example.test", name=name, externalId="42", emails=[{"value": "Zoe@example.test"}])
    made = User.objects.get(username="zoe.z")
    assert (made.email, str(made), made.is_active) == ("zoe@example.test", "Zoe Zander", True)
    assert not made.has_usable_password()
    entry = Entry.objects.filter(verb="person.created").latest("pk")
    assert (entry.actor_kind, entry.actor_label) == ("directory", "directory of the platform: Entra")


def test_who_was_here_before_is_found_and_not_made_again(service: Service, cast: Cast) -> None:
    assert service.find("Users", 'emails eq "dev@example.test"') == ["dev"]
    answer = service.send("POST", "Users", {"schemas": [USER], "userName": "DEV"})
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    answer = service.send(
        "POST", "Users", {"schemas": [USER], "userName": "other", "emails": [{"value": "dev@example.test"}]}
    )
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    User.objects.create_user("later", "later@example.test")
    assert service.find("Users", 'userName eq "later"') == ["later"]


def test_switching_off_ends_sessions_and_tokens_at_once_and_on_again_brings_them_back(
    service: Service, cast: Cast
) -> None:
    browser = Client()
    browser.login(username="dev", password=PASSWORD)
    _, secret = tokens.issue(user=cast.dev, name="Laptop", by=cast.dev)
    program = Client(headers={"authorization": f"Bearer {secret}"})
    assert browser.get("/tenants/acme/").status_code == program.get("/api/me/").status_code == 200
    person = _id(service, "dev")
    assert _active(service, person, False).status_code == 204
    assert browser.get("/tenants/acme/").status_code == 302
    assert program.get("/api/me/").status_code == 401
    assert service.get(f"Users/{person}").json()["active"] is False
    assert service.find("Users", 'active eq false and userName eq "dev"') == ["dev"]
    entry = Entry.objects.filter(verb="person.deactivated").get()
    assert (entry.actor_kind, entry.subject_label) == ("directory", "Dev")
    assert _active(service, person, True).status_code == 204
    assert program.get("/api/me/").status_code == 200
    assert Membership.objects.filter(user=cast.dev, tenant=cast.acme).exists()


def test_a_removed_person_is_switched_off_and_hidden_and_nothing_is_erased(service: Service, cast: Cast) -> None:
    person = _id(service, "dev")
    assert service.send("DELETE", f"Users/{person}").status_code == 204
    assert service.get(f"Users/{person}").status_code == 404
    assert service.send("DELETE", f"Users/{person}").status_code == 404
    assert service.find("Users", 'userName eq "dev"') == []
    cast.dev.refresh_from_db()
    assert not cast.dev.is_active


def test_who_is_told_again_with_the_same_identity_comes_back_and_anybody_else_gets_another_account(
    service: Service,
) -> None:
    gone = service.user("kim", externalId="7")
    service.send("DELETE", f"Users/{gone}")
    assert service.user("kim", externalId="7") == gone
    assert User.objects.get(username="kim").is_active
    service.send("DELETE", f"Users/{gone}")
    assert service.user("kim", externalId="8") != gone
    assert not User.objects.get(username="kim").is_active


def test_the_last_of_the_platform_team_stays(service: Service, cast: Cast) -> None:
    person = _id(service, "pat")
    for answer in (_active(service, person, False), service.send("DELETE", f"Users/{person}")):
        assert answer.status_code == 409
        assert "last active person of the platform team" in answer.json()["detail"]
    cast.pat.refresh_from_db()
    assert cast.pat.is_active


def test_a_name_that_is_changed_is_seen_by_people_and_their_user_name_stays(service: Service, cast: Cast) -> None:
    person = _id(service, "dev")
    answer = service.patch(
        f"Users/{person}", {"op": "replace", "value": {"displayName": "Devon", "userName": "devon@example.test"}}
    )
    assert answer.status_code == 204
    cast.dev.refresh_from_db()
    assert (str(cast.dev), cast.dev.username) == ("Devon", "dev")
    assert service.find("Users", 'userName eq "devon@example.test"') == ["devon@example.test"]


def test_an_address_that_the_directory_changes_is_the_account_s(service: Service, cast: Cast) -> None:
    person = _id(service, "dev")
    value = [{"value": "devon@example.test", "primary": True}]
    assert service.patch(f"Users/{person}", {"op": "replace", "path": "emails", "value": value}).status_code == 204
    cast.dev.refresh_from_db()
    assert cast.dev.email == "devon@example.test"
    value = [{"value": "greta@example.test", "primary": True}]
    answer = service.patch(f"Users/{person}", {"op": "replace", "path": "emails", "value": value})
    assert answer.json()["scimType"] == "uniqueness"


def test_many_operations_come_in_one_request_and_each_tells_what_became_of_it(service: Service) -> None:
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"schemas": [USER], "userName": "ann"}},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"schemas": [USER], "userName": "ANN"}},
        {"method": "POST", "path": "/Users", "bulkId": "c", "data": {"schemas": [USER], "userName": "cy"}},
    ]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations}
    answer = service.send("POST", "Bulk", body)
    assert [each["status"] for each in answer.json()["Operations"]] == ["201", "409", "201"]
    assert User.objects.filter(username__in=["ann", "cy"]).count() == 2


def test_who_is_refused_among_many_takes_nobody_else_along(service: Service) -> None:
    service.user("there", emails=[{"value": "there@x.test"}])
    service.user("straße@x.test")
    wanted: list[dict[str, Any]] = [
        {"userName": "there"},
        {"userName": "ann"},
        {"userName": "bob", "emails": [{"value": "there@x.test"}]},
        {"userName": "straße@y.test"},  # its account needs another name
        {"userName": "cy"},
    ]
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": str(number), "data": {"schemas": [USER], **told}}
        for number, told in enumerate(wanted)
    ]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations}
    answer = service.send("POST", "Bulk", body)
    assert [each["status"] for each in answer.json()["Operations"]] == ["409", "201", "409", "201", "201"]
    assert {each["userName"] for each in service.get("Users").json()["Resources"]} >= {"ann", "straße@y.test", "cy"}
    assert User.objects.filter(username__startswith="straße").count() == 2


def test_what_comes_in_one_request_may_build_on_itself(service: Service) -> None:
    gone = service.user("back", externalId="9")
    service.send("DELETE", f"Users/{gone}")
    again = {"schemas": [USER], "userName": "back", "externalId": "9"}
    operations = [
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {
            "schemas": [GROUP], "displayName": "Crew", "members": [{"value": "bulkId:a"}, {"value": "bulkId:b"}]}},
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"schemas": [USER], "userName": "ann@x.test"}},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"schemas": [USER], "userName": "ann@y.test"}},
        {"method": "POST", "path": "/Users", "bulkId": "c", "data": again},
        {"method": "PATCH", "path": f"/Users/{gone}", "data": {
            "schemas": [PATCH], "Operations": [{"op": "replace", "path": "title", "value": "Chief"}]}},
        {"method": "DELETE", "path": "/Users/nobody"},
        {"method": "POST", "path": "/Users", "bulkId": "d", "data": {"schemas": [USER], "userName": 7}},
    ]  # fmt: skip
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations}
    answer = service.send("POST", "Bulk", body)
    assert [each["status"] for each in answer.json()["Operations"]] == ["201", "201", "201", "201", "200", "404", "400"]
    assert sorted(service.find("Users", 'groups.display eq "crew"')) == ["ann@x.test", "ann@y.test"]
    assert User.objects.filter(username__startswith="ann").count() == 2
    assert service.get(f"Users/{gone}").json()["title"] == "Chief"
    entry = Entry.objects.get(verb="directory.imported")
    assert entry.facts | {"people": sorted(entry.facts["people"])} == {
        "count": 2, "people": ["ann@x.test", "ann@y.test"]
    }  # fmt: skip  # who came in the same millisecond has no order
