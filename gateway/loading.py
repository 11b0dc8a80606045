"""Read a snapshot from Postgres, with plain SQL: the ORM is not on the gateway's path."""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import lru_cache
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import psycopg
from django.db import connections

from catalog.credentials import decrypt
from gateway.snapshot import Bounds, Grant, HardBudget, Key, Network, Place, Route, Snapshot, Target, UnitPrice

log = logging.getLogger(__name__)

# Which parts a notification of `tenants.changes` makes stale; any other kind means all of them.
PEOPLE, CATALOG, BOUNDS = "people", "catalog", "bounds"
STALE = {"key": {PEOPLE}, "grant": {PEOPLE}, "route": {CATALOG}, "price": {CATALOG}, "provider": {CATALOG},
         "limit": {BOUNDS}}  # fmt: skip

ALL = frozenset({PEOPLE, CATALOG, BOUNDS})

_KEYS = """
    SELECT k.prefix, k.secret_hash, k.name, k.environment_id, k.expires_at, k.revoked_at,
           nullif(k.allowed_routes, '{}'), nullif(k.allowed_networks, '{}'), k.id,
           k.holder_id IS NULL OR (u.is_active AND m.id IS NOT NULL)
      FROM tenants_apikey k
      LEFT JOIN tenants_user u ON u.id = k.holder_id
      LEFT JOIN tenants_membership m ON m.user_id = k.holder_id AND m.tenant_id = k.tenant_id
"""
_SHUT_OUT = "SELECT id FROM tenants_user WHERE NOT is_active"
_PLACES = """
    SELECT e.id, e.project_id, e.tenant_id, t.slug || '/' || p.slug || '/' || e.kind,
           (t.archived_at IS NOT NULL OR p.archived_at IS NOT NULL), t.is_demonstration
      FROM tenants_environment e
      JOIN tenants_project p ON p.id = e.project_id JOIN tenants_tenant t ON t.id = e.tenant_id
"""
_GRANTS = """
    SELECT DISTINCT ON (g.environment_id, r.slug)
           g.environment_id, r.slug, g.id, g.decision_id, least(g.expires_at, g.revoked_at)
      FROM access_grant g JOIN catalog_route r ON r.id = g.route_id
     ORDER BY g.environment_id, r.slug, least(g.expires_at, g.revoked_at) DESC NULLS FIRST, g.granted_at DESC
"""
_ROUTES = """
    SELECT r.id, r.slug, m.slug, r.is_enabled, r.created_at, m.max_output_tokens
      FROM catalog_route r JOIN catalog_model m ON m.id = r.model_id
"""
_TARGETS = """
    SELECT rt.route_id, d.id, p.slug, p.name, p.dialect, p.base_url, p.credential, d.upstream_name
      FROM catalog_routetarget rt JOIN catalog_deployment d ON d.id = rt.deployment_id
      JOIN catalog_provider p ON p.id = d.provider_id
     WHERE d.is_enabled ORDER BY rt.priority, d.id
"""
_PRICES = """
    SELECT deployment_id, id, currency, input_per_million, output_per_million, cached_input_per_million,
           valid_from, valid_until
      FROM usage_price
     WHERE (valid_until IS NULL OR valid_until > now())
       AND deployment_id IN (SELECT deployment_id FROM catalog_routetarget)
     ORDER BY valid_from DESC
"""
_LIMITS = """
    SELECT coalesce(l.key_id, l.environment_id, l.project_id, l.tenant_id), l.metric, l.amount FROM usage_limit l
"""
_BUDGETS = """
    SELECT coalesce(b.key_id, b.environment_id, b.project_id, b.tenant_id), b.id, b.amount, b.currency, b.span
      FROM usage_budget b WHERE b.is_hard ORDER BY b.id
"""
_BOUND_PLACES = """
    SELECT DISTINCT coalesce(b.key_id, b.environment_id, b.project_id, b.tenant_id),
           CASE WHEN b.key_id IS NOT NULL THEN 'the key “' || k.name || '”'
                WHEN b.environment_id IS NOT NULL THEN e.kind || ' of ' || ep.name
                WHEN b.project_id IS NOT NULL THEN 'the project ' || p.name
                ELSE 'the tenant ' || t.name END,
           t.slug
      FROM (SELECT tenant_id, project_id, environment_id, key_id FROM usage_limit
             UNION SELECT tenant_id, project_id, environment_id, key_id FROM usage_budget WHERE is_hard) b
      JOIN tenants_tenant t ON t.id = b.tenant_id
      LEFT JOIN tenants_project p ON p.id = b.project_id
      LEFT JOIN tenants_environment e ON e.id = b.environment_id LEFT JOIN tenants_project ep ON ep.id = e.project_id
      LEFT JOIN tenants_apikey k ON k.id = b.key_id
"""


async def connect() -> psycopg.AsyncConnection[Any]:
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


async def load(
    connection: psycopg.AsyncConnection[Any], held: Snapshot | None = None, kinds: Collection[str] = ()
) -> Snapshot:
    """A new snapshot; what `kinds` of notification do not concern is taken over from `held` (no kinds: nothing is)."""
    stale = set().union(*(STALE.get(kind, ALL) for kind in kinds)) if kinds else ALL
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if held is None or PEOPLE in stale:
            keys: Mapping[str, Key] = {row[0]: _key(row) for row in await _rows(connection, _KEYS)}
            places: Mapping[UUID, Place] = {row[0]: Place(*row) for row in await _rows(connection, _PLACES)}
            grants: Mapping[UUID, Mapping[str, Grant]] = await _grants(connection)
            shut_out: frozenset[UUID] = frozenset(row[0] for row in await _rows(connection, _SHUT_OUT))
        else:
            keys, places, grants, shut_out = held.keys, held.places, held.grants, held.shut_out
        routes = await _routes(connection) if held is None or CATALOG in stale else held.routes
        bounds = await _bounds(connection) if held is None or BOUNDS in stale else held.bounds
    return Snapshot(
        version=held.version + 1 if held else 1,
        loaded_at=dt.datetime.now(dt.UTC),
        keys=keys,
        places=places,
        grants=grants,
        routes=routes,
        bounds=bounds,
        shut_out=shut_out,
    )


def _key(row: Any) -> Key:
    prefix, secret_hash, name, environment_id, expires_at, revoked_at, routes, networks, key_id, is_held = row
    return Key(
        prefix,
        secret_hash,
        name,
        environment_id,
        expires_at,
        revoked_at,
        None if routes is None else frozenset(routes),
        None if networks is None else tuple(filter(None, map(_network, networks))),
        key_id,
        is_held,
    )


@lru_cache(4096)
def _network(text: str) -> Network | None:
    """None for what is none: its key is still narrowed, to the others that it names."""
    try:
        return ip_network(text)
    except ValueError:
        log.error("A key is narrowed to a network that cannot be read; it is left out.")
        return None


async def _grants(connection: psycopg.AsyncConnection[Any]) -> dict[UUID, dict[str, Grant]]:
    grants: dict[UUID, dict[str, Grant]] = defaultdict(dict)
    for environment_id, route, *grant in await _rows(connection, _GRANTS):
        grants[environment_id][route] = Grant(*grant)
    return dict(grants)


async def _bounds(connection: psycopg.AsyncConnection[Any]) -> dict[UUID, Bounds]:
    """What holds each place that has limits or hard budgets."""
    amounts: dict[UUID, dict[str, int]] = defaultdict(dict)
    for place, metric, amount in await _rows(connection, _LIMITS):
        amounts[place][metric] = amount
    budgets: dict[UUID, list[HardBudget]] = defaultdict(list)
    for place, *budget in await _rows(connection, _BUDGETS):
        budgets[place].append(HardBudget(*budget))
    return {
        place: Bounds(words, tenant, **amounts.get(place, {}), budgets=tuple(budgets.get(place, ())))
        for place, words, tenant in await _rows(connection, _BOUND_PLACES)
    }


async def _routes(connection: psycopg.AsyncConnection[Any]) -> dict[str, Route]:
    prices: dict[UUID, list[UnitPrice]] = defaultdict(list)
    for deployment_id, *price in await _rows(connection, _PRICES):
        prices[deployment_id].append(UnitPrice(*price))
    targets: dict[UUID, list[Target]] = defaultdict(list)
    for route_id, deployment_id, provider, name, dialect, base_url, credential, upstream_name in await _rows(
        connection, _TARGETS
    ):
        clear = _in_clear(provider, credential)
        if clear is not None:
            targets[route_id].append(
                Target(
                    deployment_id,
                    provider,
                    name,
                    dialect,
                    base_url.rstrip("/"),
                    clear,
                    upstream_name,
                    tuple(prices[deployment_id]),
                )
            )
    return {
        slug: Route(slug, model, f"/catalog/models/{model}/", is_enabled, created_at, tuple(targets[route_id]), longest)
        for route_id, slug, model, is_enabled, created_at, longest in await _rows(connection, _ROUTES)
    }


def _in_clear(provider: str, credential: bytes | None) -> str | None:
    """The credential that a provider is called with; None when it cannot be used, which is logged (not shown)."""
    if not credential:
        return ""
    try:
        clear = decrypt(bytes(credential)).strip()
    except Exception:  # whatever is wrong with one credential must not keep all other routes from being served
        log.exception("The credential of provider %s cannot be decrypted; its deployments are left out.", provider)
        return None
    if not clear.isprintable() or not clear.isascii():
        log.error("The credential of provider %s holds signs that no header may carry; it is left out.", provider)
        return None
    return clear


async def _rows(connection: psycopg.AsyncConnection[Any], query: str) -> list[Any]:
    cursor = await connection.execute(query)
    return await cursor.fetchall()
