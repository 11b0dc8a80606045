"""Short visits to the database from a running stream: no connection is held in between.

Each visit runs in a thread of its own and gives its connection back at once; the end of an answer is tried again while
the database is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import structlog
from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from access.asking import open_requests
from approvals.next_step import waits_for
from catalog.models import Route
from gateway.admission import AccessRequired
from playground.answering import Writing
from playground.models import Answer, Session
from ui.connections import give_back

logger = structlog.get_logger(__name__)

PATIENCE_S = 60.0  # how long a database that is away is waited for before an answer is given up
AWAY = (OperationalError, InterfaceError)


async def visit[**P, R](work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `work` in a thread and give the connection back."""

    def in_thread() -> R:
        close_old_connections()
        try:
            return work(*args, **kwargs)
        finally:
            give_back()

    return await sync_to_async(in_thread, thread_sensitive=False)()


async def insist(work: Callable[..., Any], *args: Any) -> bool:
    """`visit`, again and again while the database is away; whether it succeeded within `PATIENCE_S`."""
    pause, waited = 0.2, 0.0
    while True:
        try:
            await visit(work, *args)
            return True
        except AWAY as error:
            if waited >= PATIENCE_S:
                logger.error("playground_answer_not_saved", error=str(error))
                return False
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, 5.0)


def keep_progress(progress: Iterable[tuple[UUID, str, str]]) -> set[UUID]:
    """Keep text and reasoning of running answers; return those that somebody asked to stop."""
    now = timezone.now()
    ids = []
    for answer_id, text, reasoning in progress:
        ids.append(answer_id)
        Answer.objects.filter(pk=answer_id, state=Answer.State.RUNNING).update(
            text=text, reasoning=reasoning, saved_at=now
        )
    asked = Answer.objects.filter(pk__in=ids).exclude(stop_asked_at=None)
    return set(asked.values_list("pk", flat=True))


def keep_end(writing: Writing) -> None:
    """Keep how an answer ended; one that was refused for want of access leads to the request that waits, if any."""
    if writing.error_code == AccessRequired.code:
        _tell_open_request(writing)
    Answer.objects.filter(pk=writing.id).update(saved_at=timezone.now(), **writing.columns_to_keep())
    Session.objects.filter(turns__answers=writing.id).update(updated_at=timezone.now())


def _tell_open_request(writing: Writing) -> None:
    session = Session.objects.filter(turns__answers=writing.id).first()
    routes = Route.objects.filter(slug=writing.column.route)
    for asked in open_requests(session.environment_id, routes).values() if session else ():
        writing.error_message = f"{writing.error_message} {waits_for(asked)}."[:500]
        writing.way_out = asked.get_absolute_url()
