"""Content that arrives while an erasure is under way does not outlive it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from tenants.scope import everything
from tests.bodies.contents import record
from tests.cast import Cast
from tests.gateway.conftest import eventually
from tests.usage.ledger_lines import called
from usage.bodies.erasing import erase_key
from usage.bodies.storing import BodyRecord, store
from usage.bodies.tables import Body

pytestmark = pytest.mark.django_db(transaction=True)


@everything("as the gateway's carrying thread writes it")
def stored(records: Sequence[BodyRecord]) -> int:
    try:
        return store(records)
    finally:
        connection.close()


def is_done_or_waits(storing: Future[int]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return storing.done() or bool(cursor.fetchone()[0])


def test_it_waits_for_the_erasure_and_heeds_it(cast: Cast) -> None:
    call = called(cast.environment())
    late, others = record(call), record(called(cast.environment(of=cast.foreign_project)))
    with ThreadPoolExecutor(1) as another:
        with transaction.atomic():
            erase_key(tenant=cast.acme, key_prefix=call.key_prefix, reason="Leaked", by=cast.olivia)
            storing = another.submit(stored, [late, others])
            eventually(lambda: is_done_or_waits(storing), 30)
        assert storing.result(30) == 1
    assert [body.pk for body in Body.objects.all()] == [others.id]
