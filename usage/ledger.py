"""Write calls into the ledger: each exactly once, and in the same statement added to the day's totals of the tenant
(`Rollup`) and to those of the platform (`PlatformRollup`), by day and by longer spans.

A second delivery of a call changes nothing, so whoever is unsure whether a batch arrived may simply send it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.db import connection, transaction

from usage.calls import CallRecord
from usage.openings import forget
from usage.spans import ORIGIN, SPANS

# With the day it identifies a line of totals (the constraint `rollup_once`).
_GROUP = "tenant_id, project_id, environment_id, key_prefix, user_id, route, provider, currency, is_demonstration"
_SUMS = "sum(calls), sum(errors), sum(unpriced), sum(input_tokens), sum(output_tokens), sum(duration_ms), sum(cost)"
_WRITE = f"""
WITH inserted AS (
    INSERT INTO usage_call SELECT * FROM json_populate_recordset(NULL::usage_call, %s::json) ORDER BY id
    ON CONFLICT (id) DO NOTHING
    RETURNING *
), totals AS (
    SELECT (started_at AT TIME ZONE 'UTC')::date AS day, {_GROUP},
           count(*) AS calls,
           count(*) FILTER (WHERE outcome IN ('failed', 'interrupted')) AS errors,
           count(*) FILTER (WHERE cost IS NULL) AS unpriced,
           sum(input_tokens) AS input_tokens,
           sum(output_tokens) AS output_tokens,
           sum(duration_ms::bigint) AS duration_ms,
           coalesce(sum(cost), 0) AS cost
      FROM inserted GROUP BY 1, {_GROUP}
), added AS (
    INSERT INTO usage_rollup AS held
           (day, {_GROUP}, calls, errors, unpriced, input_tokens, output_tokens, duration_ms, cost)
    SELECT day, {_GROUP}, calls, errors, unpriced, input_tokens, output_tokens, duration_ms, cost
      FROM totals ORDER BY day, {_GROUP}
    ON CONFLICT (day, {_GROUP}) DO UPDATE SET
           calls = held.calls + excluded.calls,
           errors = held.errors + excluded.errors,
           unpriced = held.unpriced + excluded.unpriced,
           input_tokens = held.input_tokens + excluded.input_tokens,
           output_tokens = held.output_tokens + excluded.output_tokens,
           duration_ms = held.duration_ms + excluded.duration_ms,
           cost = held.cost + excluded.cost
), platform_totals AS (
    SELECT d.dimension, s.span, day - (day - DATE '{ORIGIN}') %% s.span AS day, d.value, currency, is_demonstration,
           {_SUMS}
      FROM totals JOIN tenants_environment e ON e.id = totals.environment_id
           CROSS JOIN LATERAL (VALUES ('tenant', totals.tenant_id::text),
               ('environment', e.kind), ('route', route), ('provider', provider)) AS d(dimension, value)
           CROSS JOIN unnest(ARRAY[{", ".join(map(str, SPANS))}]) AS s(span)
     GROUP BY 1, 2, 3, 4, 5, 6
), added_to_platform AS (
    INSERT INTO usage_platformrollup AS held
           (dimension, span, day, value, currency, is_demonstration,
            calls, errors, unpriced, input_tokens, output_tokens, duration_ms, cost)
    SELECT * FROM platform_totals ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (dimension, span, day, value, currency, is_demonstration) DO UPDATE SET
           calls = held.calls + excluded.calls,
           errors = held.errors + excluded.errors,
           unpriced = held.unpriced + excluded.unpriced,
           input_tokens = held.input_tokens + excluded.input_tokens,
           output_tokens = held.output_tokens + excluded.output_tokens,
           duration_ms = held.duration_ms + excluded.duration_ms,
           cost = held.cost + excluded.cost
)
SELECT count(*) FROM inserted
"""  # Both inserts go in a fixed order, so that writers who meet wait for each other instead of deadlocking.


def write(records: Sequence[CallRecord]) -> int:
    """Insert the calls that the ledger does not hold yet and add them to the totals; how many were new.

    Raises what the database raises (`IntegrityError` when a tenant, project, environment or user does not exist);
    then nothing of the batch was written.
    """
    return write_rows([record.row() for record in records])


def write_rows(rows: Sequence[Mapping[str, Any]]) -> int:
    """The same for rows in the form of `CallRecord.row`, as a journal holds them."""
    if not rows:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        forget([row["id"] for row in rows])  # first: whoever ends a dead process's account locks in this order too
        cursor.execute(_WRITE, [orjson.dumps(rows).decode()])
        (inserted,) = cursor.fetchone()
        # Foreign keys are checked here, not at the end of whatever surrounds us: the batch is known to be whole.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    return int(inserted)
