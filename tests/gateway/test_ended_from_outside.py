"""Who is switched off or let go by a directory loses page, API token, key and running stream, all through the front
door. How long each took is in the test's output; a loaded machine may take longer than the second that is meant."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.db import connection
from django.test import Client
from oidc_provider_mock import run_server_in_thread

from catalog.models import Route
from tenants import tokens
from tenants.directory import tokens as directory_tokens
from tenants.directory.rules import make_rule
from tenants.keys import issue
from tenants.models import DirectoryPerson, Membership, User
from tests.browser.server import serving
from tests.cast import Cast
from tests.gateway.conftest import HELLO
from tests.gateway.provider import Provider
from tests.gateway.serving import Served
from tests.gateway.test_shut_out import endless

MEANT_S = 1.0
AT_MOST_S = 5.0
ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}


@dataclass
class Holder:
    """What one person has open at a server, each asked for through the front door."""

    address: str
    session: str
    token: str
    key: str
    stream_error: str = ""
    stream_ended: threading.Event = field(default_factory=threading.Event)
    stream_began: threading.Event = field(default_factory=threading.Event)

    def page(self) -> int:
        cookies = {settings.SESSION_COOKIE_NAME: self.session}
        return httpx.get(f"{self.address}/tenants/acme/", cookies=cookies, timeout=20).status_code

    def api(self) -> int:
        return self._bearing(self.token, "/api/tenants/acme/")

    def models(self) -> int:
        return self._bearing(self.key, "/v1/models")

    def _bearing(self, secret: str, path: str) -> int:
        return httpx.get(f"{self.address}{path}", headers={"authorization": f"Bearer {secret}"}, timeout=20).status_code

    def read(self) -> None:
        """Read a stream until it ends; the code of the last event, if it is an error."""
        headers = {"authorization": f"Bearer {self.key}"}
        last = ""
        with (
            httpx.Client(base_url=self.address, headers=headers, timeout=60) as client,
            client.stream("POST", "/v1/chat/completions", json=ASKED | {"stream": True}) as answer,
        ):
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    last = line.removeprefix("data: ")
                    self.stream_began.set()
        self.stream_error = json.loads(last).get("error", {}).get("code", "") if last.startswith("{") else last
        self.stream_ended.set()


@contextmanager
def streaming(holder: Holder) -> Iterator[None]:
    reader = threading.Thread(target=holder.read, daemon=True)
    reader.start()
    assert holder.stream_began.wait(20), "the stream did not begin"
    yield
    reader.join(20)


def ends(holder: Holder, *, page: int, api: int, happens: Callable[[], None]) -> dict[str, float]:
    """Seconds after `happens` until each of the four answered so; fails for what took longer than `AT_MOST_S`."""
    assert (holder.page(), holder.api(), holder.models()) == (200, 200, 200)
    checks: dict[str, Callable[[], bool]] = {
        "page": lambda: holder.page() == page,
        "API token": lambda: holder.api() == api,
        "key": lambda: holder.models() == 401,
        "running stream": holder.stream_ended.is_set,
    }
    took: dict[str, float] = {}
    with streaming(holder):
        happens()
        began = time.monotonic()
        while len(took) < len(checks) and time.monotonic() - began < AT_MOST_S:
            for name in checks.keys() - took.keys():
                if checks[name]():
                    took[name] = time.monotonic() - began
    assert not checks.keys() - took.keys(), f"not ended within {AT_MOST_S} s: {checks.keys() - took.keys()}"
    assert holder.stream_error == "api_key_without_holder"
    return took


def told_if_late(seconds: float) -> str:
    return f" (later than the {MEANT_S} s that are meant)" if seconds > MEANT_S else ""


def signed_in(user: User) -> str:
    client = Client()
    client.force_login(user, backend="tenants.backends.AccountBackend")
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def test_switched_off_by_scim(
    team: Cast, key: str, route: Route, provider: Provider, front: Served, record_property: Callable[..., None]
) -> None:
    provider.behaves(endless)
    _, secret = directory_tokens.issue(tenant=None, name="Entra", by=team.pat)
    token = tokens.issue(user=team.dev, name="laptop", by=team.dev)[1]
    holder = Holder(front.url, signed_in(team.dev), token, key)
    person = DirectoryPerson.objects.get(user=team.dev)

    def switch_off() -> None:
        body = {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "active", "value": False}],
        }
        address, headers = f"{front.url}/scim/v2/Users/{person.pk}", {"authorization": f"Bearer {secret}"}
        answer = httpx.patch(address, json=body, headers=headers, timeout=20)
        assert answer.status_code in (200, 204), answer.text

    for name, seconds in ends(holder, page=302, api=401, happens=switch_off).items():
        record_property(f"{name} ended after", f"{seconds:.2f} s{told_if_late(seconds)}")


def test_let_go_by_the_sign_in_service(
    team: Cast, provider: Provider, route: Route, tmp_path: Path, record_property: Callable[..., None]
) -> None:
    """The group that gave the membership is left, and the next sign-in, wherever it is, says so."""
    provider.behaves(endless)
    make_rule(tenant=team.acme, of_platform=True, group_name="Builders", role="developer", by=team.pat)
    with run_server_in_thread() as server:
        service = f"http://localhost:{server.server_port}"
        variables = {
            "ATRIUM_OIDC_STAFF_SERVER_URL": service, "ATRIUM_OIDC_STAFF_CLIENT_ID": "atrium",
            "ATRIUM_OIDC_STAFF_CLIENT_SECRET": "a secret of both", "ATRIUM_DATA": str(tmp_path / "atrium"),
        }  # fmt: skip
        with serving(str(connection.settings_dict["NAME"]), tmp_path / "log", **variables) as address:
            session = _sign_on(service, address, groups=["Builders"])
            sam = User.objects.get(email="sam@example.test")
            assert Membership.objects.get(user=sam, tenant=team.acme).role == "developer"
            made = issue(environment=team.environment(), name="Sam's", by=sam)
            assert made.key.holder == sam
            holder = Holder(address, session, tokens.issue(user=sam, name="laptop", by=sam)[1], made.secret)

            def leave() -> None:
                _sign_on(service, address, groups=[])

            for name, seconds in ends(holder, page=404, api=404, happens=leave).items():
                record_property(f"{name} ended after", f"{seconds:.2f} s{told_if_late(seconds)}")


def _sign_on(service: str, address: str, *, groups: list[str]) -> str:
    """Sign Sam in through the service, which claims these groups; the session."""
    claims = {"email": "sam@example.test", "email_verified": True, "name": "Sam", "groups": groups}
    httpx.put(f"{service}/users/sam", json=claims).raise_for_status()
    with httpx.Client(base_url=address, follow_redirects=True, timeout=30) as browser:
        there = browser.get("/accounts/oidc/staff/login/")
        landed = browser.post(there.url, data={"sub": "sam"})
        assert landed.url.path == "/" and re.search('data-user="[^"]+"', landed.text), landed.text[:500]
        return str(browser.cookies[settings.SESSION_COOKIE_NAME])
