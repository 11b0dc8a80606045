"""Which errors of the database mean that it is away, and what a log says about an error."""

from __future__ import annotations

import logging
import logging.config
import sys

import psycopg
import pytest
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError
from psycopg_pool import PoolTimeout

from portal import logs
from portal.database.trouble import is_outage, refused_by_database


def raised(kind: type[DatabaseError], cause: Exception) -> DatabaseError:
    """Django's error as it wraps the driver's."""
    error = kind("x")
    error.__cause__ = cause
    return error


AWAY = [
    raised(OperationalError, PoolTimeout("couldn't get a connection")),
    raised(OperationalError, psycopg.OperationalError("server closed the connection unexpectedly")),
    raised(OperationalError, psycopg.errors.AdminShutdown()),
    raised(OperationalError, psycopg.errors.CannotConnectNow()),
    raised(OperationalError, psycopg.errors.TooManyConnections()),
    raised(OperationalError, psycopg.errors.ConnectionFailure()),
    raised(InterfaceError, psycopg.InterfaceError("the connection is closed")),
]
THERE = [
    raised(OperationalError, psycopg.errors.DeadlockDetected()),
    raised(OperationalError, psycopg.errors.QueryCanceled()),
    raised(OperationalError, psycopg.errors.DiskFull()),
    raised(OperationalError, psycopg.errors.LockNotAvailable()),
    raised(IntegrityError, psycopg.errors.UniqueViolation()),
    ValueError("x"),
    None,
]


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error.__cause__).__name__)
def test_a_database_that_is_away_is_recognised(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize("error", THERE, ids=lambda error: type(getattr(error, "__cause__", error)).__name__)
def test_a_database_that_refuses_a_statement_is_there(error: Exception | None) -> None:
    assert not is_outage(error)


def test_a_value_that_no_column_takes_is_the_senders_to_mend() -> None:
    refusal = refused_by_database(DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"))
    assert refusal is not None and refusal.status == 422
    assert refused_by_database(OperationalError("x")) is None


def test_a_statement_that_took_too_long_changed_nothing_and_can_be_sent_again() -> None:
    refusal = refused_by_database(raised(OperationalError, psycopg.errors.QueryCanceled()))
    assert refusal is not None and refusal.status == 503
    assert "Nothing was changed" in refusal.sentence


@pytest.mark.parametrize("as_json", [False, True])
def test_a_trace_in_the_log_shows_no_values(as_json: bool) -> None:
    settings = logs.logging_settings("WARNING", as_json=as_json)["formatters"]["line"]
    formatter = settings["()"](**{name: value for name, value in settings.items() if name != "()"})

    def sign_in(password: str) -> None:
        raise RuntimeError("it broke")

    typed = "correct horse"
    try:
        sign_in(typed)
    except RuntimeError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "Sign-in failed.", (), sys.exc_info())
    line = formatter.format(record)
    assert "Sign-in failed." in line
    assert "RuntimeError: it broke" in line and "in sign_in" in line
    assert typed not in line
