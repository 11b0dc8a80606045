"""What one person watches as server-sent events (WHATWG HTML, section 9.2), a look a second.

Each look is made by the person as they are then: who is no member any more, was switched off or signed out (also by
another password) is told so and the stream ends, within a second. Nothing of the database is held between two looks.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any
from uuid import UUID

import structlog
from asgiref.sync import sync_to_async
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import InterfaceError, OperationalError, close_old_connections
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from refusals import Refusal
from tenants.models import User
from tenants.reach import people
from tenants.scope import everything, of_person, within
from tenants.whence import Whence
from ui.connections import give_back
from usage.tail.lines import Line, lines_of
from usage.tail.looking import Look, Wanted, look
from usage.tail.open_streams import Seat, pause

log = structlog.get_logger(__name__)

EVERY_S = 1.0
PING_EVERY_S = 10.0  # a client that is gone is found out by writing to it
LONGEST_S = 3600.0  # then the page connects anew
MISSED_S = 10.0  # a call that runs no more and is not in the ledger after so long is not shown any more
AWAY = (OperationalError, InterfaceError)


class Watching:
    """One stream: who, from where, in which session, and what."""

    def __init__(self, viewer: UUID, whence: Whence, session_key: str | None, asked: Wanted) -> None:
        self.viewer, self.whence, self.session_key, self.asked = viewer, whence, session_key, asked
        self._sent: dict[UUID, Line] = {}
        self._missing: dict[UUID, float] = {}

    def look(self, after: dt.datetime | None) -> Look | None:
        """One look, by who the viewer is by now; None where they may not look any more. Runs in a thread."""
        with everything("who watches is looked up anew"):
            viewer = people().filter(pk=self.viewer, is_active=True).first()
            if viewer is None or not self._is_signed_in(viewer):
                return None
        with within(lambda: of_person(viewer, self.whence)):
            try:
                return look(viewer, self.asked, after)
            except Refusal:
                return None

    def _is_signed_in(self, viewer: User) -> bool:
        """Whether the session is there and `viewer`'s, by the password of now: as Django asks with each request."""
        if self.session_key is None:
            return True
        session = Session.objects.filter(session_key=self.session_key, expire_date__gt=timezone.now()).first()
        held = session.get_decoded() if session else {}
        if held.get(SESSION_KEY) != str(viewer.pk):
            return False
        mark = held.get(HASH_SESSION_KEY) or ""
        known = (viewer.get_session_auth_hash(), *viewer.get_session_auth_fallback_hash())
        return any(constant_time_compare(mark, each) for each in known)

    def news(self, found: Look) -> tuple[list[Line], list[UUID]]:
        """The lines that are not on the page as they are now, and the calls to take off it."""
        if found.is_whole:
            self._sent.clear()
        lines = lines_of(found)
        fresh = [line for line in lines if self._sent.get(line.id) != line]
        self._sent |= {line.id: line for line in fresh}
        now, there = time.monotonic(), {line.id for line in lines}
        lost = [key for key, line in self._sent.items() if line.is_running and key not in there]
        self._missing = {key: self._missing.get(key, now) for key in lost}
        gone = [key for key, since in self._missing.items() if now - since > MISSED_S]
        for key in gone:
            del self._sent[key], self._missing[key]
        if len(self._sent) > 2_000:  # what ended long ago is not told again
            ended = [key for key, line in self._sent.items() if not line.is_running]
            for key in ended[:1_000]:
                del self._sent[key]
        return fresh, gone


async def stream(watching: Watching, seat: Seat, after: dt.datetime | None) -> AsyncIterator[bytes]:
    """The events: `all` replaces what the page shows, `more` adds and changes lines, `over` says that it has ended."""
    began = written = time.monotonic()
    with seat as end:
        while not end.is_set() and time.monotonic() - began < LONGEST_S:
            try:
                found = await _visit(watching.look, after)
            except AWAY as error:  # the page stays as it is until the database is back
                log.warning("live_calls_not_read", error=str(error))
                yield b": away\n\n"
                await pause(end, 2 * EVERY_S)
                continue
            if found is None:
                yield _event("over", {"why": "You are not signed in any more, or may not see these calls any more."})
                return
            fresh, gone = watching.news(found)
            if fresh or gone or found.is_whole:
                told = {"html": rows(fresh, found.tenant.slug), "gone": [str(key) for key in gone], "cut": found.is_cut}
                yield _event("all" if found.is_whole else "more", told, id=found.at.isoformat())
                written = time.monotonic()
            elif time.monotonic() - written > PING_EVERY_S:
                yield b": ping\n\n"
                written = time.monotonic()
            after = found.at
            await pause(end, EVERY_S)


def rows(lines: Iterable[Line], tenant: str) -> str:
    """Lines as rows of the page's table."""
    return render_to_string("usage/live_rows.html", {"lines": list(lines), "tenant_slug": tenant}).strip()


def _event(name: str, told: dict[str, Any], *, id: str = "") -> bytes:
    identified = f"id: {id}\n" if id else ""
    return f"event: {name}\n{identified}data: {json.dumps(told, separators=(',', ':'))}\n\n".encode()


async def _visit[**P, R](work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `work` in a thread and give the connection back."""

    def in_thread() -> R:
        close_old_connections()
        try:
            return work(*args, **kwargs)
        finally:
            give_back()

    return await sync_to_async(in_thread, thread_sensitive=False)()
