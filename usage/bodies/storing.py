"""Write content that arrives from the gateway, each call's once, and count what could not be kept.

Let go is what is over already, what was erased before it came, and what was encrypted with a key that is gone. An
erasure locks its tenant, so what is written here waits for one that is under way and then heeds it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, fields
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone


@dataclass(slots=True, kw_only=True)
class BodyRecord:
    """The content of a call, encrypted, with the columns of `Body`. What another release did not write has a default:
    a spool may be carried by a newer one."""

    id: UUID
    tenant_id: UUID
    project_id: UUID
    environment_id: UUID
    key_id: UUID
    key_prefix: str
    end_user_hashes: tuple[str, ...]
    form: str
    is_streamed: bool
    has_failed: bool
    has_media: bool
    started_at: dt.datetime
    erase_at: dt.datetime
    prompt: bytes | None
    answer: bytes | None
    prompt_bytes: int
    answer_bytes: int
    is_prompt_cut: bool
    is_answer_cut: bool
    is_response: bool = False
    previous: UUID | None = None
    data_classes: tuple[str, ...] = ()


_TYPES = {
    "UUID": "uuid", "UUID | None": "uuid", "str": "text", "bool": "boolean", "dt.datetime": "timestamptz",
    "bytes | None": "bytea", "int": "integer",
    # One text for each call: an array of arrays would have to be a rectangle.
    "tuple[str, ...]": "text",
}  # fmt: skip


def _told(field: Field[object]) -> str:
    is_many = field.type == "tuple[str, ...]"
    return f"string_to_array(told.{field.name}, ',')" if is_many else f"told.{field.name}"


_LOCK = "SELECT 1 FROM tenants_tenant WHERE id = ANY(%s::uuid[]) ORDER BY id FOR SHARE"
_FIELDS = fields(BodyRecord)
_NAMES = [each.name for each in _FIELDS]
_ARRAYS = ", ".join(f"%s::{_TYPES[str(each.type)]}[]" for each in _FIELDS)
_STORE = f"""
INSERT INTO usage_body ({", ".join(_NAMES)}, stored_at)
SELECT {", ".join(_told(each) for each in _FIELDS)}, now()
  FROM unnest({_ARRAYS}) AS told ({", ".join(_NAMES)})
       JOIN usage_bodykey held ON held.id = told.key_id AND held.tenant_id = told.tenant_id
       JOIN tenants_environment place ON place.id = told.environment_id AND place.project_id = told.project_id
 WHERE told.erase_at > now()
   AND NOT EXISTS (
       SELECT 1 FROM usage_erasure erased
        WHERE erased.tenant_id = told.tenant_id AND erased.at >= told.started_at
          AND (erased.of = 'tenant' OR erased.call_id = told.id
               OR (erased.of = 'key' AND erased.key_prefix = told.key_prefix)
               OR (erased.of = 'end_user' AND erased.end_user_hash = ANY(string_to_array(told.end_user_hashes, ',')))))
 ORDER BY told.id
ON CONFLICT (id) DO NOTHING
"""
_COUNT = """
INSERT INTO usage_unkept AS held (tenant_id, day, calls)
SELECT tenant.id, %s, told.calls FROM unnest(%s::uuid[], %s::integer[]) AS told (id, calls)
  JOIN tenants_tenant tenant ON tenant.id = told.id ORDER BY tenant.id
ON CONFLICT (tenant_id, day) DO UPDATE SET calls = held.calls + excluded.calls
"""


def store(records: Sequence[BodyRecord]) -> int:
    """Write `records`; how many were written. A second time writes none."""
    if not records:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        # A statement of its own: only what begins after the wait sees the erasure.
        cursor.execute(_LOCK, [list({record.tenant_id for record in records})])
        cursor.execute(_STORE, [[_value(getattr(record, name)) for record in records] for name in _NAMES])
        return int(cursor.rowcount)


def _value(value: object) -> object:
    return ",".join(value) if isinstance(value, tuple) else value


def count_unkept(calls: Mapping[UUID, int]) -> None:
    """Note of how many calls of each tenant content could not be kept."""
    if calls:
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [timezone.now().date(), list(calls), list(calls.values())])
