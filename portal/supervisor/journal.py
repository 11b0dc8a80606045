"""The supervisor's own record, `<data>/state.json`: what runs, since when, and what had to be started again.

`atrium doctor` and the platform's status page read it through `portal.status`; only the supervisor writes it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

NAME = "state.json"


def write(data_folder: Path, facts: dict[str, Any]) -> None:
    """Replace the record in one step, so that a reader never sees half of it."""
    unfinished = data_folder / f"{NAME}.new"
    unfinished.write_text(json.dumps(facts, indent=1))
    unfinished.chmod(0o600)
    unfinished.replace(data_folder / NAME)


def read(data_folder: Path) -> dict[str, Any]:
    """The record as last written; empty where no supervisor ever ran here."""
    try:
        facts = json.loads((data_folder / NAME).read_text())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return {}
    return facts if isinstance(facts, dict) else {}


def started_ticks(pid: int) -> int | None:
    """When the process `pid` started, in the kernel's ticks since boot, or None where there is no such process.

    With the number it names a process for good, as numbers are used again. Not on Linux: 0 for any living process.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0 if not Path("/proc/self").exists() and _is_alive(pid) else None
    return None if fields[0] == "Z" else int(fields[19])


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
