"""Hosts that share a database prepare it in turn, and who waits is in nobody's way."""

from __future__ import annotations

import os
import threading
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo

from portal.supervisor import preparing
from portal.supervisor.preparing import ONE_AT_A_TIME
from tests.gateway.conftest import eventually


@pytest.mark.django_db(transaction=True)
def test_an_index_is_built_beside_running_calls_while_another_host_waits_for_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    above, name = os.environ["ATRIUM_TEST_SUPERUSER_URL"], connection.settings_dict["NAME"]
    address = make_conninfo(above, dbname=name)
    monkeypatch.setattr("portal.embedded.addresses.key_value_conninfo", lambda _: address)
    asked: list[Any] = []
    monkeypatch.setattr(preparing.time, "sleep", lambda seconds: (asked.append(seconds), threading.Event().wait(0.05)))
    turn = threading.Event()

    def waits() -> None:
        with preparing._alone():
            turn.set()

    with psycopg.connect(address, autocommit=True) as first:
        first.execute("SELECT pg_advisory_lock(%s)", [ONE_AT_A_TIME])
        other = threading.Thread(target=waits)
        other.start()
        eventually(lambda: len(asked) > 1)
        first.execute("SET statement_timeout = '5s'")
        first.execute("CREATE TABLE beside (one integer)")
        first.execute("CREATE INDEX CONCURRENTLY beside_one ON beside (one)")
        first.execute("DROP TABLE beside")
        assert not turn.is_set()
        first.execute("SELECT pg_advisory_unlock(%s)", [ONE_AT_A_TIME])
    other.join(10)
    assert turn.is_set()


@pytest.mark.django_db
def test_what_was_added_to_the_ledger_beside_running_calls_is_in_force() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, convalidated FROM pg_constraint WHERE conname IN"
            " ('usage_call_waited_ms_check', 'usage_call_cache_write_tokens_check')"
        )
        assert dict(cursor.fetchall()) == {
            "usage_call_waited_ms_check": True,
            "usage_call_cache_write_tokens_check": True,
        }
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'call_of_trace'::regclass")
        assert cursor.fetchone() == (True,)
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = 'usage_call'::regclass AND tgname ~ 'never_changed'"
        )
        assert len(cursor.fetchall()) == 1
