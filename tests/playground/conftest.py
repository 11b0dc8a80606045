"""What the playground's tests stand on: a provider, granted routes, and a press of "Run" as the page sends it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from asgiref.testing import ApplicationCommunicator
from django.test import AsyncClient, Client
from pytest_django import Settings

from access.models import Grant
from catalog.models import Route
from portal.handler import OneThreadHandler
from tenants.models import Environment, User
from tests.cast import Cast, route
from tests.playground.provider import Provider, provider
from tests.recast import recast

PATH = "acme/support/development"


@pytest.fixture
def upstream() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture
def stage(transactional_db: None, upstream: Provider, tmp_path: Path, settings: Settings) -> Stage:
    """The cast, committed, with a provider that answers."""
    settings.JOURNAL_FOLDER = tmp_path / "journal"
    return Stage(recast(), upstream)


class Stage:
    """People, routes and one press after the other."""

    def __init__(self, cast: Cast, upstream: Provider) -> None:
        self.cast = cast
        self.upstream = upstream

    def grant(self, *slugs: str, environment: Environment | None = None) -> None:
        """Publish routes at the provider and grant them to the environment."""
        for slug in slugs:
            made = route(slug, base_url=self.upstream.base_url)
            where = environment or self.cast.environment()
            Grant.objects.create(tenant=where.tenant, environment=where, route=made)

    def allow(self, made: Route) -> None:
        """Grant a route that is there already to the environment."""
        where = self.cast.environment()
        Grant.objects.create(tenant=where.tenant, environment=where, route=made)

    def signed_in(self, user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    def publish(self, slug: str) -> None:
        route(slug, base_url=self.upstream.base_url)

    def client(self, user: User) -> AsyncClient:
        client = AsyncClient()
        client.force_login(user)
        return client

    def run(self, user: User, form: dict[str, Any]) -> Answered:
        """Press "Run" and read the stream to its end."""
        client = self.client(user)

        async def press() -> Answered:
            response = await client.post("/playground/run/", form, headers=HTMX)
            return await Answered.read(response)

        return asyncio.run(press())

    def during[R](self, user: User, work: Callable[[AsyncClient], Awaitable[R]]) -> R:
        """Do several things in one event loop, as one server would."""
        client = self.client(user)

        async def do() -> R:
            return await work(client)

        return asyncio.run(do())


HTMX = {"HX-Request": "true"}


class Tab:
    """A browser's connection to the ASGI application, which can be closed in the middle of an answer."""

    def __init__(self, client: AsyncClient, form: dict[str, Any]) -> None:
        body = urlencode(form, doseq=True).encode()
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
        self._communicator = ApplicationCommunicator(
            OneThreadHandler(),
            {
                "type": "http",
                "http_version": "1.1",
                "method": "POST",
                "scheme": "http",
                "path": "/playground/run/",
                "raw_path": b"/playground/run/",
                "query_string": b"",
                "server": ("127.0.0.1", 80),
                "client": ("127.0.0.1", 1),
                "headers": [
                    (b"host", b"127.0.0.1"),
                    (b"hx-request", b"true"),
                    (b"cookie", f"{cookie}; csrftoken={'a' * 32}".encode()),
                    (b"x-csrftoken", b"a" * 32),
                    (b"content-type", b"application/x-www-form-urlencoded"),
                    (b"content-length", str(len(body)).encode()),
                ],
            },
        )
        self._body = body

    async def press(self) -> int:
        """Send the form; the status of the answer."""
        await self._communicator.send_input({"type": "http.request", "body": self._body, "more_body": False})
        started = await self._communicator.receive_output(10)
        return int(started["status"])

    async def read(self) -> str:
        """The next piece of the stream."""
        part = await self._communicator.receive_output(10)
        return str(part["body"].decode())

    async def close(self) -> None:
        """Leave, and wait until the application has noticed."""
        await self._communicator.send_input({"type": "http.disconnect"})
        await self._communicator.wait(10)


def form(*routes: str, prompt: str = "Hello", session: Any = "", **fields: Any) -> dict[str, Any]:
    """The run's form with one column a route."""
    columns: dict[str, Any] = {"column": [str(key) for key in range(1, len(routes) + 1)]}
    for key, slug in enumerate(routes, start=1):
        columns[f"c{key}-route"] = slug
    return {"environment": PATH, "prompt": prompt, "session": str(session), "token": str(uuid4()), **columns, **fields}


class Answered:
    """A streamed answer as the browser gets it."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self.text = text

    @classmethod
    async def read(cls, response: Any) -> Answered:
        if not response.streaming:
            return cls(response.status_code, response.content.decode())
        return cls(response.status_code, b"".join([part async for part in response.streaming_content]).decode())

    @property
    def html(self) -> str:
        """What the page swaps in: the data of the events without a name."""
        plain = [event for event in self.text.split("\n\n") if not event.startswith("event:")]
        return "\n".join(line[6:] for event in plain for line in event.splitlines() if line.startswith("data: "))

    @property
    def begun(self) -> dict[str, Any]:
        """What `pg-begun` told."""
        found = re.search(r"event: pg-begun\ndata: (.*)", self.text)
        assert found, self.text
        told: dict[str, Any] = json.loads(found.group(1))
        return told

    @property
    def events(self) -> list[str]:
        return re.findall(r"^event: (.*)$", self.text, re.MULTILINE)
