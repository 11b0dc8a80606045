"""A large Atrium to measure in: 10,000 catalog entries, 1,000 tenants, 1 million calls, made inside the database.

Rows are computed from their number, so two runs make the same. `python -m benchmarks.scale` fills the database that
`DATABASE_URL` names (it must be empty and migrated); `benchmarks.pages` makes one of its own.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from usage.spans import ORIGIN, SPANS

ROUTES = 60
PEOPLE_PER_TENANT = 3
DAYS = 180


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    models: int = 10_000
    tenants: int = 1_000
    calls: int = 1_000_000
    entries: int = 20_000
    people: int = PEOPLE_PER_TENANT  # of a tenant
    keys: int = 1  # of an environment; the calls are those of the first
    memberships: int = 1  # of a person; each is an owner with eight permissions


def build(size: Size = Size()) -> None:
    """Fill the database and gather statistics; prints how long each part took."""
    from django.db import connection, transaction

    _let_columns_be_left_out()
    for name, part in (("people and tenants", _tenants), ("calls", _calls)):
        started = time.perf_counter()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            for statement in part(size):
                cursor.execute(statement)
        print(f"{name}: {time.perf_counter() - started:.1f} s", flush=True)
    started = time.perf_counter()
    _catalog(size)
    _index_words()
    _audit(size)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    print(f"catalog, audit, statistics: {time.perf_counter() - started:.1f} s", flush=True)


def _let_columns_be_left_out() -> None:
    """Give the database the defaults that only the code knows, so that statements name what they mean to fill."""
    from django.apps import apps
    from django.db import connection
    from django.db.models import NOT_PROVIDED

    with connection.cursor() as cursor:
        for model in apps.get_models():
            for field in model._meta.concrete_fields:
                value = field.default
                if value is NOT_PROVIDED or (callable(value) and value is not list) or value is None:
                    value = "" if field.empty_strings_allowed and not field.null and not field.remote_field else None
                if value is None or field.primary_key or field.has_db_default():
                    continue
                literal = "'{}'" if value is list else "'" + str(getattr(value, "value", value)) + "'"
                cursor.execute(
                    f'ALTER TABLE "{model._meta.db_table}" ALTER COLUMN "{field.column}" SET DEFAULT {literal}'
                )


def key(kind: str, number: str) -> str:
    """SQL of the identifier of row `number` (SQL) of `kind`."""
    return f"md5('{kind}' || ({number}))::uuid"


def _tenants(size: Size) -> Iterator[str]:
    yield f"""
        INSERT INTO tenants_tenant (id, slug, name, cost_centre, is_demonstration, created_at)
        SELECT {key("tenant", "n")}, 'tenant-' || n, 'Tenant ' || n, 'CC-' || n, false, now()
          FROM generate_series(0, {size.tenants - 1}) n"""
    yield f"""
        INSERT INTO tenants_user (id, password, is_superuser, username, first_name, last_name, email, is_staff,
            is_active,
                                  date_joined, display_name, time_zone, theme, is_demonstration)
        SELECT {key("user", "n")}, '!', false, 'person-' || n, '', '', '', false, true, now(), 'Person ' || n, 'UTC',
               'system', false FROM generate_series(0, {size.tenants * size.people - 1}) n"""
    yield f"""
        INSERT INTO tenants_membership (id, tenant_id, user_id, role, created_at)
        SELECT {key("membership", f"n * {size.memberships} + k")},
               {key("tenant", f"(n / {size.people} + k * 77) % {size.tenants}")}, {key("user", "n")}, 'owner', now()
          FROM generate_series(0, {size.tenants * size.people - 1}) n, generate_series(0, {size.memberships - 1}) k"""
    yield """
        INSERT INTO guardian_userobjectpermission (object_pk, content_type_id, permission_id, user_id)
        SELECT m.tenant_id::text, p.content_type_id, p.id, m.user_id
          FROM tenants_membership m, auth_permission p
          JOIN django_content_type c ON c.id = p.content_type_id AND c.app_label = 'tenants' AND c.model = 'tenant'
         WHERE p.codename IN ('view_tenant', 'use_models', 'request_access', 'manage_tenant', 'manage_members',
                              'manage_keys', 'view_usage', 'view_tenant_audit')"""
    yield f"""
        INSERT INTO tenants_project (id, tenant_id, slug, name, purpose, created_at)
        SELECT {key("project", "n")}, {key("tenant", "n / 2")}, 'project-' || n, 'Project ' || n, '', now()
          FROM generate_series(0, {size.tenants * 2 - 1}) n"""
    yield f"""
        INSERT INTO tenants_environment (id, tenant_id, project_id, kind, created_at)
        SELECT {key("environment", "n * 3 + k")}, {key("tenant", "n / 2")}, {key("project", "n")},
               (ARRAY['development', 'test', 'production'])[k + 1], now()
          FROM generate_series(0, {size.tenants * 2 - 1}) n, generate_series(0, 2) k"""
    yield f"""
        INSERT INTO tenants_apikey (id, tenant_id, environment_id, name, prefix, secret_hash, created_at)
        SELECT {key("apikey", "n")}, {key("tenant", "n / 6")}, {key("environment", "n")}, 'Key ' || n,
               'atrium_dev_' || lpad(n::text, 12, '0'), repeat('0', 64), now()
          FROM generate_series(0, {size.tenants * 6 - 1}) n"""
    if size.keys > 1:
        environment = f"n / {size.keys}"
        tenant = f"(n / {size.keys}) / 6"
        holder = key("user", f"{tenant} * {size.people} + n % {size.people}")
        yield f"""
        INSERT INTO tenants_apikey (id, tenant_id, environment_id, name, prefix, secret_hash, created_at, holder_id)
        SELECT {key("apikey", "n")}, {key("tenant", tenant)}, {key("environment", environment)},
               'Key ' || n, 'atrium_dev_k' || lpad(n::text, 11, '0'), repeat('0', 64), now(),
               CASE WHEN n % 2 = 0 THEN {holder} END
          FROM generate_series({size.tenants * 6}, {size.tenants * 6 * size.keys - 1}) n"""


def _catalog(size: Size) -> None:
    from django.utils import timezone

    from catalog.models import Deployment, Model, ModelVersion, Provider, Route, RouteTarget
    from usage.models import Price

    now, hour = timezone.now(), dt.timedelta(hours=1)
    purposes = (
        "Answers questions about contracts", "Writes and reviews code", "Summarises long documents",
        "Translates between forty languages", "Reads images and tables", "Extracts fields from forms",
    )  # fmt: skip
    abilities, numbers = ["tools", "vision", "json_schema", "reasoning"], range(size.models)
    providers = [Provider(slug=f"provider-{n}", name=f"Provider {n}") for n in range(40)]
    models = [
        Model(
            slug=f"model-{n}",
            name=f"Model {n}",
            developer=f"Maker {n % 50}",
            purpose=purposes[n % 6],
            description=f"A model of the family {n // 20} with {n % 70} billion parameters.",
            licence=("Apache-2.0", "MIT", "Proprietary")[n % 3],
            capabilities=abilities[: n % 5],
            modalities_in=["text"],
            modalities_out=["text"],
            context_tokens=8192 * (n % 16 + 1),
            listed_at=now - n * hour,
            provider_slugs=[f"provider-{n % 40}"],
            recent_calls=n % 1000,
            input_price=Decimal(n % 200) / 20,
            output_price=Decimal(n % 200) / 5,
        )
        for n in numbers
    ]
    versions = [ModelVersion(model=model, label="1") for model in models]
    deployments = [
        Deployment(version=version, provider=providers[n % 40], upstream_name=models[n].slug)
        for n, version in enumerate(versions)
    ]
    prices = [
        Price(
            deployment=deployment,
            input_per_million=models[n].input_price,
            output_per_million=models[n].output_price,
            valid_from=now - dt.timedelta(days=365),
            source="bench",
        )
        for n, deployment in enumerate(deployments)
    ]
    routes = [Route(slug=model.slug, model=model) for model in models[:ROUTES]]
    targets = [RouteTarget(route=route, deployment=deployments[n]) for n, route in enumerate(routes)]
    for rows in (providers, models, versions, deployments, prices, routes, targets):
        type(rows[0])._default_manager.bulk_create(rows, batch_size=1000)  # type: ignore[attr-defined]


def _calls(size: Size) -> Iterator[str]:
    yield "SELECT setseed(0.5)"
    # A few tenants and routes have most of the calls, as in life. `n` is kept in the columns, so that the draw is one.
    yield f"""
        CREATE TEMPORARY TABLE drawn ON COMMIT DROP AS
        SELECT n, floor({size.tenants} * power(random(), 2))::int AS tenant, floor({ROUTES} * power(random(),
            3))::int AS route,
               floor(6 * random())::int AS environment, floor({size.people} * random())::int AS person,
               now() - random() * interval '{DAYS} days' AS started_at, random() AS luck,
               floor(2000 * random())::int AS input, floor(800 * random())::int AS output
          FROM generate_series(1, {size.calls}) n"""
    with _without_indexes("usage_call") as statements:
        yield from statements.dropped
        yield f"""
            INSERT INTO usage_call (id, tenant_id, project_id, environment_id, key_prefix, key_name, user_id,
                user_label,
                origin, route, model_slug, provider, upstream_name, request_id, outcome, status, error_code,
                    error_message,
                finish_reason, is_streamed, started_at, first_token_ms, duration_ms, input_tokens, output_tokens,
                cached_input_tokens, reasoning_tokens, usage_source, price_id, input_per_million,
                    output_per_million, cost,
                currency, is_demonstration)
            SELECT {key("call", "n")}, {key("tenant", "tenant")}, {key("project", "tenant * 2 + environment / 3")},
                   {key("environment", "tenant * 6 + environment")},
                   CASE WHEN luck < 0.7 THEN 'atrium_dev_'
                       || lpad((tenant * 6 + environment)::text, 12, '0') ELSE '' END,
                   CASE WHEN luck < 0.7 THEN 'Key ' || tenant * 6 + environment ELSE '' END,
                   CASE WHEN luck < 0.7 THEN NULL ELSE {key("user", f"tenant * {size.people} + person")} END,
                   CASE WHEN luck < 0.7 THEN '' ELSE 'Person ' || tenant * {size.people} + person END,
                   CASE WHEN luck < 0.7 THEN 'api' ELSE 'playground' END,
                   'model-' || route, 'model-' || route, 'provider-' || route % 40, 'model-' || route, 'r-' || n,
                   CASE WHEN luck BETWEEN 0.5 AND 0.515 THEN 'failed' ELSE 'ok' END,
                   CASE WHEN luck BETWEEN 0.5 AND 0.515 THEN 502 ELSE 200 END, '', '', 'stop', true, started_at,
                   200 + input / 10, 400 + output * 8, input, output, 0, 0, 'provider', NULL,
                   (route % 200) / 20.0, (route % 200) / 5.0,
                   (input * (route % 200) / 20.0 + output * (route % 200) / 5.0) / 1000000, 'USD', false
              FROM drawn ORDER BY started_at"""
        yield from statements.made
    sums = """count(*), count(*) FILTER (WHERE outcome IN ('failed', 'interrupted')),
        count(*) FILTER (WHERE cost IS NULL),
              sum(input_tokens), sum(output_tokens), sum(duration_ms), coalesce(sum(cost), 0)"""
    columns = "calls, errors, unpriced, input_tokens, output_tokens, duration_ms, cost"
    group = "tenant_id, project_id, environment_id, key_prefix, user_id, route, provider, currency, is_demonstration"
    yield f"""
        INSERT INTO usage_rollup (day, {group}, {columns})
        SELECT (started_at AT TIME ZONE 'UTC')::date AS day, {group}, {sums} FROM usage_call GROUP BY 1, {group}
            ORDER BY 1"""
    for dimension, value in (
        ("tenant", "c.tenant_id::text"), ("environment", "e.kind"), ("route", "route"),
        ("provider", "provider"),
    ):  # fmt: skip
        for span in SPANS:
            day = "(started_at AT TIME ZONE 'UTC')::date"
            yield f"""
            INSERT INTO usage_platformrollup (dimension, span, day, value, currency, is_demonstration, {columns})
            SELECT '{dimension}', {span}, {day} - ({day} - DATE '{ORIGIN}') % {span}, {value}, currency,
                   is_demonstration, {sums}
              FROM usage_call c JOIN tenants_environment e ON e.id = c.environment_id
             GROUP BY 3, 4, 5, 6 ORDER BY 3"""


@dataclass(frozen=True)
class Statements:
    """What takes the indexes of a table away and what makes them again."""

    dropped: list[str]
    made: list[str]


@contextmanager
def _without_indexes(table: str) -> Iterator[Statements]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexname NOT LIKE '%%_pkey'", [table]
        )
        found = cursor.fetchall()
    yield Statements([f"DROP INDEX {name}" for name, _ in found], [definition for _, definition in found])


def _index_words() -> None:
    from catalog.indexing import index, words_of
    from catalog.models import Model

    index(words_of(model) for model in Model.objects.all())


def _audit(size: Size) -> None:
    """Entries over the last days, chained as `audit.record` chains them."""
    from audit.hashing import entry_hash, head_code, opening_hash
    from audit.models import DayHead, Entry

    today, before, days = dt.datetime.now(dt.UTC).date(), None, 20
    if size.entries < days:
        return
    for number in range(days):
        day = today - dt.timedelta(days=days - number)
        head = DayHead(day=day, entries=0, last_hash="")
        if before is not None:
            head.previous_day, head.previous_hash = before.day, before.last_hash
        link, rows = opening_hash(day, head.previous_hash), []
        for place in range(1, size.entries // days + 1):
            entry = Entry(
                day=day,
                sequence=place,
                at=dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(seconds=place),
                actor_kind="user",
                actor_label=f"Person {place % 300}",
                verb=("key.issued", "key.revoked", "grant.made", "request.approved")[place % 4],
                subject_kind="key",
                subject_id=str(place),
                subject_label=f"Key {place}",
                tenant=f"tenant-{place % 100}",
                facts={"place": place},
                previous_hash=link,
            )
            entry.hash = link = entry_hash(entry)
            rows.append(entry)
        Entry.objects.bulk_create(rows, batch_size=1000)
        head.entries, head.last_hash = len(rows), link
        head.mac = head_code(head)
        head.save()
        before = head


def main() -> None:
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from tenants.scope import everything

    with everything("a measurement makes its data"):
        build()


if __name__ == "__main__":
    main()
