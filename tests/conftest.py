"""Fixtures that every test may use."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pgtrigger
import pytest
from django.db import OperationalError, connection
from psycopg.errors import DeadlockDetected
from pytest_django import Settings
from pytest_django.plugin import DjangoDbBlocker

from portal.database import privileges
from portal.embedded.addresses import OWNER, PORTAL
from tenants.scope import Scope, within
from tests.cast import Cast

ARRANGING = Scope(None, "a test arranges and looks")

# What migrations made of the code itself. A served Atrium keeps it in memory, as it never changes while one runs.
KEPT_TABLES = {"django_content_type", "auth_permission"}
TRIES = 5


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """A test arranges and looks for every tenant; what it sends as a request runs in the scope of that request."""
    with within(ARRANGING):
        return (yield)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The tables are their owner's; tests run as the portal does, in a role that owns none of them.

    Tests that commit are cleaned up with TRUNCATE, which protected tables refuse in the product, and which the portal
    may not.
    """
    with django_db_blocker.unblock():
        uris = [f"{m._meta.label}:{t.name}" for m, t in pgtrigger.registered() if t.name == "never_truncated"]
        pgtrigger.disable(*uris)
        privileges.grant(connection, PORTAL)
        _sign_in(f"-c role={PORTAL}")
    _empty_as_tests_do()
    yield
    with django_db_blocker.unblock():
        _sign_in("")


def _sign_in(options: str) -> None:
    """Go on with connections of these options of libpq, here and in processes that are given the address."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict["OPTIONS"]["options"] = options
    plain = os.environ["ATRIUM_TEST_DATABASE_URL"]
    os.environ["DATABASE_URL"] = f"{plain}&options={quote(options)}" if options else plain


def _empty_as_tests_do() -> None:
    operations = type(connection.ops)  # the class, as Playwright's loop makes Django open a connection of its own
    sql_flush = operations.sql_flush

    def keeping(self: Any, style: Any, tables: list[str], **options: Any) -> list[str]:
        return sql_flush(self, style, [table for table in tables if table not in KEPT_TABLES], **options)

    operations.sql_flush = keeping  # type: ignore[assignment, method-assign]
    flush = operations.execute_sql_flush

    def again_after_a_deadlock(self: Any, statements: list[str]) -> None:
        """A gateway of a test may read several tables at this moment, in another order than they are emptied in."""
        statements = [f"SET LOCAL ROLE {OWNER}", *statements]
        for attempt in range(TRIES):
            try:
                flush(self, statements)
            except OperationalError as error:
                if attempt == TRIES - 1 or not isinstance(error.__cause__, DeadlockDetected):
                    raise
            else:
                return

    operations.execute_sql_flush = again_after_a_deadlock  # type: ignore[assignment, method-assign]


@pytest.fixture(autouse=True)
def a_machine_of_its_own(settings: Settings, tmp_path: Path) -> None:
    """Anchors of the audit outlive the tables that a test empties; the next test has seen none of them."""
    settings.AUDIT_ANCHORS = tmp_path / "audit-anchors"


@pytest.fixture
def cast(db: None) -> Cast:
    """The small cast of people and tenants that most tests need."""
    return Cast.create()
