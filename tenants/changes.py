"""Tell every process that something it may hold in memory has changed (PostgreSQL NOTIFY, on commit)."""

from django.db import connection

CHANNEL = "atrium_changes"


def announce(what: str) -> None:
    """Notify listeners that rows of kind `what` changed; delivered when the transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, what])
