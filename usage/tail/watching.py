"""Who watches says so, and gateway processes tell of running calls where somebody does: the statements of both sides.

A watch is one row a tenant, however many look. It lapses by itself when nobody renews it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

RENEWED_EVERY_S = 4.0  # by each process in which somebody looks
LIVES_FOR_S = 15.0  # a running call of which its process has not told for so long is not believed
KEPT_FOR_S = 60.0
MOST = 200  # running calls of one tenant that one process tells of

_RENEW = """
INSERT INTO usage_watch AS held (tenant_id, until) VALUES (%s, now() + interval '15 seconds')
ON CONFLICT (tenant_id) DO UPDATE SET until = excluded.until WHERE held.until < now() + interval '12 seconds'
"""
# What is not there any more is left out, and of a person who is not but the name is told: one such row must not keep
# the others from being told.
_TELL = """
INSERT INTO usage_runningcall
       (id, tenant_id, project_id, environment_id, key_prefix, key_name, user_id, user_label, origin, route, provider,
        state, attempts, started_at, process, told_at)
SELECT told.id, told.tenant_id, told.project_id, told.environment_id, told.key_prefix, told.key_name, person.id,
       told.user_label, told.origin, told.route, told.provider, told.state, told.attempts, told.started_at,
       told.process, told.told_at
  FROM json_populate_recordset(NULL::usage_runningcall, %s::json) told
       JOIN tenants_environment e ON e.id = told.environment_id AND e.tenant_id = told.tenant_id
       LEFT JOIN tenants_user person ON person.id = told.user_id
 ORDER BY told.id
ON CONFLICT (id) DO UPDATE SET
       state = excluded.state, attempts = excluded.attempts, provider = excluded.provider, told_at = now(),
       ended_at = NULL
"""
_renewed: dict[UUID, float] = {}


def watch(tenant: UUID) -> None:
    """Somebody looks at the calls of `tenant`, within whose scope this is."""
    now = time.monotonic()
    if now - _renewed.get(tenant, -RENEWED_EVERY_S) < RENEWED_EVERY_S:
        return
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, [tenant])
    for each in [key for key, at in _renewed.items() if now - at > KEPT_FOR_S]:
        del _renewed[each]
    _renewed[tenant] = now


def watched() -> frozenset[UUID]:
    """The tenants that are watched now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM usage_watch WHERE until > now()")
        return frozenset(key for (key,) in cursor.fetchall())


def tell(rows: Sequence[Mapping[str, Any]], ended: Collection[UUID]) -> None:
    """Write down running calls (as columns of `RunningCall`, without its moments of telling), and which have ended."""
    with connection.cursor() as cursor:
        if rows:
            cursor.execute("SELECT now()")
            at = cursor.fetchone()[0].isoformat()
            cursor.execute(_TELL, [orjson.dumps([{**row, "told_at": at} for row in rows]).decode()])
        if ended:
            cursor.execute("UPDATE usage_runningcall SET ended_at = now() WHERE id = ANY(%s)", [list(ended)])


def still_runs(process: str) -> None:
    """`process` lives, and so do the calls that it told of."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE usage_runningcall SET told_at = now() WHERE process = %s AND ended_at IS NULL", [process]
        )
    forget()


def forget() -> int:
    """Delete what nobody needs any more, and say how many calls that were. Gateways do so while they have calls, and a
    worker by the clock, as on an idle installation nobody else would."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM usage_watch WHERE until < now() - interval '1 hour'")
        cursor.execute(
            "DELETE FROM usage_runningcall WHERE least(told_at, coalesce(ended_at, told_at))"
            " < now() - make_interval(secs => %s)",
            [KEPT_FOR_S],
        )
        return int(cursor.rowcount)
