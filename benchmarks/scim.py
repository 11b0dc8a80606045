"""SCIM: how long an import of people takes, one by one and in bulk, and what looking one up costs then.

Reference: the same requests to `scim2-server`'s own application over its storage in memory, which keeps nothing, tells
nobody and writes no audit. Result: seconds for all of them, and the ratio. Run with `python -m benchmarks.scim`.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.ground import embedded_database

PEOPLE, GROUPS, IN_BULK, LOOKED_UP = 10_000, 20, 500, 300
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
JSON = "application/scim+json"

Send = Callable[[str, str, Any], Any]


def main() -> int:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE
    with embedded_database():
        from tenants.directory import tokens
        from tenants.memberships import appoint
        from tenants.models import Directory, DirectoryPerson, Tenant, User

        admin = User.objects.create_user("bench-admin")
        _, secret = tokens.issue(tenant=None, name="Bench", by=admin)
        ours, theirs = _ours(secret), _theirs()
        appoint(user=admin, role="platform", by=admin)
        acme = Tenant.objects.create(slug="acme", name="Acme")
        of_a_tenant = _ours(tokens.issue(tenant=acme, name="Bench", by=admin)[1])
        print(f"{'what':<34}{'Atrium':>12}{'in memory':>12}{'ratio':>8}")
        for name, by, work in (
            (f"{people:,} people, one by one", ours, lambda send: _one_by_one(send, people)),
            (f"{people:,} of a tenant, one by one", of_a_tenant, lambda send: _one_by_one(send, people, "own")),
            (f"{people:,} more, {IN_BULK} at once", ours, lambda send: _in_bulk(send, people)),
            (f"{GROUPS} groups of {people // GROUPS:,}", ours, lambda send: _groups(send, people)),
        ):
            took, reference = _seconds(work, by), _seconds(work, theirs)
            print(f"{name:<34}{took:>10.1f} s{reference:>10.1f} s{took / reference:>8.1f}")
        for name, text in (("userName eq", 'userName eq "one-77@example.test"'), ("title co", 'title co "title 77"')):
            took, reference = _median_ms(ours, text), _median_ms(theirs, text)
            print(f"{name + ', one page':<34}{took:>9.1f} ms{reference:>9.1f} ms{took / reference:>8.1f}")
        kept = DirectoryPerson.objects.filter(directory=Directory.objects.get(tenant=None))
        assert kept.count() == 2 * people + 1
    return 0


def _ours(secret: str) -> Send:
    from django.test import Client

    client = Client(headers={"authorization": f"Bearer {secret}", "host": "127.0.0.1"})

    def send(method: str, path: str, body: Any) -> Any:
        answer = client.generic(method, f"/scim/v2/{path}", json.dumps(body) if body else b"", JSON)
        assert answer.status_code < 300, answer.content
        return answer.json()

    return send


def _theirs() -> Send:
    from scim2_server.handler import ScimHandler
    from scim2_server.memory import InMemoryStorage
    from scim2_server.requests import ScimRequest
    from scim2_server.service import ScimService

    from tenants.scim.schema import provider

    handler = ScimHandler(ScimService(provider()), InMemoryStorage())

    def send(method: str, path: str, body: Any) -> Any:
        place, _, query = path.partition("?filter=")
        asked = {"filter": query} if query else {}
        request = ScimRequest(
            method, "http://testserver/scim/v2", f"/{place}", asked, {"Content-Type": JSON},
            json.dumps(body).encode() if body else b"",
        )  # fmt: skip
        return handler.handle(request).body

    return send


def _person(kind: str, number: int) -> dict[str, Any]:
    name = f"{kind}-{number}@example.test"
    return {
        "schemas": [USER], "userName": name, "externalId": f"{kind}{number}", "active": True,
        "title": f"Title {number}",
        "name": {"givenName": f"Given {number}", "familyName": "Family"}, "emails": [{"value": name, "primary": True}],
    }  # fmt: skip


def _one_by_one(send: Send, people: int, kind: str = "one") -> None:
    for number in range(people):
        send("POST", "Users", _person(kind, number))


def _in_bulk(send: Send, people: int) -> None:
    for start in range(0, people, IN_BULK):
        operations = [
            {"method": "POST", "path": "/Users", "bulkId": str(number), "data": _person("bulk", number)}
            for number in range(start, min(start + IN_BULK, people))
        ]
        answer = send("POST", "Bulk", {"schemas": [BULK], "Operations": operations})
        assert all(str(each["status"]) == "201" for each in answer["Operations"])


def _groups(send: Send, people: int) -> None:
    keys = []
    for start in range(1, people + 1, 200):
        body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "startIndex": start, "count": 200}
        keys += [each["id"] for each in send("POST", "Users/.search", body)["Resources"]]
    each_holds = people // GROUPS
    for number in range(GROUPS):
        members = [{"value": key} for key in keys[number * each_holds : (number + 1) * each_holds]]
        name = f"Group {number}"
        group = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name, "members": members}
        send("POST", "Groups", group)


def _seconds(work: Callable[[Send], None], send: Send) -> float:
    began = time.perf_counter()
    work(send)
    return time.perf_counter() - began


def _median_ms(send: Send, text: str) -> float:
    taken = []
    for _ in range(LOOKED_UP):
        began = time.perf_counter()
        send("GET", f"Users?filter={text}", None)
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


if __name__ == "__main__":
    sys.exit(main())
