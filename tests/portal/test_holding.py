"""A job that a worker has is not handed to another one, and comes back when the worker is gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from queue import Empty
from types import SimpleNamespace
from typing import Any

import pytest
from celery.signals import task_postrun, task_received
from django.conf import settings
from kombu import Connection

from portal import holding
from tests.queueing import queueing

VISIBLE_AFTER_S = 2


@pytest.fixture
def queue(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A queue of the real transport whose messages come back soon."""
    monkeypatch.setitem(settings.CELERY_BROKER_TRANSPORT_OPTIONS, "visibility_timeout", VISIBLE_AFTER_S)
    with queueing("holding_test") as conn_string:
        options = {
            "conn_string": conn_string,
            "init_extension": False,
            "visibility_timeout": VISIBLE_AFTER_S,
            "wait_time_seconds": 0,
        }
        with Connection("pgmq://localhost", transport_options=options) as broker:
            made = broker.SimpleQueue("holding_test")
            yield made
            made.close()


def received(queue: Any) -> Any:
    """A message as a worker receives it."""
    queue.put({"job": 1})
    message = queue.get(block=True, timeout=5)
    task_received.send(sender=None, request=SimpleNamespace(id="job-1", message=message))
    return message


def test_it_works(queue: Any) -> None:
    received(queue)
    until = time.monotonic() + 2 * VISIBLE_AFTER_S
    while time.monotonic() < until:
        holding.hold()
        time.sleep(VISIBLE_AFTER_S / 4)
    with pytest.raises(Empty):
        queue.get(block=False)
    task_postrun.send(sender=None, task_id="job-1")


def test_what_nobody_holds_any_more_comes_back(queue: Any) -> None:
    received(queue)
    task_postrun.send(sender=None, task_id="job-1")
    holding.hold()
    assert queue.get(block=True, timeout=3 * VISIBLE_AFTER_S).payload == {"job": 1}
