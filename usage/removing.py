"""Take the calls of demonstration tenants out of the ledger, and what they added out of every total.

The ledger keeps every other call for ever; its trigger refuses to delete those of a real tenant, whoever asks.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import connection, transaction

from usage.models import Call, Rollup
from usage.spans import ORIGIN, SPANS

_SUMS = ("calls", "errors", "unpriced", "input_tokens", "output_tokens", "duration_ms", "cost")

# What the tenants added to each line of the platform's totals: as `usage.ledger` adds it up.
_SUBTRACT = f"""
WITH gone AS (
    SELECT d.dimension, s.span, day - (day - DATE '{ORIGIN}') %% s.span AS day, d.value, currency, is_demonstration,
           {", ".join(f"sum(r.{name}) AS {name}" for name in _SUMS)}
      FROM usage_rollup r JOIN tenants_environment e ON e.id = r.environment_id
           CROSS JOIN LATERAL (VALUES ('tenant', r.tenant_id::text),
               ('environment', e.kind), ('route', route), ('provider', provider)) AS d(dimension, value)
           CROSS JOIN unnest(ARRAY[{", ".join(map(str, SPANS))}]) AS s(span)
     WHERE r.tenant_id = ANY(%s)
     GROUP BY 1, 2, 3, 4, 5, 6
)
UPDATE usage_platformrollup held SET {", ".join(f"{name} = held.{name} - gone.{name}" for name in _SUMS)}
  FROM gone
 WHERE (held.dimension, held.span, held.day, held.value, held.currency, held.is_demonstration)
     = (gone.dimension, gone.span, gone.day, gone.value, gone.currency, gone.is_demonstration)
"""


@transaction.atomic
def remove_calls_of(tenants: Collection[UUID]) -> int:
    """Remove the calls and totals of these demonstration tenants; how many calls. Raises what the database raises when
    one of them is a real tenant.

    Until the transaction ends nobody writes into the ledger: journals wait, and their rows find their tenant gone.
    """
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE usage_call, usage_rollup, usage_platformrollup IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(_SUBTRACT, [list(tenants)])
        cursor.execute("DELETE FROM usage_platformrollup WHERE calls = 0")
    Rollup.objects.filter(tenant__in=tenants)._raw_delete("default")
    return Call.objects.filter(tenant__in=tenants)._raw_delete("default")
