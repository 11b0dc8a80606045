"""The API takes what its document publishes: a misspelt filter or field is refused, not passed over."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from access.asking import request_access
from approvals.models import Policy, Request
from portal.api.published import operations, shape
from tenants.models import ApiKey
from tests.cast import Cast, route
from tests.matrix.addresses import Address
from tests.matrix.stage import Stage
from tests.matrix.stage import stage as stage  # a fixture
from tests.portal.test_api_hardly_meant import of_the_api, path_of
from tests.portal.test_api_lists import walked

pytestmark = pytest.mark.django_db


@pytest.fixture
def pat(stage: Stage) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(stage.cast.pat)
    return client


def sent(client: Client, path: str, body: dict[str, Any], key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"/api/{path}", json.dumps(body), "application/json", headers=headers)


def read(client: Client) -> list[Address]:
    """Every address of the API that is read and has no parameter in its path."""
    return [a for a in of_the_api(client) if "GET" in a.methods and not a.parameters]


def test_every_address_of_the_api_is_published(pat: Client) -> None:
    published = {address for _, address in operations()}
    live = {shape(path_of(address)) for address in of_the_api(pat) if address.name != "api-root"}
    assert live <= published and len(live) > 60, sorted(live - published)


def test_a_parameter_that_an_address_does_not_take_is_refused_on_every_list(pat: Client) -> None:
    asked = read(pat)
    assert len(asked) > 20
    for address in [*(path_of(a) for a in asked if a.name != "api-root"), "/api/platform/status/"]:
        answer = pat.get(address, {"oddly": "1"})
        told = answer.json()
        assert (answer.status_code, list(told.get("errors", {}))) == (422, ["oddly"]), address
        assert pat.head(address, {"oddly": "1"}).status_code == 422, address


def test_a_misspelt_filter_is_told_its_right_name(pat: Client) -> None:
    told = pat.get("/api/keys/", {"stat": "active"}).json()
    assert told["errors"] == {"stat": ["There is no parameter “stat” here. Did you mean “state”?"]}
    one = pat.get(f"/api/keys/{ApiKey.objects.all()[0].pk}/", {"state": "active"})
    assert one.json()["errors"] == {"state": ["There is no parameter “state” here."]}


def test_what_is_not_there_is_not_there_whatever_is_asked_of_it(pat: Client) -> None:
    assert pat.get("/api/nothing/", {"oddly": "1"}).status_code == 404
    assert Client().get("/api/keys/", {"oddly": "1"}).status_code == 401


def test_every_order_that_is_published_reaches_every_row(pat: Client) -> None:
    document = pat.get("/api/schema/?format=json").json()
    orders = 0
    for path, methods in document["paths"].items():
        sorts = [p for p in methods.get("get", {}).get("parameters", []) if p["name"] == "sort"]
        if not sorts or path == "/api/models/":
            continue
        name = path.removeprefix("/api/")
        everything = walked(pat, name, limit=50)
        for sort in sorts[0]["schema"]["enum"]:
            rows = walked(pat, f"{name}?sort={sort}", limit=2, back=True)
            assert sorted(map(json.dumps, rows)) == sorted(map(json.dumps, everything)), (path, sort)
            orders += 1
    assert orders > 60


def test_a_field_that_a_body_does_not_have_is_refused_and_nothing_is_done(stage: Stage) -> None:
    client = Client()
    client.force_login(stage.cast.olivia)
    before = ApiKey.objects.count()
    body = {"environment": "acme/support/test", "name": "next", "expire_at": "2026-12-31T00:00:00Z"}
    answer = sent(client, "keys/", body)
    assert answer.status_code == 422
    meant = "There is no field “expire_at” here. Did you mean “expires_at”?"
    assert answer.json()["errors"] == {"expire_at": [meant]}
    assert ApiKey.objects.count() == before


def test_a_field_inside_a_list_is_refused_too(pat: Client) -> None:
    before = Policy.objects.count()
    stages = [{"board": "risk", "quorom": 2}]
    answer = sent(pat, "policies/", {"subject_kind": "access", "sentence": "So.", "stages": stages})
    assert answer.status_code == 422
    assert "“quorom” here. Did you mean “quorum”?" in json.dumps(answer.json()["errors"]["stages"], ensure_ascii=False)
    assert Policy.objects.count() == before


def test_a_verb_without_a_body_takes_none(cast: Cast) -> None:
    asked = request_access(environment=cast.environment("test"), route=route(), purpose="Answer", by=cast.dev)
    client = Client()
    client.force_login(cast.dev)
    address = f"requests/{asked.number}/withdraw/"
    answer = sent(client, address, {"reason": "Not needed"})
    assert (answer.status_code, answer.json()["errors"]) == (422, {"body": ["This takes no body."]})
    assert Request.objects.get().state == "in_review"
    assert sent(client, address, {}).status_code == 200


def test_access_asked_for_twice_with_one_key_is_one_request(cast: Cast) -> None:
    route()
    client = Client()
    client.force_login(cast.dev)
    body = {"environment": "acme/support/test", "route": "echo-model", "purpose": "Answer"}
    first, again = (sent(client, "access-requests/", body, key="one") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again["Idempotency-Replayed"] == "true" and again.json() == first.json()
    assert Request.objects.count() == 1
    other = sent(client, "access-requests/", {**body, "purpose": "Other"}, key="one")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Request.objects.count() == 1
