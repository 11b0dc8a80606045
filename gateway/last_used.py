"""Write down when keys were last used, many at a time and only forward: no call waits for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.db import connection

_WRITE = """
UPDATE tenants_apikey AS key SET last_used_at = used.at
  FROM unnest(%s::text[], %s::timestamptz[]) AS used(prefix, at)
 WHERE key.prefix = used.prefix AND (key.last_used_at IS NULL OR key.last_used_at < used.at)
"""


def write_last_used(used: Mapping[str, float]) -> None:
    """`used` maps prefixes of keys to the Unix time of their last call."""
    prefixes = sorted(used)  # processes that meet lock the rows in the same order
    moments = [dt.datetime.fromtimestamp(used[prefix], dt.UTC) for prefix in prefixes]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [prefixes, moments])
