"""What an address does not take is tried again with growing pauses, and given up after days, with a notice."""

from __future__ import annotations

import datetime as dt
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.utils import timezone

from audit.models import Entry
from notices.webhooks import sending
from notices.webhooks.delivering import PAUSES, deliver, forget, waiting
from notices.webhooks.tables import Attempt, Delivery, Endpoint
from tenants import keys
from tenants.models import Notification
from tests.cast import Cast
from tests.notices.conftest import add, ask, signed_in
from tests.notices.receiver import Receiver, is_signed

pytestmark = pytest.mark.django_db


def deliver_all() -> int:
    return sum(deliver(key) for key in waiting())


@contextmanager
def later(by: dt.timedelta) -> Iterator[None]:
    with mock.patch("django.utils.timezone.now", return_value=timezone.now() + by):
        yield


@pytest.fixture
def waits(cast: Cast, receiver: Receiver) -> str:
    """A webhook for which one event waits; its secret."""
    secret: str = add(cast, receiver.url)["secret"]
    keys.issue(environment=cast.environment(), name="job", by=cast.dev)
    return secret


def test_the_pauses_grow_as_they_are_published(receiver: Receiver, waits: str) -> None:
    receiver.answers = [500]
    passed, seen = dt.timedelta(), []
    for pause in (*PAUSES, None):
        with later(passed):
            deliver_all()
            one = Delivery.objects.get()
            if pause:
                seen.append(round((one.due_at - timezone.now()).total_seconds()))
                passed += pause + dt.timedelta(seconds=1)
    assert seen == [10, 60, 300, 1800, 7200, 28800, 86400]
    assert (one.state, one.tries, len(receiver.got)) == ("failed", 8, 8)
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1


def test_nothing_is_sent_before_its_time(receiver: Receiver, waits: str) -> None:
    receiver.answers = [503, 200]
    deliver_all()
    with later(dt.timedelta(seconds=8)):
        assert waiting() == []
    with later(dt.timedelta(seconds=11)):
        assert deliver_all() == 1
    assert Delivery.objects.get().state == "delivered" and Endpoint.objects.get().state == "active"
    assert is_signed(receiver.got[0], waits)


@pytest.mark.parametrize(("asked", "seconds"), [("120", 120), ("1", 10), ("9999999", 86400), ("nonsense", 10)])
def test_the_pause_that_is_asked_for_is_kept_to(receiver: Receiver, waits: str, asked: str, seconds: int) -> None:
    receiver.answers, receiver.headers = [429], {"Retry-After": asked}
    now = timezone.now()
    deliver_all()
    assert abs((Delivery.objects.get().due_at - now).total_seconds() - seconds) < 5


def test_one_that_fails_for_days_is_switched_off_and_its_owners_are_told(
    cast: Cast, receiver: Receiver, waits: str
) -> None:
    receiver.answers = [500]
    deliver_all()
    assert Endpoint.objects.get().state == "failing"
    with later(dt.timedelta(days=3, minutes=1)):
        deliver_all()
    assert Endpoint.objects.get().state == "disabled"
    note = Notification.objects.get(kind="webhooks")
    assert note.user == cast.olivia and "is switched off" in note.title
    assert Entry.objects.get(verb="webhook.switched_off").actor_label == "Atrium"
    with later(dt.timedelta(days=4)):
        assert waiting() == []
    receiver.answers = [200]
    ask(signed_in(cast.olivia), f"/api/webhooks/{Endpoint.objects.get().pk}/switch-on/")
    assert deliver_all() == 1, "what waited was not lost"


def test_one_that_is_gone_is_switched_off_at_once(receiver: Receiver, waits: str) -> None:
    receiver.answers = [410]
    deliver_all()
    assert Endpoint.objects.get().state == "disabled"


def test_an_address_where_nobody_listens_is_tried_again(cast: Cast) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    add(cast, f"http://127.0.0.1:{port}/")
    keys.issue(environment=cast.environment(), name="job", by=cast.dev)
    deliver_all()
    assert Attempt.objects.get().error == "The connection was refused." and Delivery.objects.get().state == "pending"


def test_an_answer_that_comes_byte_by_byte_does_not_hold_up_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "ANSWER_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            peer, _ = server.accept()
            try:
                for byte in b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100:
                    peer.send(bytes([byte]))
                    threading.Event().wait(0.1)
            except OSError:
                pass

        threading.Thread(target=drip, daemon=True).start()
        answer = sending.send(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {})
    assert answer.status is None and answer.duration_ms < 3000


def test_of_a_long_answer_only_the_beginning_is_kept(receiver: Receiver, waits: str) -> None:
    receiver.answer = "ä\0".encode() * 100_000
    deliver_all()
    kept = Attempt.objects.get().answer
    assert 0 < len(kept) <= 500 and "\0" not in kept


def test_nobody_else_delivers_to_an_address_meanwhile(receiver: Receiver, waits: str) -> None:
    Endpoint.objects.update(busy_until=timezone.now() + dt.timedelta(seconds=30))
    assert waiting() == [] and deliver(str(Endpoint.objects.get().pk)) == 0
    assert receiver.got == []


def test_the_log_is_forgotten_after_a_month(receiver: Receiver, waits: str) -> None:
    deliver_all()
    with later(dt.timedelta(days=31)):
        assert forget() > 0
    assert not Delivery.objects.exists()


KILLED = """
import os, signal, sys
import django
django.setup()
from notices.webhooks import delivering
delivering._note = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
delivering.deliver(sys.argv[1])
"""


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_before_it_noted_the_answer_is_followed_by_one_that_sends_under_the_same_id(
    cast: Cast, receiver: Receiver, waits: str
) -> None:
    endpoint = str(Endpoint.objects.get().pk)
    ended = in_a_process(KILLED, endpoint)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert len(receiver.got) == 1 and Delivery.objects.get().state == "pending"
    assert waiting() == [], "it may be at work still"
    with later(dt.timedelta(seconds=61)):
        assert deliver_all() == 1
    assert Delivery.objects.get().state == "delivered"
    assert [attempt.status for attempt in Attempt.objects.all()] == [None, 200], "one was broken off"
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1


def in_a_process(code: str, *given: str) -> Any:
    address = os.environ["DATABASE_URL"].replace("/postgres?", f"/{connection.settings_dict['NAME']}?")
    environment = os.environ | {"DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    return subprocess.run(
        [sys.executable, "-c", code, *given], env=environment, check=False, capture_output=True, text=True, timeout=60
    )
