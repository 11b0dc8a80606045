"""What is kept of the calls of each environment, as the snapshot holds it, with the key that it is encrypted with."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from usage.bodies.keeping import NO_BOUND, Bound, Keeping, nearest
from usage.bodies.sealing import unwrapped

log = logging.getLogger(__name__)

_STATED = """
    SELECT coalesce(environment_id, project_id, tenant_id), prompts, answers, days, share, only_failed, media
      FROM usage_retentionpolicy
"""
_BOUNDS = "SELECT kind, is_allowed, most_days FROM usage_retentionbound"
_PLACES = """
    SELECT e.id, e.project_id, e.tenant_id, e.kind, k.id, k.wrapped
      FROM tenants_environment e JOIN usage_bodykey k ON k.tenant_id = e.tenant_id
     WHERE e.tenant_id IN (SELECT tenant_id FROM usage_retentionpolicy)
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is kept of the calls of an environment, which is something. `secret` must never be shown or logged."""

    tenant_id: UUID
    keeping: Keeping
    key_id: UUID
    secret: bytes = field(repr=False)


async def body_rules(
    connection: psycopg.AsyncConnection[Any], tenants: Sequence[UUID] | None = None
) -> dict[UUID, Rule]:
    """The rules by environment, of all tenants or of these; nothing of those that keep nothing."""
    of = "" if tenants is None else " AND e.tenant_id = ANY(%s)"
    cursor = await connection.execute(_PLACES + of, None if tenants is None else [list(tenants)])
    places = await cursor.fetchall()
    if not places:
        return {}
    cursor = await connection.execute(_BOUNDS)
    bounds = {row[0]: Bound(*row[1:]) async for row in cursor}
    narrowed = "" if tenants is None else " WHERE tenant_id = ANY(%s)"
    cursor = await connection.execute(_STATED + narrowed, None if tenants is None else [list(tenants)])
    stated = {row[0]: Keeping(*row[1:]) async for row in cursor}
    secrets: dict[UUID, bytes | None] = {}
    found = {}
    for environment, project, tenant, kind, key, wrapped in places:
        wanted = nearest(stated, (environment, project, tenant))
        keeping = bounds.get(kind, NO_BOUND).applied_to(wanted) if wanted else None
        if keeping is None or not keeping.is_something:
            continue
        if key not in secrets:
            secrets[key] = _in_clear(tenant, wrapped)
        if (secret := secrets[key]) is not None:
            found[environment] = Rule(tenant, keeping, key, secret)
    return found


def _in_clear(tenant: UUID, wrapped: bytes) -> bytes | None:
    try:
        return unwrapped(bytes(wrapped))
    except Exception:  # whatever is wrong with one key must not keep the rest of the snapshot from being read
        log.exception("The key of tenant %s cannot be decrypted; nothing of its calls is kept.", tenant)
        return None
