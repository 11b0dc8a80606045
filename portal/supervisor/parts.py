"""Which parts an installation has, how each is started, and how one sees that it answers."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from portal.embedded import addresses, postgres, unprivileged
from portal.supervisor.child import Part
from portal.supervisor.installation import PROJECT, Installation


def database(here: Installation) -> Part:
    """The embedded Postgres. SIGINT is its fast shutdown, SIGQUIT its immediate one (it replays its log afterwards)."""
    return Part(
        "postgres",
        postgres.command(here.data_folder),
        is_ready=lambda pid: postgres.is_ready(here.data_folder),
        stop_signal=signal.SIGINT,
        hard_stop_signal=signal.SIGQUIT,
        environment=postgres.environment(),
        folder=Path("/"),
        identity=unprivileged.identity(),
    )


def models(here: Installation) -> Part:
    """The local model server, on the port that it had before where that is still free, so that nobody is to be told.

    The portal is worth starting without it (a machine may lack what it needs); every other part is needed.
    """
    port = reserve_model_port(here.data_folder)
    part = _own(here, "models", "--port", str(port), is_ready=lambda pid: _answers("127.0.0.1", port, "/health"))
    return replace(part, is_needed=False)


def web(here: Installation, *, reload: bool = False) -> Part:
    return _own(
        here,
        "web",
        *(["--reload"] if reload else []),
        is_ready=lambda pid: _answers(_near(here.host), here.port, "/healthz"),
    )


def worker(here: Installation) -> Part:
    return _own(here, "worker", is_ready=lambda pid: _announced(here, "worker", pid))


def beat(here: Installation) -> Part:
    return _own(here, "beat", is_ready=lambda pid: _announced(here, "beat", pid))


OWNERS_ADDRESS = "DATABASE_OWNER_URL"


def environment(here: Installation) -> dict[str, str]:
    """What every part of ours is told: the same installation, wherever it looks for it.

    The address by which the tables' owner signs in stays with the preparation (`supervisor._prepare`).
    """
    told = {name: text for name, text in os.environ.items() if name != OWNERS_ADDRESS}
    return {
        "MALLOC_ARENA_MAX": "2",  # glibc keeps a heap for each of many threads, most of them empty
        "MALLOC_MMAP_THRESHOLD_": "131072",  # its own values, but fixed: it would raise both with the largest block
        "MALLOC_TRIM_THRESHOLD_": "131072",  # that was ever freed, and keep what an export or a search has used
        **told,
        "ATRIUM_DATA": str(here.data_folder),
        "PORT": str(here.port),
        "PYTHONUNBUFFERED": "1",
    }


def address_of_the_owner() -> dict[str, str]:
    """What the preparation is told beside that: how to sign in as the tables' owner, where it was said."""
    return {OWNERS_ADDRESS: os.environ[OWNERS_ADDRESS]} if OWNERS_ADDRESS in os.environ else {}


def reserve_model_port(data_folder: Path) -> int:
    """Choose the local model server's port and write its address down before anybody reads it."""
    before = urlsplit(addresses.local_model_url(data_folder)).port or 0
    port = _free_port(before) or _free_port(0)
    (data_folder / "models.url").write_text(f"http://127.0.0.1:{port}/v1\n")
    return port


def announce(data_folder: Path, name: str) -> None:
    """Called by a part that has no port to ask (worker, beat) when it has begun its work."""
    if data_folder.is_dir():
        (data_folder / f"{name}.ready").write_text(f"{os.getpid()} {time.time():.0f}\n")


def _own(here: Installation, name: str, *arguments: str, is_ready: Callable[[int], bool]) -> Part:
    command = [sys.executable, "-m", "portal.command", name, *arguments]
    return Part(name, command, is_ready=is_ready, environment=environment(here), folder=PROJECT)


def _announced(here: Installation, name: str, pid: int) -> bool:
    try:
        return (here.data_folder / f"{name}.ready").read_text().split()[0] == str(pid)
    except (FileNotFoundError, IndexError):
        return False


def _answers(host: str, port: int, path: str) -> bool:
    """Whether HTTP is spoken there: any answer that is not the server's own failure counts."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _near(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared, not bound)


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
        port: int = probe.getsockname()[1]
        return port
