"""What takes long to read must not hold a connection of the pool meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db import connections


def give_back() -> None:
    """Return this thread's connection to the pool, unless a transaction is open on it; the next query takes another."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def connectionless[Part](parts: Iterable[Part]) -> Iterator[Part]:
    """`parts`, to be sent to a reader who may be slow: no connection is held while each is taken."""
    for part in parts:
        give_back()
        yield part
    give_back()
