"""The other side of SCIM in tests: a directory's service with a token, speaking through the front door."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from tenants.directory import tokens
from tenants.models import Tenant, User

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class Service:
    """Speaks for the directory of `tenant`, or of the platform."""

    def __init__(self, tenant: Tenant | None, by: User) -> None:
        self.token, self.secret = tokens.issue(tenant=tenant, name="Entra", by=by)
        self.client = Client(headers={"authorization": f"Bearer {self.secret}"}, raise_request_exception=False)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        content = body if isinstance(body, str | bytes) else json.dumps(body or {})
        return self.client.generic(method, f"/scim/v2/{path}", content, "application/scim+json")

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/scim/v2/{path}", query)

    def find(self, kind: str, text: str) -> list[str]:
        """The names of what a filter finds."""
        answer = self.get(kind, filter=text)
        assert answer.status_code == 200, answer.content
        name = "userName" if kind == "Users" else "displayName"
        return [each[name] for each in answer.json()["Resources"]]

    def user(self, user_name: str, **more: Any) -> str:
        """A new person; their id."""
        answer = self.send("POST", "Users", {"schemas": [USER], "userName": user_name, **more})
        assert answer.status_code == 201, answer.content
        return str(answer.json()["id"])

    def group(self, name: str, *members: str) -> str:
        """A new group; its id."""
        body = {"schemas": [GROUP], "displayName": name, "members": [{"value": each} for each in members]}
        answer = self.send("POST", "Groups", body)
        assert answer.status_code == 201, answer.content
        return str(answer.json()["id"])

    def patch(self, path: str, *operations: dict[str, Any]) -> Any:
        return self.send("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})

    def join(self, group: str, *people: str) -> Any:
        value = [{"value": each} for each in people]
        return self.patch(f"Groups/{group}", {"op": "add", "path": "members", "value": value})

    def leave(self, group: str, person: str) -> Any:
        return self.patch(f"Groups/{group}", {"op": "remove", "path": f'members[value eq "{person}"]'})
