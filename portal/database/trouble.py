"""What the database itself answers instead of doing its work, put into words: it is away, or a value is none for it."""

from __future__ import annotations

import logging

from django.db import DataError, InterfaceError, OperationalError

from refusals import Refusal
from refusals.errors import Invalid

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5.0
# PostgreSQL's classes of SQLSTATE: 08 connection exception, 57P01 to 57P05 the server stops or starts, 53300 is full.
STATES = ("08", "57P", "53300")


class DatabaseAway(Refusal):
    """Nothing can be read or kept at the moment."""

    code = "database_unreachable"
    status = 503
    title = "Atrium cannot reach its database"

    def __init__(self) -> None:
        super().__init__(
            "Nothing that was saved is lost, and calls through the gateway go on. "
            "What you just sent may not have been carried out; look before you send it again.",
            retry_after_s=RETRY_AFTER_S,
        )


def is_outage(error: BaseException | None) -> bool:
    """Whether `error` says that the database is away, not that it refused a statement (a deadlock, a full disk)."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(STATES)


class DatabaseTooSlow(Refusal):
    """A statement took longer than a page may wait, and was taken back."""

    code = "database_too_slow"
    status = 503
    title = "This took too long"

    def __init__(self) -> None:
        super().__init__(
            "Nothing was changed. Try again in a moment; where you asked for a long period or many rows, ask for less.",
            retry_after_s=RETRY_AFTER_S,
        )


def refused_by_database(error: BaseException | None) -> Refusal | None:
    """What to tell about a statement that was taken back for its length (SQLSTATE 57014), or about a value that no text
    or number column takes (class 22); None for other errors.

    A form should have refused such a value, and no statement should take so long, so both are logged too.
    """
    if isinstance(error, OperationalError) and getattr(error.__cause__, "sqlstate", None) == "57014":
        log.warning("A statement took longer than a page may wait.", exc_info=error)
        return DatabaseTooSlow()
    if not isinstance(error, DataError):
        return None
    log.warning("A value that the database does not take came as far as the database.", exc_info=error)
    return Invalid("Something you sent cannot be kept: a null byte, or a number far too large. Nothing was changed.")
