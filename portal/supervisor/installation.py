"""What this installation consists of, read from the environment without Django, so that the supervisor stays small.

The variables are those of `portal.settings`; the table that explains them is in `docs/running.md`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from portal.embedded.trouble import CannotStart

PROJECT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Installation:
    """Where the data is, where the web server listens, and which parts are our own."""

    data_folder: Path
    host: str
    port: int
    mode: str
    embedded_database: bool
    local_model: bool

    @property
    def address(self) -> str:
        """The address to type into a browser on this machine."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "127.0.0.1") else self.host  # noqa: S104  (compared, not bound)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    @property
    def is_demonstration(self) -> bool:
        return self.mode in ("demonstration", "development")


def installation() -> Installation:
    """Read the environment; raises `CannotStart` for a value that cannot be meant."""
    port = os.environ.get("PORT", "8000")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise CannotStart(f"PORT is {port!r}; it must be a number from 1 to 65535.")
    mode = os.environ.get("ATRIUM_MODE", "demonstration")
    if mode not in ("demonstration", "development", "production"):
        raise CannotStart(f"ATRIUM_MODE is {mode!r}; it must be demonstration, development or production.")
    return Installation(
        data_folder=Path(os.environ.get("ATRIUM_DATA") or PROJECT / ".atrium").expanduser().absolute(),
        host=os.environ.get("ATRIUM_HOST", "127.0.0.1"),
        port=int(port),
        mode=mode,
        embedded_database=not os.environ.get("DATABASE_URL"),
        local_model=not os.environ.get("ATRIUM_LOCAL_MODEL_URL") and os.environ.get("ATRIUM_LOCAL_MODEL") != "off",
    )


def count(variable: str, otherwise: int) -> int:
    """A whole number from 1 up out of the environment. Raises `CannotStart` for anything else."""
    text = os.environ.get(variable) or str(otherwise)
    if not text.isdecimal() or int(text) < 1:
        raise CannotStart(f"{variable} is {text!r}; it must be a whole number from 1 up.")
    return int(text)
