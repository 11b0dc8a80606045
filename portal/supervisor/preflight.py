"""What must be true before anything is started; each thing that is not is one line and a non-zero exit."""

from __future__ import annotations

import base64
import errno
import fcntl
import os
import secrets
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import IO, Any

from portal.embedded import postgres
from portal.embedded.trouble import CannotStart
from portal.supervisor import journal
from portal.supervisor.installation import Installation, count

NEEDED_DISK_BYTES = 500_000_000


def open_data_folder(folder: Path) -> None:
    """Make the data folder where it is missing; others may pass through it (root's Postgres must), but list nothing."""
    try:
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        if is_new:
            folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        (folder / "log").mkdir(mode=0o700, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CannotStart(
            f"The data folder {folder} cannot be written: {os.strerror(error.errno or errno.EACCES)}. "
            "Set ATRIUM_DATA to a folder of your own."
        ) from error


def take_lock(folder: Path) -> IO[str]:
    """Make this the only supervisor on `folder`; held until the file is closed or the process ends, however it ends."""
    lock = (folder / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        other = lock.read().strip() or "unknown"
        lock.close()
        raise CannotStart(
            f"Atrium already runs on {folder} (process {other}). Stop it, or set ATRIUM_DATA to another folder."
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def refuse_full_disk(folder: Path) -> None:
    """Too little room would stop the database in the middle of something."""
    free = shutil.disk_usage(folder).free
    needed = count("ATRIUM_NEEDED_DISK_MB", NEEDED_DISK_BYTES // 1_000_000) * 1_000_000
    if free < needed:
        raise CannotStart(
            f"Only {free // 1_000_000} MB are free for {folder}; Atrium needs {needed // 1_000_000} MB. "
            "Make room, or set ATRIUM_DATA to a folder on another disk."
        )


def refuse_busy_port(host: str, port: int) -> None:
    """Somebody else on the port would be found by the person's browser in our place."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CannotStart(f"Port {port} is in use. Stop what uses it, or set PORT to a free one.") from error
            raise CannotStart(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from error


def end_leftovers(folder: Path) -> list[int]:
    """End what a supervisor that was killed left behind, by its recorded numbers and start times; those ended."""
    parts: dict[str, Any] = journal.read(folder).get("parts", {})
    left = [
        (facts["pid"], facts["ticks"])
        for facts in parts.values()
        if facts.get("pid") and facts.get("ticks") and journal.started_ticks(facts["pid"]) == facts["ticks"]
    ]
    # SIGQUIT is Postgres' immediate end, which takes its own processes along: after SIGKILL they could outlive it.
    for number, patience_s in ((signal.SIGINT, 6.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 2.0)):
        living = [(pid, ticks) for pid, ticks in left if journal.started_ticks(pid) == ticks]
        for pid, _ in living:
            os.kill(pid, number)
        deadline = time.time() + patience_s
        while time.time() < deadline and any(journal.started_ticks(pid) == ticks for pid, ticks in living):
            time.sleep(0.05)
    return [pid for pid, _ in left]


def ensure_secrets(folder: Path) -> None:
    """Make the installation's own keys on the first start, readable for this account alone."""
    make = {
        "secret_key": lambda: secrets.token_urlsafe(48),
        "credential_keys": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),  # Fernet's form
        "decision_keys": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),  # a seed of Ed25519
    }
    for name, made in make.items():
        if not (folder / name).exists():
            with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
                opened.write(made())


def check(here: Installation) -> IO[str]:
    """Everything above, in the order in which a person can mend it. Returns the lock, to be kept."""
    if not here.data_folder.exists():  # nothing of ours can be on the port, so nothing has to be ended first
        refuse_busy_port(here.host, here.port)
    open_data_folder(here.data_folder)
    lock = take_lock(here.data_folder)
    refuse_full_disk(here.data_folder)
    if here.embedded_database:
        postgres.refuse_other_version(here.data_folder)
    end_leftovers(here.data_folder)
    refuse_busy_port(here.host, here.port)
    ensure_secrets(here.data_folder)
    return lock
