"""The rows that a snapshot is made of, in plain SQL: the ORM is not on the gateway's path.

Each reading takes a condition on its rows ("" for all of them), so that what changed can be read by itself. Long
results are made into values a thousand at a time, and whatever else the loop has to do comes in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from functools import lru_cache
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import psycopg

from access.conditions import kept_as
from gateway.prompting.kept import UNUSABLE, kept_prompting
from gateway.snapshot import Bounds, Grant, HardBudget, Key, Place, Route, Target, UnitPrice
from refusals import Refusal
from tenants.credentials import decrypt
from tenants.networks import Network

log = logging.getLogger(__name__)

type Connection = psycopg.AsyncConnection[Any]

AT_ONCE = 1000

KEYS = """
    SELECT k.prefix, k.secret_hash, k.name, k.environment_id, k.expires_at, k.revoked_at,
           nullif(k.allowed_routes, '{}'), nullif(k.allowed_networks, '{}'), k.id,
           k.holder_id IS NULL OR (u.is_active AND m.id IS NOT NULL)
      FROM tenants_apikey k
      LEFT JOIN tenants_user u ON u.id = k.holder_id
      LEFT JOIN tenants_membership m ON m.user_id = k.holder_id AND m.tenant_id = k.tenant_id
     WHERE true
"""
SHUT_OUT = "SELECT u.id FROM tenants_user u WHERE NOT u.is_active"
PLACES = """
    SELECT e.id, e.project_id, e.tenant_id, t.slug || '/' || p.slug || '/' || e.kind,
           (t.archived_at IS NOT NULL OR p.archived_at IS NOT NULL), t.is_demonstration,
           nullif(t.allowed_networks, '{}'), t.weight, nullif(e.data_classes, '{}')
      FROM tenants_environment e
      JOIN tenants_project p ON p.id = e.project_id JOIN tenants_tenant t ON t.id = e.tenant_id
     WHERE true
"""
GRANTS = """
    SELECT DISTINCT ON (g.environment_id, r.slug)
           g.environment_id, r.slug, g.id, g.decision_id, least(g.expires_at, g.revoked_at), coalesce(q.number, 0),
           nullif(g.conditions, '{}')
      FROM access_grant g JOIN catalog_route r ON r.id = g.route_id
      LEFT JOIN approvals_decision d ON d.id = g.decision_id LEFT JOIN approvals_request q ON q.id = d.request_id
     WHERE true
"""
_IN_FORCE_FIRST = """
     ORDER BY g.environment_id, r.slug, least(g.expires_at, g.revoked_at) DESC NULLS FIRST, g.granted_at DESC
"""
_ROUTES = """
    SELECT r.id, r.slug, m.slug, r.is_enabled, r.created_at, m.max_output_tokens, r.policy = 'latency',
           coalesce(f.slug, ''), r.regions, r.first_token_timeout_s, r.idle_timeout_s,
           coalesce(life.is_ending, m.status IN ('deprecated', 'retired')),
           CASE WHEN life.is_ending IS NULL THEN m.deprecated_on ELSE life.ends_on END
      FROM catalog_route r JOIN catalog_model m ON m.id = r.model_id LEFT JOIN catalog_route f ON f.id = r.fallback_id
      LEFT JOIN (SELECT rt.route_id, bool_and(v.lifecycle IN ('deprecated', 'retired')) AS is_ending,
                        CASE WHEN bool_and(coalesce(v.ends_on, v.deprecated_on) IS NOT NULL)
                             THEN max(coalesce(v.ends_on, v.deprecated_on)) END AS ends_on
                   FROM catalog_routetarget rt JOIN catalog_deployment d ON d.id = rt.deployment_id AND d.is_enabled
                   JOIN catalog_modelversion v ON v.id = d.version_id
                  GROUP BY rt.route_id) life ON life.route_id = r.id
"""
_TARGETS = """
    SELECT rt.route_id, d.id, p.slug, p.name, p.dialect, p.base_url, p.credential, d.upstream_name,
           m.max_output_tokens, m.slug, rt.priority, rt.weight, coalesce(nullif(d.region, ''), p.region),
           coalesce(d.context_tokens, m.context_tokens), d.drained_at IS NOT NULL, d.probe_asked_at,
           d.prompting,
           CASE WHEN d.data_classes <> '{}' AND p.data_classes <> '{}'  -- none in common: it may see nothing
                THEN ARRAY(SELECT unnest(d.data_classes) INTERSECT SELECT unnest(p.data_classes))
                ELSE coalesce(nullif(d.data_classes, '{}'), nullif(p.data_classes, '{}')) END
      FROM catalog_routetarget rt JOIN catalog_deployment d ON d.id = rt.deployment_id
      JOIN catalog_provider p ON p.id = d.provider_id
      JOIN catalog_route r ON r.id = rt.route_id JOIN catalog_model m ON m.id = r.model_id
     WHERE d.is_enabled ORDER BY rt.priority, rt.weight DESC, d.id
"""
_PRICES = """
    SELECT deployment_id, id, currency, input_per_million, output_per_million, cached_input_per_million,
           valid_from, valid_until, cache_write_per_million
      FROM usage_price
     WHERE (valid_until IS NULL OR valid_until > now())
       AND deployment_id IN (SELECT deployment_id FROM catalog_routetarget)
     ORDER BY valid_from DESC
"""
_PLACE = "coalesce(b.key_id, b.environment_id, b.project_id, b.tenant_id)"
_LIMITS = f"SELECT {_PLACE}, b.metric, b.amount FROM usage_limit b WHERE true"
_BUDGETS = f"SELECT {_PLACE}, b.id, b.amount, b.currency, b.span FROM usage_budget b WHERE b.is_hard"
_BOUND_PLACES = f"""
    SELECT DISTINCT {_PLACE},
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
     WHERE true
"""
_CAPACITIES = """
    SELECT coalesce(c.route_id, c.deployment_id), c.metric, c.amount,
           CASE WHEN c.route_id IS NOT NULL THEN 'the route ' || r.slug ELSE d.upstream_name || ' at ' || p.name END
      FROM usage_capacity c
      LEFT JOIN catalog_route r ON r.id = c.route_id
      LEFT JOIN catalog_deployment d ON d.id = c.deployment_id LEFT JOIN catalog_provider p ON p.id = d.provider_id
"""

# Conditions that narrow these, each with a list of keys as its one parameter.
KEY = "k.id = ANY(%s)"
KEY_OF_HOLDER = "k.holder_id = ANY(%s)"
KEY_OF_TENANT = "k.tenant_id = ANY(%s)"
USER = "u.id = ANY(%s)"
PLACE_OF_TENANT = "e.tenant_id = ANY(%s)"
GRANT_OF_ENVIRONMENT = "g.environment_id = ANY(%s)"
GRANT_OF_TENANT = "g.tenant_id = ANY(%s)"
BOUND_AT_PLACE = f"{_PLACE} = ANY(%s)"
BOUND_OF_TENANT = "b.tenant_id = ANY(%s)"


async def keys(connection: Connection, condition: str = "", of: Sequence[UUID] = ()) -> dict[str, Key]:
    """Keys by their prefix."""
    return {row[0]: _key(row) async for row in _rows(connection, KEYS, condition, of)}


async def places(connection: Connection, condition: str = "", of: Sequence[UUID] = ()) -> dict[UUID, Place]:
    """Environments by their key."""
    return {row[0]: _place(row) async for row in _rows(connection, PLACES, condition, of)}


async def grants(connection: Connection, condition: str = "", of: Sequence[UUID] = ()) -> dict[UUID, dict[str, Grant]]:
    """The grant that counts of each environment and route, by both."""
    found: dict[UUID, dict[str, Grant]] = defaultdict(dict)
    async for environment_id, route, *grant in _rows(connection, GRANTS, condition, of, _IN_FORCE_FIRST):
        if (made := _grant(*grant)) is not None:
            found[environment_id][route] = made
    return dict(found)


async def shut_out(connection: Connection, condition: str = "", of: Sequence[UUID] = ()) -> frozenset[UUID]:
    """Who is switched off."""
    return frozenset([row[0] async for row in _rows(connection, SHUT_OUT, condition, of)])


async def bounds(connection: Connection, condition: str = "", of: Sequence[UUID] = ()) -> dict[UUID, Bounds]:
    """What holds each place that has limits or hard budgets."""
    amounts: dict[UUID, dict[str, int]] = defaultdict(dict)
    async for place, metric, amount in _rows(connection, _LIMITS, condition, of):
        amounts[place][metric] = amount
    budgets: dict[UUID, list[HardBudget]] = defaultdict(list)
    async for place, *budget in _rows(connection, _BUDGETS, condition, of, " ORDER BY b.id"):
        budgets[place].append(HardBudget(*budget))
    return {
        place: Bounds.of(words, tenant, amounts.get(place, {}), budgets=tuple(budgets.get(place, ())))
        async for place, words, tenant in _rows(connection, _BOUND_PLACES, condition, of)
    }


async def capacities(connection: Connection) -> dict[UUID, Bounds]:
    """What each route and deployment takes of all tenants together, where somebody has set it."""
    amounts: dict[UUID, dict[str, int]] = defaultdict(dict)
    called: dict[UUID, str] = {}
    async for subject, metric, amount, words in _rows(connection, _CAPACITIES):
        amounts[subject][metric] = amount
        called[subject] = words
    return {each: Bounds.of(words, "", amounts[each]) for each, words in called.items()}


async def routes(connection: Connection) -> dict[str, Route]:
    """Every route with its deployments and their prices, by its name."""
    prices: dict[UUID, list[UnitPrice]] = defaultdict(list)
    async for deployment_id, *price in _rows(connection, _PRICES):
        prices[deployment_id].append(UnitPrice(*price))
    targets: dict[UUID, list[Target]] = defaultdict(list)
    async for route_id, *row, prompting, classes in _rows(connection, _TARGETS):
        if (target := _target([*row, await kept_prompting(prompting), classes], prices)) is not None:
            targets[route_id].append(target)
    return {row[1]: _route(row, tuple(targets[row[0]])) async for row in _rows(connection, _ROUTES)}


def _target(row: Any, prices: dict[UUID, list[UnitPrice]]) -> Target | None:
    deployment_id, provider, name, dialect, base_url, credential, upstream, *facts, classes = row
    clear = _in_clear(provider, credential)
    if clear is None or facts[-1] is UNUSABLE:
        return None
    priced = tuple(prices[deployment_id])
    facts.append(None if classes is None else frozenset(classes))
    return Target(deployment_id, provider, name, dialect, base_url.rstrip("/"), clear, upstream, priced, *facts)


def _route(row: Any, targets: tuple[Target, ...]) -> Route:
    (
        key, slug, model, is_enabled, created_at, longest, by_latency, fallback, regions, first_token_s, idle_s,
        is_ending, ends_on,
    ) = row  # fmt: skip
    return Route(
        slug, model, f"/catalog/models/{model}/", is_enabled, created_at, targets, longest, by_latency, fallback,
        tuple(regions), first_token_s, idle_s, key, is_ending, ends_on,
    )  # fmt: skip


def _grant(grant_id: UUID, decision_id: UUID | None, ends_at: Any, request: int, conditions: Any) -> Grant | None:
    """None where its conditions cannot be read, which is logged: then it allows nothing."""
    try:
        return Grant(grant_id, decision_id, ends_at, request, kept_as(conditions) if conditions else None)
    except Refusal as refusal:
        log.error("The conditions of the grant %s cannot be read, so it is left out: %s", grant_id, refusal.sentence)
        return None


def _key(row: Any) -> Key:
    prefix, secret_hash, name, environment_id, expires_at, revoked_at, only, networks, key_id, is_held = row
    return Key(
        prefix,
        secret_hash,
        name,
        environment_id,
        expires_at,
        revoked_at,
        None if only is None else frozenset(only),
        _networks(networks),
        key_id,
        is_held,
    )


def _place(row: Any) -> Place:
    environment_id, project_id, tenant_id, path, is_archived, is_demonstration, networks, weight, classes = row
    return Place(
        environment_id, project_id, tenant_id, path, is_archived, is_demonstration, _networks(networks), weight,
        None if classes is None else frozenset(classes),
    )  # fmt: skip


def _networks(texts: Sequence[str] | None) -> tuple[Network, ...] | None:
    return None if texts is None else tuple(filter(None, map(_network, texts)))


@lru_cache(4096)
def _network(text: str) -> Network | None:
    """None for what is none: its key or tenant is still narrowed, to the others that it names."""
    try:
        return ip_network(text)
    except ValueError:
        log.error("A key or tenant names a network that cannot be read; it is left out.")
        return None


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


async def _rows(
    connection: Connection, query: str, condition: str = "", of: Sequence[UUID] = (), order: str = ""
) -> AsyncIterator[Any]:
    narrowed = f"{query} AND {condition}" if condition else query
    cursor = await connection.execute(narrowed + order, [list(of)] if condition else None)
    while found := await cursor.fetchmany(AT_ONCE):
        for row in found:
            yield row
        await asyncio.sleep(0)
