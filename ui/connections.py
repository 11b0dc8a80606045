"""What takes long to read must not hold a connection of the pool meanwhile."""

from __future__ import annotations

from django.db import connections


def give_back() -> None:
    """Return this thread's connection to the pool, unless a transaction is open on it; the next query takes another."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
