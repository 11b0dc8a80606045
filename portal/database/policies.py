"""The wall in the database: each table of tenants shows a statement only the rows within the scope it is sent in.

PostgreSQL's row-level security, forced, so that it holds for the owner of the tables too. The wall in this process
(`portal.database.wall`) sends the tenants in reach with every statement, as the setting `atrium.tenants`: `*` for
every one, else an array of their identifiers. Where nothing was sent there are no rows, and none can be written.

The policies are made from the models (`tenants.owned`), after every migration, so no table can be forgotten.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.db.utils import DEFAULT_DB_ALIAS

from tenants.models import Tenant
from tenants.owned import owned_models
from tenants.scope import everything

SETTING = "atrium.tenants"
EVERY = "*"
POLICY = "within_the_scope"
# In a policy's comment, between what it was made from and what the database made of it.
_AND_STANDS = ", and stands as "

_SENT = f"current_setting('{SETTING}', true)"
# Each a SELECT, which a statement asks once and not for each row: reading the identifiers takes longer than comparing.
_EVERY = f"(SELECT {_SENT} = '{EVERY}')"
_IDENTIFIERS = f"(SELECT CASE {_SENT} WHEN '{EVERY}' THEN NULL WHEN '' THEN NULL ELSE {_SENT}::uuid[] END)"
_IN_REACH = f"{_IDENTIFIERS}::uuid[]"  # said once more, else ANY would look for an array among the rows of the SELECT

# A policy as it stands, whatever was written down when it was made.
_STANDS = """md5(concat_ws('|', p.polcmd, p.polpermissive, p.polroles::text,
                 pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)))"""
_STANDING = f"""
    SELECT c.relname, array_agg(p.polname) FILTER (WHERE p.polname IS NOT NULL),
           CASE WHEN c.relrowsecurity AND c.relforcerowsecurity AND count(p.oid) = 1
                THEN min(obj_description(p.oid, 'pg_policy')) END,
           min({_STANDS})
      FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid
     WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(%s)
     GROUP BY c.oid
"""


@dataclass(frozen=True)
class Standing:
    """The policies that a table has, and what its only one was made from; None where it has none, several, or one that
    was altered since."""

    names: tuple[str, ...]
    made_from: str | None


def condition(model: type[Model]) -> str:
    """The condition under which a row of `model` is within the scope, as SQL. A row of no tenant is within each, unless
    its model says `rows_of_no_tenant_are_shared = False`: then it is within that of everything alone.

    What belongs to a row of another table is within the scope where that row is, which its own policy decides.
    """
    owner = owner_of(model)
    if model is Tenant or owner.name == "tenant":
        found = f"""coalesce("{owner.column}" = ANY ({_IN_REACH}), false)"""
        if owner.null and getattr(model, "rows_of_no_tenant_are_shared", True):
            found = f"""({found} OR "{owner.column}" IS NULL AND {_IN_REACH} IS NOT NULL)"""
    else:
        above = owner.related_model._meta
        found = f"""EXISTS (SELECT FROM "{above.db_table}" above WHERE above."{above.pk.column}" = "{owner.column}")"""
    return f"CASE WHEN {_EVERY} THEN true ELSE {found} END"


def owner_of(model: type[Model]) -> Any:
    """The field of `model` that leads to the tenant that owns a row, or to the row that a tenant owns."""
    through: str = getattr(model, "owned_through", "")
    return model._meta.pk if model is Tenant else model._meta.get_field(through or "tenant")


def missing(using: Any) -> list[tuple[str, str]]:
    """The tables whose policy is not the one the models ask for, each with what is wrong."""
    standing = _standing(using)
    return [
        (table, "lacks its policy of row-level security, forced: run atrium prepare")
        for table, rule in _wanted().items()
        if table not in standing or standing[table].made_from != _note(rule)
    ]


@everything("walls are built for every tenant")
def install(using: Any) -> list[str]:
    """Give every tenant-owned table its policy, where it is missing or another one, on the connection `using`.

    Returns the tables that were changed. A table that is not there yet is left out.
    """
    changed: list[str] = []
    with transaction.atomic(using=using.alias), using.cursor() as cursor:
        standing = _standing(using)
        for table, rule in _wanted().items():
            if table not in standing or standing[table].made_from == _note(rule):
                continue
            for name in standing[table].names:
                cursor.execute(f'DROP POLICY {using.ops.quote_name(name)} ON "{table}"')
            cursor.execute(
                f"""
                ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY;
                ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY;
                CREATE POLICY {POLICY} ON "{table}" USING ({rule}) WITH CHECK ({rule});
                """
            )
            cursor.execute(f"SELECT {_STANDS} FROM pg_policy p WHERE p.polrelid = %s::regclass", [f'"{table}"'])
            note = f"{_note(rule)}{_AND_STANDS}{cursor.fetchone()[0]}"
            cursor.execute(f"COMMENT ON POLICY {POLICY} ON \"{table}\" IS '{note}'")
            changed.append(table)
    return changed


def _wanted() -> dict[str, str]:
    return {model._meta.db_table: condition(model) for model in owned_models()}


def _standing(using: Any) -> dict[str, Standing]:
    """The tables that are there."""
    found = {}
    with using.cursor() as cursor:
        cursor.execute(_STANDING, [list(_wanted())])
        for table, names, note, stands in cursor.fetchall():
            made_from, _, stood = (note or "").partition(_AND_STANDS)
            found[table] = Standing(tuple(names or ()), made_from if stood == stands else None)
    return found


def _note(rule: str) -> str:
    return f"made from the models, {hashlib.sha256(rule.encode()).hexdigest()[:16]}"


def after_migrations(using: str = DEFAULT_DB_ALIAS, **signal: Any) -> None:
    """Keep the policies true to the models; a receiver of `post_migrate`."""
    from django.db import connections

    install(connections[using])
