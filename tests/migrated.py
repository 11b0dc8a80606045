"""The tables are made once for all processes of a run, and each gets a copy: to migrate takes a core ten seconds."""

from __future__ import annotations

import os

import psycopg
from django.db import connection

MIGRATED, HALF_MADE = "migrated", "being_migrated"
LOCK = 1  # of Postgres, held by the process that makes them while the others wait


def begin_with_a_copy() -> None:
    """Have Django make this process's database as a copy of the migrated one, which the first who asks makes."""
    with psycopg.connect(os.environ["ATRIUM_TEST_SUPERUSER_URL"]) as above:
        above.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        if above.execute("SELECT FROM pg_database WHERE datname = %s", [MIGRATED]).fetchone() is None:
            _migrate()
            above.execute(f"ALTER DATABASE {HALF_MADE} RENAME TO {MIGRATED}")
    connection.settings_dict["TEST"]["TEMPLATE"] = MIGRATED


def _migrate() -> None:
    held = connection.settings_dict
    name, own = held["NAME"], held["TEST"]["NAME"]
    held["TEST"]["NAME"] = HALF_MADE
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # nobody may be connected to what is copied
    held["NAME"], held["TEST"]["NAME"] = name, own
