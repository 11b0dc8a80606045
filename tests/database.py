"""An embedded Postgres of its own for every test run, started once and shared by all its processes.

A pytest plugin (`-p tests.database`), so that it runs before the settings are read.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

# What one process has compiled the next one reads, whoever runs however few tests: a run starts a hundred processes.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

if "ATRIUM_TEST_DATABASE_URL" not in os.environ:
    from tests.prepared import copy_into

    folder = Path(tempfile.mkdtemp(prefix="atrium-tests-"))
    os.environ["ATRIUM_DATA"] = str(folder / "atrium")
    server = copy_into(folder / "postgres")
    os.environ["ATRIUM_TEST_SUPERUSER_URL"] = server.get_uri()
    os.environ["ATRIUM_TEST_DATABASE_URL"] = server.get_uri().replace("//postgres:", "//atrium:", 1)

    def _clean_up() -> None:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(_clean_up)

os.environ["DATABASE_URL"] = os.environ["ATRIUM_TEST_DATABASE_URL"]


@contextmanager
def as_owner() -> Iterator[Any]:
    """A cursor of Django's connection that acts, inside, as the role that owns the tables and may change them."""
    from django.db import connection

    from tenants.scope import everything

    with connection.cursor() as cursor, everything("the tables' owner is at work"):
        cursor.execute("SET ROLE atrium")
        try:
            yield cursor
        finally:
            cursor.execute("RESET ROLE")


@contextmanager
def as_superuser() -> Iterator[Any]:
    """A connection of psycopg to this database as its superuser; what it did is taken back."""
    import psycopg
    from django.db import connection

    address = urlsplit(os.environ["ATRIUM_TEST_SUPERUSER_URL"])
    with psycopg.connect(urlunsplit(address._replace(path=f"/{connection.settings_dict['NAME']}"))) as above:
        yield above
        above.rollback()
