"""The attributes of SCIM that have a column of their own, and how a column is compared (RFC 7644 §3.4.2.2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.db.models import Case, CharField, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Collate, Concat
from django.db.models.lookups import (
    Contains,
    EndsWith,
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    LessThan,
    LessThanOrEqual,
    StartsWith,
)
from scim2_models import InvalidFilterException
from scim2_models.path import CompareOperator

from tenants.directory.standing import ACTIVE
from tenants.models import DirectoryGroupMember
from tenants.scim.paths import folded
from tenants.scim.schema import ENTERPRISE, GROUP, USER

NEVER = Q(pk__in=[])
ORDERED = {
    CompareOperator.gt: GreaterThan, CompareOperator.ge: GreaterThanOrEqual, CompareOperator.lt: LessThan,
    CompareOperator.le: LessThanOrEqual,
}  # fmt: skip
PARTS = {CompareOperator.co: Contains, CompareOperator.sw: StartsWith, CompareOperator.ew: EndsWith}


@dataclass(frozen=True)
class Column:
    """An expression with what it holds; a `key` is an identifier of ours, `exact` text keeps its case, `words` are
    several such texts with spaces between them, a `whole` has parts and is compared with nothing itself."""

    expression: Any
    kind: Literal["text", "exact", "key", "time", "flag", "words", "whole"]


@dataclass(frozen=True)
class Rows:
    """What is a row of its own: the rows of the one at hand, and their columns by SCIM's names in lower case."""

    of: Callable[[], QuerySet[Any]]
    parts: dict[str, Column]


def _text(*parts: Any) -> Concat:
    return Concat(*parts, output_field=CharField())


def _both(kind: str, schemas: Any) -> dict[str, Column]:
    at = Value(f"{settings.PUBLIC_URL}/scim/v2/{kind}s/")
    return {
        "id": Column(F("pk"), "key"),
        "externalId": Column(F("external_id"), "exact"),
        "schemas": Column(schemas, "words"),
        "meta": Column(Value(kind), "whole"),
        "meta.resourceType": Column(Value(kind), "exact"),
        "meta.created": Column(F("created_at"), "time"),
        "meta.lastModified": Column(F("changed_at"), "time"),
        "meta.location": Column(_text(at, Cast(F("pk"), CharField())), "exact"),
        "meta.version": Column(_text(Value('W/"'), Cast(F("version"), CharField()), Value('"')), "exact"),
    }


_SCHEMAS_OF_USER = Case(
    When(attributes__has_key=ENTERPRISE, then=Value(f"{USER} {ENTERPRISE}")),
    default=Value(USER),
    output_field=CharField(),
)
COLUMNS: dict[str, dict[str, Column]] = {
    "User": _both("User", _SCHEMAS_OF_USER)
    | {"userName": Column(F("name_key"), "text"), "active": Column(ACTIVE, "flag")},
    "Group": _both("Group", Value(GROUP)) | {"displayName": Column(F("name_key"), "text")},
}
ROWS: dict[str, dict[str, Rows]] = {
    "User": {
        "groups": Rows(
            lambda: DirectoryGroupMember.objects.filter(person=OuterRef("pk")),
            {
                "value": Column(F("group_id"), "key"),
                "display": Column(F("group__name_key"), "text"),
                "type": Column(Value("direct"), "text"),
            },
        )
    },
    "Group": {
        "members": Rows(
            lambda: DirectoryGroupMember.objects.filter(group=OuterRef("pk")),
            {
                "value": Column(F("person_id"), "key"),
                "type": Column(Value("user"), "text"),
            },
        )
    },
}


def is_present(column: Column) -> Q:
    """Whether the column holds something."""
    return ~Q(Exact(column.expression, Value(""))) if column.kind in ("text", "exact") else ~NEVER


def compared(column: Column, op: CompareOperator, value: Any) -> Q:
    """The column beside a value of a filter. Raises `InvalidFilterException`."""
    if value is None:
        there = is_present(column)
        return {CompareOperator.eq: ~there, CompareOperator.ne: there}.get(op, NEVER)
    if op == CompareOperator.ne:
        return ~compared(column, CompareOperator.eq, value)
    if column.kind == "whole":
        return NEVER
    if column.kind == "words":
        return _among(column, op, value)
    if column.kind == "time":
        return _of_time(column, op, value)
    if column.kind == "flag":
        return Q(Exact(column.expression, Value(bool(value)))) if op == CompareOperator.eq else NEVER
    if not isinstance(value, str):
        return NEVER
    if column.kind == "key":
        return _of_key(column, op, value)
    wanted = Value(folded(value) if column.kind == "text" else value)
    if op == CompareOperator.eq:
        return Q(Exact(column.expression, wanted))
    if op in PARTS:
        return Q(PARTS[op](column.expression, wanted.value)) if wanted.value else is_present(column)
    return Q(ORDERED[op](Collate(column.expression, "C"), wanted))


def _among(column: Column, op: CompareOperator, value: Any) -> Q:
    """Whether one of several texts is `value`; of schemas nothing else is asked."""
    if op != CompareOperator.eq or not isinstance(value, str) or " " in value:
        return NEVER
    return Q(Contains(_text(Value(" "), column.expression, Value(" ")), f" {value} "))


def _of_time(column: Column, op: CompareOperator, value: Any) -> Q:
    if op in PARTS:
        return NEVER
    if not isinstance(value, dt.datetime):
        raise InvalidFilterException(detail="This attribute is compared with a time, as 2026-01-31T12:00:00Z.")
    wanted = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    return Q(
        Exact(column.expression, Value(wanted))
        if op == CompareOperator.eq
        else ORDERED[op](column.expression, Value(wanted))
    )


def _of_key(column: Column, op: CompareOperator, value: str) -> Q:
    if op == CompareOperator.eq:
        try:
            return Q(Exact(column.expression, Value(UUID(value))))
        except ValueError:
            return NEVER
    as_text = Cast(column.expression, CharField())
    return Q(PARTS[op](as_text, value)) if op in PARTS else Q(ORDERED[op](Collate(as_text, "C"), Value(value)))
