"""How safe the opening of a call is before a provider is asked, which `GATEWAY_DURABILITY` says:

- `process`: it is in the kernel's hands (`gateway.journal`). It outlives the process, and costs microseconds.
- `machine`: it is on the disk of this machine (`gateway.syncing`). It outlives a loss of power.
- `database`: it is in Postgres (`gateway.openings`). It outlives this machine and its disk.

How a call ended is carried into the ledger a moment later in each case, and no answer is held back for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway.journal import Journal
from gateway.openings import Openings
from gateway.syncing import Syncing


class Keeping(Protocol):
    """What keeps openings beyond the journal."""

    def check(self) -> None:
        """Raises the refusal when it is known that no opening can be kept."""

    def opened(self, row: bytes) -> asyncio.Future[None]:
        """To be awaited before a provider is asked. Raises the refusal when the opening could not be kept."""

    def closed(self) -> None:
        """A line without a waiter was written to the journal."""

    async def end(self) -> None:
        """Keep what is left; nothing is opened any more."""


def keeping_of(setting: str, journal: Journal, was_taken_for_gone: Callable[[], None]) -> Keeping | None:
    """What `setting` asks for beyond the journal; nothing for `process`.

    `was_taken_for_gone` is told when other processes ended the account of this one while it lived.
    """
    match setting:
        case "machine":
            return Syncing(journal)
        case "database":
            return Openings(journal.folder.name, was_taken_for_gone)
    return None
