"""The queue in Postgres for tests: the real transport's, in the database of the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import psycopg.conninfo
from django.db import connection
from pgmq.install import install_pgmq_from_sql

from portal.database import privileges
from portal.embedded.addresses import PORTAL, pgmq_conninfo
from tests.database import as_owner

PLACE = ("host", "port", "user", "password", "dbname")


@contextmanager
def queueing(*names: str) -> Iterator[str]:
    """Queues of these `names`, which are the portal's and gone at the end; yields the transport's `conn_string`."""
    address = connection.get_connection_params()
    conninfo = psycopg.conninfo.make_conninfo(**{name: address[name] for name in PLACE if name in address})
    with psycopg.connect(conninfo) as broker:  # as the owner
        install_pgmq_from_sql(conn=broker)
        for name in names:
            broker.execute("SELECT pgmq.create(%s)", [name])
    with as_owner():
        privileges.hand_over_queue(connection, PORTAL)
        privileges.hand_over_queue(connection, PORTAL)
    yield pgmq_conninfo(f"{conninfo} options='-c role={PORTAL}'")
    with as_owner() as owner:
        owner.execute("DROP SCHEMA pgmq CASCADE")
