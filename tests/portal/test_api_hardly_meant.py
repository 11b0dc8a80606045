"""What no client of the API means to send: cursors and keys that were made up. They are refused, and break nothing."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode

import pytest
from django.test import Client

from tests.cast import Cast
from tests.matrix.addresses import Address, live
from tests.matrix.bodies import BODIES
from tests.matrix.stage import Stage
from tests.matrix.stage import stage as stage  # a fixture

pytestmark = pytest.mark.django_db
BY_NUMBER = {"board-list", "audit-entry-list", "catalog-import-list", "request-list", "policy-list"}


@pytest.fixture
def pat(stage: Stage) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(stage.cast.pat)
    return client


def of_the_api(client: Client) -> list[Address]:
    return [address for address in live() if address.route.startswith("api/") and address.methods]


def lists(client: Client) -> list[Address]:
    """Every list of the API that is paged."""
    asked = [a for a in of_the_api(client) if "GET" in a.methods and not a.parameters and a.name != "model-compare"]
    found = [address for address in asked if "next" in client.get(path_of(address)).json()]
    assert len(found) > 18
    return found


def path_of(address: Address) -> str:
    return f"/{address.route.replace('^', '').replace('$', '')}"


def test_a_made_up_cursor_is_refused_on_every_list(pat: Client) -> None:
    wrong = []
    for address in lists(pat):
        for position in ("10", "%00", "x", "9999-99-99", "%ED%A0%80"):
            cursor = urlsafe_b64encode(f"p={position}".encode()).decode()
            answer = pat.get(path_of(address), {"cursor": cursor, "limit": 2})
            if position == "10" and address.name in BY_NUMBER:
                assert answer.status_code == 200, address  # a number is what such a list is ordered by
            elif (answer.status_code, answer.json().get("code")) != (404, "invalid_cursor"):
                wrong.append((address.name, position, answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))


def test_a_made_up_cursor_of_a_sorted_list_is_refused(pat: Client) -> None:
    for place in (b'["a", "no key", false]', b'["\\u0000", "x", true]', b"[1e400, 1, 2]", b"{", b"\xff", b"[" * 20_000):
        cursor = urlsafe_b64encode(place).decode()
        answer = pat.get("/api/keys/", {"sort": "created_at", "cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (404, "invalid_cursor"), place


def test_a_key_that_cannot_be_one_leads_nowhere_on_every_address(pat: Client) -> None:
    asked = [address for address in of_the_api(pat) if address.parameters]
    assert len(asked) > 40
    wrong = []
    for address in asked:
        for key in ("abc", "null", "%00", "9" * 30, "%ED%A0%80", "a" * 3000, "0192f0c1-0000-7000-8000-00000000000g"):
            path = re.sub(r"<[^>]+>|\(\?P<.*\)(?=/)", key, path_of(address))
            for method in sorted({*address.methods} - {"HEAD"}):
                body = "" if method == "GET" else json.dumps(BODIES.get((address.name, method), {}))
                answer = pat.generic(method, path, body, "application/json")
                wanting = method == "POST" and answer.status_code in (415, 422)  # the body is looked at before the key
                if answer.status_code != 404 and not wanting:
                    wrong.append((method, address.name, key[:40], answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))


def test_an_order_that_no_list_has_is_refused_on_every_list(pat: Client) -> None:
    wrong = [a.name for a in lists(pat) if pat.get(path_of(a), {"sort": "nonsense"}).status_code != 422]
    assert not wrong, wrong


def test_an_address_that_is_none_is_told_as_such_whatever_is_sent_there(cast: Cast) -> None:
    """Not that a cookie lacks: a program has none."""
    client = Client(enforce_csrf_checks=True)
    for path in ("/api/nonsense/", "/api/keys/not-a-key/revoke/"):
        told = client.post(path, {}, "application/json", headers={"Authorization": "Bearer atrium_pat_x"})
        assert told.status_code == 404 and told.json()["code"] == "not_found", path


def test_what_is_not_there_is_told_in_plain_words(cast: Cast, client: Client) -> None:
    client.force_login(cast.olivia)
    for kind in ("keys", "projects", "webhooks", "ownership-transfers", "access-reviews", "elevations"):
        told = client.get(f"/api/{kind}/01a22b2d-cfe6-7282-9171-69eb80982ad0/")
        assert told.status_code == 404, kind
        assert "matches the given query" not in told.json()["detail"], kind
        assert told.json()["title"] == "Not found", kind
