"""Whatever is sent to SCIM is answered as RFC 7644 says: never a fault, never more than was asked."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from django.db import connections, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as runs
from hypothesis import strategies as st
from pytest_django import Settings

from tenants.directory import tokens
from tenants.directory.reconciling import hold
from tenants.models import DirectoryPerson, User
from tenants.scope import everything
from tests.cast import Cast
from tests.directory.service import GROUP, PATCH, USER, Service

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@pytest.fixture
def service(cast: Cast) -> Service:
    return Service(cast.acme, cast.olivia)


def _refused(answer: Any, status: int, scim_type: str | None = None) -> None:
    told = answer.json()
    assert answer["Content-Type"] == "application/scim+json"
    assert (answer.status_code, told["schemas"], told["status"]) == (status, [ERROR], str(status)), told
    assert told.get("scimType") == scim_type, told
    assert told["detail"]


def test_without_a_token_that_is_valid_nobody_is_let_in(service: Service, cast: Cast, client: Any) -> None:
    client.force_login(cast.olivia)
    for header in ({}, {"authorization": "Bearer nonsense"}, {"authorization": f"Basic {service.secret}"}):
        for path in ("", "Users", "ServiceProviderConfig", "no/such/thing", "Users/1"):
            answer = client.get(f"/scim/v2/{path}", headers=header)
            _refused(answer, 401)
            assert answer["WWW-Authenticate"].startswith("Bearer")
    tokens.revoke(token=service.token, by=cast.olivia)
    _refused(service.get("Users"), 401)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "scim_type"),
    [
        ("GET", "Nothing", None, 404, None),
        ("GET", "Users/not-an-id", None, 404, None),
        ("GET", "Me", None, 501, None),
        ("PUT", "Users", {}, 405, None),
        ("POST", "Users", "{", 400, "invalidSyntax"),
        ("POST", "Users", b"\xff\xfe", 400, "invalidSyntax"),
        ("POST", "Users", "[]", 400, "invalidSyntax"),
        ("POST", "Users", "[" * 100_000, 400, "invalidSyntax"),
        ("POST", "Users", {"schemas": [USER]}, 400, "invalidValue"),
        ("POST", "Users", {"schemas": ["urn:no:such:schema"], "userName": "a"}, 400, "invalidSyntax"),
        ("POST", "Users", {"schemas": [USER], "userName": 7}, 400, "invalidValue"),
        ("POST", "Users", {"schemas": [USER], "userName": ""}, 400, "invalidValue"),
        ("POST", "Users", {"schemas": [USER], "userName": "a\u0000b"}, 400, "invalidValue"),
        ("POST", "Users", {"schemas": [USER], "userName": "x" * 300}, 400, "invalidValue"),
        ("POST", "Users", {"schemas": [USER], "userName": "a", "title": "\u0000"}, 400, "invalidValue"),
        ("POST", "Users", {"schemas": [USER], "userName": "a", "externalId": "x" * 300}, 400, "invalidValue"),
        ("POST", "Users", {"schemas": [USER], "userName": "a", "tenant": "globex"}, 400, "invalidSyntax"),
        ("POST", "Users", {"schemas": [USER], "userName": "a", "roles": [{"value": "owner"}]}, 400, "invalidSyntax"),
        ("POST", "Users", {"schemas": [USER], "userName": "a", "is_superuser": True}, 400, "invalidSyntax"),
        ("POST", "Users", {"schemas": [USER], "userName": "a", "emails": "a@b"}, 400, "invalidValue"),
        *(
            ("POST", "Users", {"schemas": [USER], "userName": "a", "emails": [{"value": address}]}, 400, "invalidValue")
            for address in ("nobody", "a@b\r\nBcc: c@d", "a b@c", "@c", f"{'x' * 250}@c.test", "a@\u202eb")
        ),
        ("POST", "Groups", {"schemas": [GROUP], "displayName": "g", "members": [{"value": "x"}]}, 400, "invalidValue"),
        ("POST", "Groups", {"schemas": [GROUP], "displayName": "\u0000"}, 400, "invalidValue"),
        ("POST", "Bulk", {"schemas": [], "Operations": "x"}, 400, "invalidValue"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_in_words(
    service: Service, method: str, path: str, body: Any, status: int, scim_type: str | None
) -> None:
    _refused(service.send(method, path, body), status, scim_type)


def test_an_address_that_was_kept_earlier_keeps_nobody_from_being_switched_off(cast: Cast) -> None:
    User.objects.filter(pk=cast.ned.pk).update(email="ned")
    platform = Service(None, cast.pat)
    DirectoryPerson.objects.filter(user=cast.ned).update(email="ned", attributes={"emails": [{"value": "ned"}]})
    ned = platform.get("Users", filter='userName eq "ned"').json()["Resources"][0]["id"]
    assert platform.patch(f"Users/{ned}", {"op": "replace", "path": "active", "value": False}).status_code == 204
    cast.ned.refresh_from_db()
    assert not cast.ned.is_active


@pytest.mark.parametrize(
    "text",
    ['userName', 'userName eq', 'userName zz "x"', 'nothing eq "x"', '(' * 500, 'not ' * 300 + 'userName pr',
     'active gt true', 'emails[type eq "a"', 'meta.created gt "yesterday"', 'emails[type[a eq 1]]', 'title eq "\u0000"',
     " or ".join(f'title eq "{n}"' for n in range(500)), 'groups[nothing eq "x"]', 'userName eq "\\ud83e"',
     'emails.value eq "\\ud83e"', 'title eq "\\u0000"', 'meta.created lt "9999-12-31T23:59:59-23:59"'],
)  # fmt: skip
def test_a_filter_that_means_nothing_is_refused(service: Service, text: str) -> None:
    _refused(service.get("Users", filter=text), 400, "invalidFilter")


@pytest.mark.parametrize(
    "text", ['userName eq "a\' or 1=1 --"', 'title co "%"', 'title co ".*"', 'title ew "\\\\"', 'title sw "$v"',
             'title co "\\" flag"', 'emails[value ew "(("]', 'id eq "x"', 'externalId co "_"'],
)  # fmt: skip
def test_a_value_of_a_filter_stays_a_value(service: Service, text: str) -> None:
    service.user("zoe", title="plain", externalId="a")
    assert service.find("Users", text) == []


ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('meta.resourceType eq "User"', {"zoe", "ann"}),
        ('meta.resourceType eq "Group"', {"Staff"}),
        ('(meta.resourceType eq "User") or (meta.resourceType eq "Group")', {"zoe", "ann", "Staff"}),
        ('meta.resourceType ne "User"', {"Staff"}),
        (f'schemas eq "{ENTERPRISE}"', {"zoe"}),
        (f'schemas eq "{GROUP}"', {"Staff"}),
        (f'schemas ne "{USER}"', {"Staff"}),
        ('schemas eq "urn"', set()),
        ('schemas pr and meta pr and meta.version eq "W/\\"1\\""', {"zoe", "ann", "Staff"}),
        ('meta.location ew "s/" or meta.location co "/Groups/"', {"Staff"}),
        ('meta eq "User"', set()),
    ],
)
def test_what_both_kinds_have_is_filtered_by_from_the_root(cast: Cast, text: str, found: set[str]) -> None:
    service = Service(None, cast.pat)
    made = {service.user("zoe", **{"schemas": [USER, ENTERPRISE], ENTERPRISE: {"department": "Sales"}})}
    made |= {service.user("ann"), service.group("Staff")}
    answer = service.get("", filter=text)
    assert answer.status_code == 200, answer.content
    here = [each for each in answer.json().get("Resources", []) if each["id"] in made]
    assert {each.get("userName") or each["displayName"] for each in here} == found


def test_more_than_anybody_needs_of_one_request_is_refused(service: Service) -> None:
    person = service.user("zoe")
    _refused(service.get("Users", attributes=",".join(["title"] * 201)), 400, "invalidValue")
    _refused(service.get(f"Users/{person}", excludedAttributes=",".join(["title"] * 201)), 400, "invalidValue")
    asked = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "attributes": ["title"] * 201}
    _refused(service.send("POST", "Users/.search", asked), 400, "invalidValue")
    _refused(service.patch(f"Users/{person}", *[{"op": "replace", "path": "title", "value": "x"}] * 1001), 413)


def test_pages_tell_the_whole_number_and_never_more_than_asked(service: Service) -> None:
    for number in range(7):
        service.user(f"p{number}", title="Page")
    query = {"filter": 'title eq "page"', "sortBy": "userName", "sortOrder": "descending"}
    answer = service.get("Users", **query, startIndex=3, count=2).json()
    assert (answer["totalResults"], answer["itemsPerPage"], answer["startIndex"]) == (7, 2, 3)
    assert [each["userName"] for each in answer["Resources"]] == ["p4", "p3"]
    assert service.get("Users", **query, startIndex=100).json().get("Resources", []) == []
    assert service.get("Users", **query, count=0).json()["totalResults"] == 7
    assert service.get("Users", **query, startIndex=-5, count=-1).status_code in (200, 400)
    _refused(service.get("Users", startIndex="x"), 400, "invalidValue")


def test_a_change_on_what_was_changed_meanwhile_is_refused(service: Service) -> None:
    made = service.user("zoe")
    old = service.get(f"Users/{made}")["ETag"]
    service.patch(f"Users/{made}", {"op": "add", "path": "title", "value": "New"})
    body = json.dumps({"schemas": [PATCH], "Operations": [{"op": "remove", "path": "title"}]})
    answer = service.client.patch(f"/scim/v2/Users/{made}", body, "application/scim+json", headers={"if-match": old})
    _refused(answer, 412)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    ["userName", "active", "emails", "emails[type eq \"work\"].value", "name.givenName", "members", "displayName", "id",
     "meta", "schemas", "groups", "externalId", "roles", "password", "emails[", "members[value eq \"x\"]", "", "tenant",
     "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value", "name", "$ref", "phoneNumbers[0]"]
)  # fmt: skip
operations = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "replace", "remove", "Add", "move", ""]) | json_values},
    optional={
        "path": names | st.text(max_size=12) | json_values,
        "value": json_values | st.dictionaries(names, json_values),
    },
)


@pytest.mark.django_db
@given(st.lists(operations, max_size=3) | json_values, st.sampled_from(["Users", "Groups"]))
@runs(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_patch_of_any_shape_is_carried_out_or_refused_and_never_a_fault(
    fuzzed: dict[str, Any], sent: Any, kind: str
) -> None:
    with transaction.atomic():
        answer = fuzzed["service"].send("PATCH", fuzzed[kind], {"schemas": [PATCH], "Operations": sent})
        transaction.set_rollback(True)
    assert answer.status_code in (200, 204, 400, 409), (sent, answer.content)
    if answer.status_code >= 400:
        assert answer.json()["schemas"] == [ERROR]


@pytest.fixture
def fuzzed(cast: Cast) -> dict[str, Any]:
    service = Service(None, cast.pat)
    person = service.user("zoe", emails=[{"value": "zoe@example.test", "type": "work"}], title="Head")
    return {"service": service, "Users": f"Users/{person}", "Groups": f"Groups/{service.group('Staff', person)}"}


@pytest.mark.django_db(transaction=True)
def test_of_two_who_make_the_same_person_at_once_one_is_told_of_the_other(cast: Cast) -> None:
    service, seen = Service(None, cast.pat), []

    def make() -> None:
        seen.append(service.send("POST", "Users", {"schemas": [USER], "userName": "twin"}).status_code)
        connections.close_all()

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [201, 409, 409, 409]
    assert User.objects.filter(username__startswith="twin").count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_waits_too_long_for_a_change_that_is_under_way_is_told_when_to_come_again(
    cast: Cast, settings: Settings
) -> None:
    service, held, answered = Service(None, cast.pat), threading.Event(), threading.Event()

    @everything("a change that takes long")
    def change() -> None:
        with transaction.atomic():
            hold(service.token.directory)
            held.set()
            answered.wait(20)
        connections.close_all()

    thread = threading.Thread(target=change)
    thread.start()
    held.wait(20)
    settings.DATABASE_STATEMENT_S = 0.5
    answer = service.send("POST", "Users", {"schemas": [USER], "userName": "late"})
    answered.set()
    thread.join()
    _refused(answer, 503)
    assert int(answer["Retry-After"]) > 0
    assert not User.objects.filter(username="late").exists()
