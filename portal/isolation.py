"""Whether both walls between tenants stand: what the code and the database's catalog say, and an attack on each table.

Every attack runs in a transaction that is rolled back, on one row at a time, so it may be run on a portal at work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Model
from psycopg import sql

from portal.database import policies, privileges, ways_round
from tenants import scope
from tenants.models import Tenant
from tenants.owned import owned_models, path_to_tenant

INSUFFICIENT_PRIVILEGE = "42501"  # what PostgreSQL answers to a row that a policy refuses

# Tables that lead to a tenant by foreign keys: what the catalog says, whatever the code does.
_LEADING = """
    WITH RECURSIVE led AS (
        SELECT %s::regclass::oid AS relation
        UNION
        SELECT c.conrelid FROM pg_constraint c JOIN led l ON c.confrelid = l.relation
         WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace
    )
    SELECT relation::regclass::text FROM led
"""


@dataclass(frozen=True)
class Hole:
    """`table` (or the database's role) and what is wrong with it, in a sentence."""

    table: str
    words: str


@dataclass(frozen=True)
class Verdict:
    """The tables that were looked at, how many attacks were made, the tables among them that hold no row to be
    attacked, and the holes found."""

    tables: tuple[str, ...]
    attacks: int
    empty: tuple[str, ...]
    holes: tuple[Hole, ...]


def verify() -> Verdict:
    """Look at every tenant-owned table and attack it with a foreign scope."""
    holes = [*_unsaid(), *standing()]
    attacks, empty = 0, []
    for model in owned_models():
        table = model._meta.db_table
        for attack in (_past_the_code, _read_and_change, _without_a_scope, _write_into):
            try:
                holes += [Hole(table, words) for words in attack(model)]
                attacks += 1
            except _NoRow:
                empty.append(table)
    tables = tuple(model._meta.db_table for model in owned_models())
    return Verdict(tables, attacks, tuple(dict.fromkeys(empty)), tuple(holes))


def standing() -> list[Hole]:
    """What the database's catalog says of the walls; quick."""
    told = (*policies.missing(connection), *_of_the_role(), *ways_round.find(connection, policies.SETTING))
    return [Hole(table, words) for table, words in told]


def _unsaid() -> Iterator[Hole]:
    """Models that do not say whose their rows are, and tables that lead to a tenant and are held to be shared."""
    by_table = {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}
    for table, model in by_table.items():
        ours = (settings.BASE_DIR / model._meta.app_label / "models.py").is_file()
        says = model._meta.auto_created or path_to_tenant(model) or getattr(model, "shared_because", "")
        if ours and not says:
            yield Hole(table, "does not say whether its rows belong to tenants (tenants/owned.py)")
    with connection.cursor() as cursor:
        cursor.execute(_LEADING, [Tenant._meta.db_table])
        leading = {name.strip('"') for (name,) in cursor.fetchall()}
    for table in sorted(leading):
        found = by_table.get(table)
        if found is None:
            yield Hole(table, "leads to a tenant and is unknown to this code")
        elif not path_to_tenant(found):
            yield Hole(table, "leads to a tenant by a foreign key, and is held to be shared")


def _of_the_role() -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        name, is_above = cursor.fetchone()
    if is_above:
        yield f"role {name}", "stands above row-level security: give the portal a role that is no superuser"
    elif owned := privileges.owned_by(connection, name):
        yield f"role {name}", f"owns {owned} tables and could take their policies down: set DATABASE_OWNER_URL"


def _past_the_code(model: type[Model]) -> Iterator[str]:
    """Wall one: touched outside every scope."""
    with scope.within(None):
        try:
            model._default_manager.exists()
        except scope.Unscoped:
            return
    yield "was read although nobody said for whom"


class _NoRow(Exception):
    """There is nothing to be attacked: of the policy only its text was read."""


class _Attack:
    """A transaction of its own, never committed, in which a scope is sent by hand, past the code's wall."""

    def __init__(self) -> None:
        self._atomic = transaction.atomic()

    def __enter__(self) -> _Attack:
        self._atomic.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        transaction.set_rollback(True)
        self._atomic.__exit__(*raised)

    def send(self, reach: str) -> None:
        self.run("SELECT set_config(%s, %s, true)", [policies.SETTING, reach])

    def run(self, statement: Any, parameters: Any = None) -> psycopg.Cursor[Any]:
        raw: psycopg.Connection[Any] = connection.connection
        return raw.execute(statement, parameters)

    def rows(self, statement: Any, parameters: Any = None) -> int:
        """How many rows were read or changed; none where the database refused."""
        try:
            with connection.connection.transaction():
                return self.run(statement, parameters).rowcount
        except psycopg.errors.InsufficientPrivilege:
            return 0
        except psycopg.errors.RaiseException:  # a trigger forbade it, before a policy was asked
            return 0


def _victim(model: type[Model], attack: _Attack) -> str:
    """Where a row of some tenant lies. Raises `_NoRow`."""
    attack.send(policies.EVERY)
    owned = _owner(model)
    statement = sql.SQL("SELECT ctid::text FROM {} WHERE {} IS NOT NULL LIMIT 1").format(_table(model), owned)
    found = attack.run(statement).fetchone()
    if found is None:
        raise _NoRow
    return str(found[0])


def _read_and_change(model: type[Model]) -> Iterator[str]:
    """Wall two: a row of some tenant, within the scope of another."""
    with _Attack() as attack:
        victim = _victim(model, attack)
        attack.send(_array(uuid4()))
        yield from _taken(model, attack, victim, "a foreign scope")


def _without_a_scope(model: type[Model]) -> Iterator[str]:
    """Wall two: a row of some tenant, when no scope was sent."""
    with _Attack() as attack:
        victim = _victim(model, attack)
        attack.run(f"RESET {policies.SETTING}")  # what is in force where nothing is sent
        yield from _taken(model, attack, victim, "no scope")


def _taken(model: type[Model], attack: _Attack, victim: str, within: str) -> Iterator[str]:
    table, owner = _table(model), _owner(model)
    tried = {
        "read": sql.SQL("SELECT FROM {} WHERE ctid = %s::tid").format(table),
        "changed": sql.SQL("UPDATE {} SET {} = {} WHERE ctid = %s::tid").format(table, owner, owner),
        "deleted": sql.SQL("DELETE FROM {} WHERE ctid = %s::tid").format(table),
    }
    for done, statement in tried.items():
        if attack.rows(statement, [victim]):
            yield f"a row was {done} within {within}"


def _write_into(model: type[Model]) -> Iterator[str]:
    """Wall two: a new row for a tenant outside the scope. Of the refusals only the policy's proves anything."""
    statement = sql.SQL("INSERT INTO {} ({}) VALUES (%s)").format(_table(model), _owner(model))
    with _Attack() as attack:
        attack.send(_array(uuid4()))
        try:
            with connection.connection.transaction():
                attack.run(statement, [_value(model)])
        except psycopg.Error as error:
            if error.sqlstate != INSUFFICIENT_PRIVILEGE:
                yield f"a row for another tenant was not refused by its policy, but: {_first_line(error)}"
            return
    yield "a row was written for another tenant"


def _table(model: type[Model]) -> sql.Identifier:
    return sql.Identifier(model._meta.db_table)


def _owner(model: type[Model]) -> sql.Identifier:
    return sql.Identifier(policies.owner_of(model).column)


def _value(model: type[Model]) -> Any:
    """A key that no owner has, of the type of the column that leads to the owner."""
    above: Any = policies.owner_of(model)
    while above.remote_field:
        above = above.target_field
    return uuid4() if above.get_internal_type() == "UUIDField" else -1


def _array(tenant: UUID) -> str:
    return f"{{{tenant}}}"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
