"""Where the embedded services are, worked out from the data folder; nothing here starts anything."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

_SPECIAL, _ESCAPED = r"([\\'])", r"\\\1"  # libpq, "Connection Strings": both are written with a backslash before
OWNER, PORTAL = "atrium", "atrium_portal"  # the roles of the embedded database: whose the tables are, and who serves
AS_OWNER = "ATRIUM_AS_OWNER"  # in the environment of a process that makes or changes tables; it says so itself
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 100  # bytes; the kernels' limits are 107 (Linux) and 103 (macOS)
SHORT_FOLDER = Path("/tmp")  # noqa: S108  (the folder made in it is closed; $TMPDIR may differ between processes)


def local_secret(data_folder: Path) -> str:
    """The secret key kept in the data folder, or an empty text."""
    file = data_folder / "secret_key"
    return file.read_text().strip() if file.is_file() else ""


def local_credential_keys(data_folder: Path) -> list[str]:
    """The keys (Fernet) kept in the data folder for providers' credentials, newest first; may be none."""
    file = data_folder / "credential_keys"
    return file.read_text().split() if file.is_file() else []


def local_decision_keys(data_folder: Path) -> list[str]:
    """The keys (Ed25519 seeds) kept in the data folder that decisions are signed with, newest first; may be none."""
    file = data_folder / "decision_keys"
    return file.read_text().split() if file.is_file() else []


def socket_folder(data_folder: Path) -> Path:
    """The folder of the database's socket: inside the data folder, or under `/tmp` where that path is too long."""
    inside = data_folder / "run"
    if len(bytes(inside / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
        return inside
    return SHORT_FOLDER / f"atrium-{hashlib.sha256(bytes(data_folder)).hexdigest()[:16]}"


def database_url(data_folder: Path, role: str = PORTAL) -> str:
    """The address of the embedded database for one of its two roles, a URL that libpq and django-environ both read.

    The socket's folder is in the query (`?host=`), because django-environ does not decode it in the host's place.
    There is no password: the socket admits by the kernel's word on who is at the other end (`postgres.admit`).
    """
    return f"postgresql://{role}@/atrium?host={quote(str(socket_folder(data_folder)), safe='/')}"


def role_of(url: str) -> str:
    """The role that `url` signs in as, or an empty text where it names none."""
    return unquote(urlsplit(url).username or "")


def key_value_conninfo(url: str) -> str:
    """`url` (any libpq address) in libpq's key=value form."""
    import psycopg.conninfo  # here, so that the command line does not pay for it

    parts: dict[str, Any] = dict(psycopg.conninfo.conninfo_to_dict(url))
    return psycopg.conninfo.make_conninfo(**parts)


def pgmq_conninfo(url: str) -> str:
    """The same for kombu's pgmq transport, each value quoted once more.

    The library takes the form apart and joins the bare values again, which a blank or a quote in a path or password
    would break.
    """
    import psycopg.conninfo

    parts = psycopg.conninfo.conninfo_to_dict(url)
    quoted = {name: f"'{re.sub(_SPECIAL, _ESCAPED, str(value))}'" for name, value in parts.items()}
    return psycopg.conninfo.make_conninfo(**quoted)


def local_model_url(data_folder: Path) -> str:
    """The base address (`http://127.0.0.1:PORT/v1`) that the local model server last wrote down, or an empty text."""
    file = data_folder / "models.url"
    return file.read_text().strip() if file.is_file() else ""
