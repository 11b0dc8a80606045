"""Whoever reads a download slowly holds up nobody: between two parts of a file no connection of the pool is held."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from portal.handler import OneThreadHandler
from tenants.models import User
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)
POOL, READERS = 2, 5
DOWNLOADS = [
    "/requests/export.csv", "/tenants/?format=csv", "/tenants/acme/keys/?format=csv", "/platform/people/?format=csv",
    "/tenants/acme/members/?format=csv", "/tenants/acme/projects/?format=csv", "/tenants/acme/grants/export.csv",
    "/usage/calls/export.csv", "/usage/export.csv", "/platform/audit/export.csv", "/catalog/export.csv",
]  # fmt: skip


@pytest.fixture
def small_pool() -> Iterator[None]:
    """`POOL` connections for the whole portal."""
    connection.ensure_connection()
    pool = connection.pool  # type: ignore[attr-defined]  # of the backend for PostgreSQL
    before = (pool.min_size, pool.max_size)
    connection.close()
    pool.resize(0, POOL)
    yield
    pool.resize(*before)


class Reader:
    """A browser that takes the first part of an answer and then no more, until it is let go."""

    def __init__(self, path: str, cookie: str) -> None:
        self.path, _, self.query = path.partition("?")
        self.cookie = cookie
        self.status = 0
        self.body = b""
        self.has_begun = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self._asked = False

    async def read(self) -> None:
        await OneThreadHandler()(self._scope(), self._receive, self._send)

    def _scope(self) -> Any:
        return {
            "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": self.path,
            "raw_path": self.path.encode(), "query_string": self.query.encode(), "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1),
            "headers": [(b"host", b"127.0.0.1"), (b"cookie", self.cookie.encode())],
        }  # fmt: skip

    async def _receive(self) -> Any:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.Event().wait()  # never leaves
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        self.body += message.get("body", b"")
        if self.body:
            self.has_begun.set()
            await self.may_go_on.wait()


def cookie_of(person: User) -> str:
    client = Client()
    client.force_login(person)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


@pytest.mark.parametrize("path", DOWNLOADS)
def test_the_portal_answers_while_several_read_a_file_slowly(cast: Cast, small_pool: None, path: str) -> None:
    cookie = cookie_of(cast.pat)
    connection.close()

    async def go() -> tuple[int, list[Reader]]:
        readers = [Reader(path, cookie) for _ in range(READERS)]
        reading = [asyncio.create_task(reader.read()) for reader in readers]
        async with asyncio.timeout(30):
            for reader in readers:
                await reader.has_begun.wait()
            other = Reader("/tenants/", cookie)
            other.may_go_on.set()
            await other.read()
            for reader in readers:
                reader.may_go_on.set()
            await asyncio.gather(*reading)
        return other.status, readers

    status, readers = asyncio.run(go())
    assert status == 200
    assert [reader.status for reader in readers] == [200] * READERS
    assert len({reader.body.count(b"\n") for reader in readers}) == 1 or "audit" in path
