"""As whom the embedded Postgres runs: as ourselves, or, since Postgres refuses root, as a user of its own.

Where root starts Atrium, the server's user must be able to pass through the folders that lead to its programs and its
data. Folders it cannot pass get the right to be passed (`o+x`, never to be listed), and the caller is told which.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path
from typing import TypedDict

from portal.embedded.trouble import CannotStart

SERVER_USER = "pgserver"


class Identity(TypedDict, total=False):
    """Arguments of `subprocess.Popen` that make a program run as somebody else."""

    user: int
    group: int
    extra_groups: list[int]


def identity() -> Identity:
    """As whom the server's programs are started; empty when we are not root. Creates the user where it is missing."""
    if os.geteuid() != 0:
        return {}
    entry = _server_user()
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def hand_over(folder: Path) -> None:
    """Make `folder` the server's own, closed to everyone else."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        entry = _server_user()
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    elif folder.stat().st_uid != os.geteuid():
        raise CannotStart(f"{folder} belongs to somebody else. Remove it, or choose another ATRIUM_DATA.")
    folder.chmod(0o700)


def open_the_way(to: Path) -> list[Path]:
    """Let the server's user pass to `to`; the folders that had to be changed. Nothing to do when we are not root."""
    if os.geteuid() != 0:
        return []
    opened = []
    for folder in to.absolute().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH and folder.stat().st_uid != _server_user().pw_uid:
            folder.chmod(mode | stat.S_IXOTH)
            opened.append(folder)
    return opened


def _server_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SERVER_USER)
    except KeyError:
        pass
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    made = useradd and subprocess.run(
        [
            useradd,
            "--system",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            SERVER_USER,
        ],
        capture_output=True,
    )
    if not made or made.returncode != 0:
        raise CannotStart(
            f"Postgres does not run as root and the user {SERVER_USER!r} could not be created. "
            f"Create it (useradd --system {SERVER_USER}), or start Atrium as an ordinary user."
        )
    return pwd.getpwnam(SERVER_USER)
