"""The real queue: what pages send to workers arrives in Postgres, where a test can read it."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.conf import settings
from pgmq.install import install_pgmq_from_sql

from portal.embedded.addresses import key_value_conninfo

CONNINFO = key_value_conninfo(settings.DATABASE_URL)


@pytest.fixture(scope="session")
def queue() -> Callable[[], list[Any]]:
    """Messages that wait for a worker."""
    with psycopg.connect(CONNINFO) as broker:
        broker.execute("SELECT pg_advisory_xact_lock(hashtext('the queue of the tests'))")  # both workers share it
        if broker.execute("SELECT to_regclass('pgmq.meta')").fetchone() == (None,):
            install_pgmq_from_sql(conn=broker)

    def waiting() -> list[Any]:
        with psycopg.connect(CONNINFO) as broker:
            return [message for (message,) in broker.execute("SELECT message FROM pgmq.q_celery ORDER BY msg_id")]

    return waiting
