"""Make a snapshot from Postgres: whole, or from the one that is held by reading what was noted as changed since.

Every change is noted in its own transaction (`tenants.changes`). A transaction's number tells what can still come:
notes of numbers below the oldest one at work are all there, so none is overlooked, whatever order they commit in.
"""

from __future__ import annotations

import datetime as dt
import gc
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
from django.db import connections

from gateway import rows
from gateway.bodies.rules import body_rules
from gateway.rows import Connection
from gateway.snapshot import Snapshot

_OLDEST_AT_WORK = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_NOTED = "SELECT id, transaction, kind, row_key FROM tenants_changenote WHERE transaction >= %s ORDER BY id"

CATALOG = {"route", "price", "provider"}
COLLECT_EVERY = 50_000  # values made and not freed
ALL = ""  # a note that names no row means all of its kind

type Notes = Mapping[str, set[str]]  # the keys of rows that changed, by kind


async def connect() -> Connection:
    """A connection of the gateway's own to the portal's database, in autocommit."""
    held = connections["default"].settings_dict
    options = {name: value for name, value in held.get("OPTIONS", {}).items() if name != "pool"}
    address = {
        "dbname": held["NAME"], "user": held["USER"], "password": held["PASSWORD"], "host": held["HOST"],
        "port": held["PORT"], "connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5,
        "keepalives_count": 3, "application_name": "atrium gateway",
    }  # fmt: skip
    given = {name: value for name, value in {**address, **options}.items() if value not in ("", None)}
    connection = await psycopg.AsyncConnection.connect(**given, autocommit=True)
    try:
        await connection.execute("SELECT set_config('atrium.tenants', '*', false)")  # it serves every tenant
    except BaseException:
        await connection.close()
        raise
    return connection


async def load(connection: Connection, held: Snapshot | None = None) -> Snapshot:
    """A new snapshot of everything, which follows on `held`."""
    with _out_of_the_collectors_way():
        return await _load(connection, held)


@contextmanager
def _out_of_the_collectors_way() -> Iterator[None]:
    """Hundreds of thousands of values that stay would be looked through again and again by the collection of cycles,
    while every call waits (0.4 s for 200,000 keys). They hold none: they are made without it and left out from then on.

    Nor do calls leave cycles behind (`tests/gateway/test_no_cycles.py`), so it looks seldom: each two thousand values
    would be often under load.
    """
    gc.collect()  # or what is garbage now would stay too
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(COLLECT_EVERY)
        gc.enable()


async def _load(connection: Connection, held: Snapshot | None) -> Snapshot:
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        oldest = await _oldest_at_work(connection)
        noted = [row[0] for row in await _noted(connection, oldest)]
        return Snapshot(
            version=held.version + 1 if held else 1,
            loaded_at=dt.datetime.now(dt.UTC),
            keys=await rows.keys(connection),
            places=await rows.places(connection),
            grants=await rows.grants(connection),
            routes=await rows.routes(connection),
            bounds=await rows.bounds(connection),
            capacities=await rows.capacities(connection),
            shut_out=await rows.shut_out(connection),
            bodies=await body_rules(connection),
            read_from=oldest,
            read=frozenset(noted),
        )


async def refresh(connection: Connection, held: Snapshot) -> Snapshot:
    """The snapshot after what was noted since `held` was made; of the same version where nothing was."""
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        oldest = await _oldest_at_work(connection)
        found = await _noted(connection, held.read_from)
        notes: dict[str, set[str]] = defaultdict(set)
        for number, _, kind, row in found:
            if number not in held.read:
                notes[kind].add(row)
        changed = await _changed(connection, held, notes) if notes else {}
    return replace(
        held,
        version=held.version + bool(notes),
        loaded_at=dt.datetime.now(dt.UTC),
        read_from=oldest,
        read=frozenset(number for number, transaction, _, _ in found if transaction >= oldest),
        **changed,
    )


async def _oldest_at_work(connection: Connection) -> int:
    cursor = await connection.execute(_OLDEST_AT_WORK)
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101  # PostgreSQL always answers it
    return int(row[0])


async def _noted(connection: Connection, since: int) -> list[Any]:
    cursor = await connection.execute(_NOTED, [since])
    return await cursor.fetchall()


async def _changed(connection: Connection, held: Snapshot, notes: Notes) -> dict[str, Any]:
    """The parts of the snapshot that are others now, by their names."""
    changed: dict[str, Any] = {}
    if CATALOG & notes.keys():
        changed["routes"] = await rows.routes(connection)
    if {"key", "holder", "tenant"} & notes.keys():
        changed["keys"] = await _keys(connection, held, notes)
    if "holder" in notes:
        changed["shut_out"] = await _shut_out(connection, held, notes)
    if "tenant" in notes:
        changed["places"] = await _places(connection, held, notes)
    if {"grant", "tenant"} & notes.keys():
        changed["grants"] = await _grants(connection, held, notes)
    if {"limit", "tenant"} & notes.keys():
        changed["bounds"] = await _bounds(connection, held, notes)
    if ({"capacity"} | CATALOG) & notes.keys():  # its words name the route or deployment, and the page is the model's
        changed["capacities"] = await rows.capacities(connection)
    if {"retention", "tenant"} & notes.keys():
        changed["bodies"] = await _bodies(connection, held, notes)
    return changed


async def _keys(connection: Connection, held: Snapshot, notes: Notes) -> Any:
    if _means_all(notes, "key", "holder", "tenant"):
        return await rows.keys(connection)
    keys, named, tenants = dict(held.keys), _ids(notes.get("key", ())), _ids(notes.get("tenant", ()))
    if tenants:  # those that left with their tenant, or for another
        gone = {key for key, place in held.places.items() if place.tenant_id in tenants}
        keys = {prefix: key for prefix, key in keys.items() if key.environment_id not in gone}
        keys |= await rows.keys(connection, rows.KEY_OF_TENANT, list(tenants))
    if named:
        read = await rows.keys(connection, rows.KEY, list(named))
        if missing := named - {key.id for key in read.values()}:
            keys = {prefix: key for prefix, key in keys.items() if key.id not in missing}
        keys |= read
    if holders := _ids(notes.get("holder", ())):
        keys |= await rows.keys(connection, rows.KEY_OF_HOLDER, list(holders))
    return keys


async def _places(connection: Connection, held: Snapshot, notes: Notes) -> Any:
    if _means_all(notes, "tenant"):
        return await rows.places(connection)
    tenants = _ids(notes["tenant"])
    kept = {key: place for key, place in held.places.items() if place.tenant_id not in tenants}
    return kept | await rows.places(connection, rows.PLACE_OF_TENANT, list(tenants))


async def _shut_out(connection: Connection, held: Snapshot, notes: Notes) -> frozenset[UUID]:
    if _means_all(notes, "holder"):
        return await rows.shut_out(connection)
    holders = _ids(notes["holder"])
    return (held.shut_out - holders) | await rows.shut_out(connection, rows.USER, list(holders))


async def _grants(connection: Connection, held: Snapshot, notes: Notes) -> Any:
    if _means_all(notes, "grant", "tenant"):
        return await rows.grants(connection)
    environments, tenants = _ids(notes.get("grant", ())), _ids(notes.get("tenant", ()))
    gone = environments | {key for key, place in held.places.items() if place.tenant_id in tenants}
    grants = {key: of for key, of in held.grants.items() if key not in gone}
    if environments:
        grants |= await rows.grants(connection, rows.GRANT_OF_ENVIRONMENT, list(environments))
    if tenants:
        grants |= await rows.grants(connection, rows.GRANT_OF_TENANT, list(tenants))
    return grants


async def _bounds(connection: Connection, held: Snapshot, notes: Notes) -> Any:
    if _means_all(notes, "limit", "tenant"):
        return await rows.bounds(connection)
    at, tenants = _ids(notes.get("limit", ())), _ids(notes.get("tenant", ()))
    slugs = {place.path.partition("/")[0] for place in held.places.values() if place.tenant_id in tenants}
    bounds = {key: each for key, each in held.bounds.items() if key not in at | tenants and each.tenant not in slugs}
    if at:
        bounds |= await rows.bounds(connection, rows.BOUND_AT_PLACE, list(at))
    if tenants:
        bounds |= await rows.bounds(connection, rows.BOUND_OF_TENANT, list(tenants))
    return bounds


async def _bodies(connection: Connection, held: Snapshot, notes: Notes) -> Any:
    if _means_all(notes, "retention", "tenant"):
        return await body_rules(connection)
    tenants = _ids(notes.get("retention", ())) | _ids(notes.get("tenant", ()))
    kept = {key: rule for key, rule in held.bodies.items() if rule.tenant_id not in tenants}
    return kept | await body_rules(connection, list(tenants))


def _means_all(notes: Notes, *kinds: str) -> bool:
    return any(kind in notes and not _ids(notes[kind]) for kind in kinds)


def _ids(texts: Iterable[str]) -> set[UUID]:
    """The keys that are named; empty where one of the notes means all."""
    found = set()
    for text in texts:
        if text == ALL:
            return set()
        with suppress(ValueError):
            found.add(UUID(text))
    return found
