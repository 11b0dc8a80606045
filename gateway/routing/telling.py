"""Tell other processes how deployments stand as this one sees them, and hear whose breakers are open there.

A row a process, written every two seconds off the way of calls; rows of processes that died are passed over and go.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models.functions import Now

from gateway.models import ProcessReport
from gateway.routing.router import Router

log = logging.getLogger(__name__)

EVERY_S = 2.0
LIVES_FOR = dt.timedelta(seconds=10)  # a process that was not heard of for so long counts as gone
KEPT_FOR = dt.timedelta(minutes=1)


async def tell_for_ever(router: Router, process: str, in_thread: Callable[..., Awaitable[Any]]) -> None:
    """Tell and hear, `in_thread` where the ORM is at home, which gives the connection back. A process that was asked
    nothing tells nothing.

    Whatever goes wrong is logged once and tried again: others rely on what this process tells, and it on them.
    """
    is_in_trouble = False
    while True:
        await asyncio.sleep(EVERY_S)
        if not router.knows_any:
            continue
        try:
            opened, trouble = await in_thread(exchange, process, router.report())
            router.hears(opened)
        except Exception as error:
            trouble = error
        if trouble is not None and not is_in_trouble:  # once, not with each attempt
            told = None if isinstance(trouble, (DatabaseError, OSError)) else trouble
            log.warning("Other processes cannot be told how deployments stand here: %s", trouble, exc_info=told)
        is_in_trouble = trouble is not None


def exchange(process: str, report: dict[str, Any]) -> tuple[list[str], Exception | None]:
    """Write this process's row; the keys of the deployments whose breakers are open in others, and what kept the row
    from being written, if anything did: those are heard all the same. Raises what reading them raises."""
    trouble: Exception | None = None
    try:
        with transaction.atomic():
            _tell(process, report)
    except Exception as error:
        trouble = error
    others = living().exclude(process=process).values_list("open_breakers", flat=True)
    return sorted({key for keys in others for key in keys}), trouble


def _tell(process: str, report: dict[str, Any]) -> None:
    opened = [key for key, told in report["deployments"].items() if told["breaker"] != "closed"]
    row = ProcessReport(
        process=process, host=socket.gethostname(), pid=os.getpid(), at=Now(), open_breakers=opened, report=report
    )
    ProcessReport.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["process"], update_fields=["at", "open_breakers", "report"]
    )
    ProcessReport.objects.filter(at__lt=Now() - KEPT_FOR).delete()


def living() -> Any:
    """The rows of processes that are there."""
    return ProcessReport.objects.filter(at__gt=Now() - LIVES_FOR)


def gone(process: str) -> None:
    """This process ends."""
    ProcessReport.objects.filter(process=process).delete()
