"""Bring a running database to where this code needs it: tables, cache, queue, assets, and on the first start the data.

Run as a process of its own (`python -m portal.supervisor.preparing`) before the web server starts, so that its memory
is given back. Every step may be repeated; a step with nothing to do costs next to nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from portal.embedded.addresses import AS_OWNER
from portal.embedded.trouble import CannotStart
from portal.supervisor.mortality import die_with_parent
from portal.supervisor.up import PREPARED, say

OLDEST_POSTGRES = 150000  # as `server_version_num` writes it
ONE_AT_A_TIME = 0x41545249  # an advisory lock's number ("ATRI"): hosts that share a database prepare it in turn
ASK_AGAIN_S = 0.2


def main() -> int:
    """Prepare; 0 when all is well, else 1 with one line on stderr."""
    die_with_parent()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    os.environ[AS_OWNER] = "yes"
    import django
    import psycopg
    from django.core.exceptions import ImproperlyConfigured
    from django.db import OperationalError

    try:
        django.setup()
        prepare()
    except (CannotStart, ImproperlyConfigured) as trouble:
        print(f"atrium: {trouble}", file=sys.stderr)
        return 1
    except (OperationalError, psycopg.OperationalError) as error:
        print(f"atrium: The database cannot be used: {str(error).strip().splitlines()[0]}", file=sys.stderr)
        return 1
    return 0


def prepare() -> None:
    """All steps in order, one host at a time. Raises `CannotStart`."""
    from django.conf import settings
    from django.contrib.auth import get_user_model

    from portal import checks
    from portal.accounts import offered_accounts

    with _alone() as connection:
        refuse_unfit_database(connection, is_production=settings.MODE == "production")
        _refuse_unknown_role(connection, settings.DATABASE_ROLE)
        newer = unknown_migrations()
        if newer:
            raise CannotStart(
                f"The database was written by a newer Atrium ({newer[0]} is unknown to this one). "
                "Start that release or a newer one, or choose another ATRIUM_DATA."
            )
        checks.refuse_unfit_production(has_tables=False)
        _step("tables", migrate)
        _step("queue", install_queue)
        _step("privileges", grant_privileges)
        _step("assets", collect_assets)
        _step("boards and policies", load_start_set)
        if has_no_catalog():
            _step("catalog", lambda: _command("import_catalog"))
        if settings.DEMONSTRATION_DATA and nobody_was_here():
            _step("demonstration data", lambda: _command("demo"))
        checks.refuse_unfit_production()
        accounts = [account.username for account in offered_accounts()]
        facts = {"demonstration_accounts": accounts, "has_people": get_user_model().objects.exists()}
        settings.DATA_FOLDER.mkdir(parents=True, exist_ok=True)
        (settings.DATA_FOLDER / PREPARED).write_text(json.dumps(facts))


def refuse_unfit_database(connection: Any, *, is_production: bool = False) -> None:
    """Raise `CannotStart` for a server that is too old, or lacks pgvector and does not let us add it.

    In production also for a role that no policy holds, or that could change them.
    """
    import psycopg

    version = connection.info.server_version
    if version < OLDEST_POSTGRES:
        raise CannotStart(
            f"The database is PostgreSQL {version // 10000}; Atrium needs {OLDEST_POSTGRES // 10000} or newer."
        )
    if is_production:
        _refuse_unfit_role(connection)
    try:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except psycopg.errors.InsufficientPrivilege as error:
        raise CannotStart("The database lacks pgvector. As its administrator: CREATE EXTENSION vector;") from error
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile) as error:
        raise CannotStart(
            "The database's server lacks pgvector. Install it there (github.com/pgvector/pgvector)."
        ) from error


def _refuse_unknown_role(connection: Any, role: str) -> None:
    """Raise `CannotStart` where the owner is told to grant something to a role that is not there."""
    if role and connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
        raise CannotStart(f"The role in DATABASE_URL, {role}, does not exist. As the administrator: CREATE ROLE …")


def _refuse_unfit_role(connection: Any) -> None:
    """Raise `CannotStart` where the role that serves could pass by the policies, or take them down."""
    from django.conf import settings

    role = settings.DATABASE_ROLE
    asked = "SELECT rolsuper OR rolbypassrls, pg_has_role(oid, current_user, 'MEMBER') FROM pg_roles WHERE rolname = %s"
    is_above, is_owner = connection.execute(asked, [role]).fetchone() or (False, False)
    if is_above:
        raise CannotStart(
            "The role in DATABASE_URL stands above row-level security, so nothing would hold tenants apart in the "
            "database. Give Atrium a role of its own that is no superuser and has no BYPASSRLS."
        )
    if is_owner:
        raise CannotStart(
            f"The role in DATABASE_URL ({role}) owns the tables and could take down what holds tenants apart. Let "
            "DATABASE_OWNER_URL sign in as their owner and DATABASE_URL as another role (docs/running.md, Two roles)."
        )


def unknown_migrations() -> list[str]:
    """Migrations of our own apps that the database has and this code does not: a newer release was here."""
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connection)
    known = set(loader.disk_migrations or {})
    replaced = {key for migration in (loader.disk_migrations or {}).values() for key in migration.replaces}
    ours = loader.migrated_apps
    applied = set(loader.applied_migrations)
    return sorted(f"{app}.{name}" for app, name in applied - known - replaced if app in ours)


def migrate() -> str:
    """Apply what is missing; the summary for the terminal."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    from portal.database.policies import install

    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        call_command("migrate", verbosity=0, interactive=False)
    else:
        install(connection)
    from django.conf import settings

    if settings.CACHES["default"]["BACKEND"].endswith("DatabaseCache"):
        call_command("createcachetable", verbosity=0)
    return f"{missing} migrations applied" if missing else ""


def install_queue() -> str:
    """Install the queue's tables and functions where the database is the broker and has none."""
    from django.conf import settings
    from django.db import connection

    if not settings.CELERY_BROKER_URL.startswith("pgmq"):
        return ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regproc('pgmq.send_topic') IS NOT NULL OR to_regclass('pgmq.meta') IS NOT NULL")
        if cursor.fetchone()[0]:
            return ""
    import psycopg
    from pgmq.install import install_pgmq_from_sql

    from portal.embedded import addresses

    with psycopg.connect(addresses.key_value_conninfo(settings.DATABASE_URL)) as broker:
        install_pgmq_from_sql(conn=broker)
    return "installed"


def grant_privileges() -> str:
    """Let the portal's role reach what is the owner's, where they are two."""
    from django.conf import settings
    from django.db import connection
    from django.db.utils import ProgrammingError

    from portal.database import privileges

    if settings.DATABASE_ROLE in ("", connection.settings_dict["USER"]):
        return ""
    lacked = privileges.grant(connection, settings.DATABASE_ROLE)
    if settings.CELERY_BROKER_URL.startswith("pgmq"):
        try:
            privileges.hand_over_queue(connection, settings.DATABASE_ROLE)
        except ProgrammingError as error:
            owner = connection.settings_dict["USER"]
            raise CannotStart(
                f"The queue cannot be handed over to the portal's role. As the database's administrator: "
                f"GRANT {settings.DATABASE_ROLE} TO {owner};"
            ) from error
    return f"given for {lacked} tables" if lacked else ""


def load_start_set() -> str:
    """The boards and policies that every installation begins with, where there are none."""
    from portal import start_set

    return "created" if start_set.load() else ""


def collect_assets() -> str:
    """Collect, compress and fingerprint the static files where they changed since the last time."""
    from django.conf import settings
    from django.contrib.staticfiles.finders import get_finders
    from django.core.management import call_command

    if settings.DEBUG:
        return ""
    seen = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            found = Path(storage.path(path)).stat()
            seen.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
    mark = Path(settings.STATIC_ROOT) / ".collected"
    if mark.is_file() and mark.read_text() == seen.hexdigest():
        return ""
    call_command("collectstatic", verbosity=0, interactive=False, clear=True)
    mark.write_text(seen.hexdigest())
    return "collected"


def has_no_catalog() -> bool:
    """Whether the start catalog was never imported."""
    from catalog.models import Model

    return not Model.objects.exists()


def nobody_was_here() -> bool:
    """Whether there is no person, and no word in the audit of demonstration data that somebody removed."""
    from django.contrib.auth import get_user_model

    from audit.models import Entry

    return (
        not get_user_model().objects.exists() and not Entry.objects.filter(verb__startswith="demonstration.").exists()
    )


def _command(name: str) -> str:
    """Run a management command; the last line that it prints is its summary."""
    from django.core.management import call_command

    printed = StringIO()
    call_command(name, stdout=printed)
    lines = printed.getvalue().strip().splitlines()
    return lines[-1] if lines else "done"


def _step(name: str, do: Callable[[], str]) -> None:
    began = time.time()
    summary = do()
    if summary:
        say(f"  {name}: {summary} ({time.time() - began:.1f} s)")


@contextmanager
def _alone() -> Iterator[Any]:
    """Hold the advisory lock on a connection of its own, so that a migration's transactions do not let go of it.

    Whoever waits asks again and again: a statement that waits inside the database has a snapshot, which the one who
    migrates would wait for in turn where it builds an index beside running calls.
    """
    import psycopg
    from django.conf import settings

    from portal.embedded import addresses

    with psycopg.connect(addresses.key_value_conninfo(settings.DATABASE_URL), autocommit=True) as connection:
        while not connection.execute("SELECT pg_try_advisory_lock(%s)", [ONE_AT_A_TIME]).fetchone()[0]:  # type: ignore[index]
            time.sleep(ASK_AGAIN_S)
        yield connection


if __name__ == "__main__":
    sys.exit(main())
