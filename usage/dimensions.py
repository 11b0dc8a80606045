"""By what usage is broken down: the one table of dimensions, and what their values are called."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tenants.models import ApiKey, Project, Tenant, User
from usage.filters import PLAYGROUND


@dataclass(frozen=True)
class Dimension:
    """A dimension: its name in addresses, its head, the column of `Rollup`, whether `PlatformRollup` holds it, what a
    row leads to when it is opened."""

    slug: str
    label: str
    field: str
    on_platform: bool
    opens: str


@dataclass(frozen=True)
class Name:
    """What a value is called, and how an address says it (empty: it cannot be filtered by)."""

    label: str
    value: str


DIMENSIONS = {
    dimension.slug: dimension
    for dimension in (
        Dimension("day", "Day", "day", True, "route"),
        Dimension("route", "Route", "route", True, "project"),
        Dimension("tenant", "Tenant", "tenant_id", True, "project"),
        Dimension("project", "Project", "project_id", False, "environment"),
        Dimension("environment", "Environment", "environment__kind", True, "route"),
        Dimension("key", "Key", "key_prefix", False, "route"),
        Dimension("person", "Person", "user_id", False, "route"),
        Dimension("provider", "Provider", "provider", True, "route"),
    )
}


def names(dimension: Dimension, values: Iterable[Any]) -> dict[Any, Name]:
    """What each of `values` is called. One query where a value is a key of another table, else none."""
    values = list(values)
    match dimension.slug:
        case "tenant":
            rows = Tenant.objects.filter(pk__in=[v for v in values if v]).order_by().values_list("pk", "name", "slug")
            tenants = {key: Name(*called) for key, *called in rows}
            return {v: tenants[_key(v)] for v in values if v and _key(v) in tenants}
        case "project":
            projects = Project.objects.select_related("tenant").in_bulk([v for v in values if v])
            return {
                v: Name(f"{p.tenant.name} · {p.name}", f"{p.tenant.slug}/{p.slug}")
                for v in values
                if (p := projects.get(_key(v)))
            }
        case "person":
            people = User.objects.in_bulk([v for v in values if v])
            return {v: Name(str(u), u.username) if (u := people.get(_key(v))) else Name("By key", "") for v in values}
        case "key":
            keys = dict(ApiKey.objects.filter(prefix__in=[v for v in values if v]).values_list("prefix", "name"))
            return {v: Name(f"{keys.get(v, 'Key')} ({v}…)", v) if v else Name("Playground", PLAYGROUND) for v in values}
        case "day":
            return {v: Name(f"{v:%a} {v.day} {v:%b %Y}", v.isoformat()) for v in values if isinstance(v, dt.date)}
        case "environment":
            return {v: Name(str(v).title(), str(v)) for v in values}
        case _:
            return {v: Name(str(v) or "—", str(v)) for v in values}


def _key(value: Any) -> Any:
    """Keys come as text from the platform's totals."""
    return UUID(value) if isinstance(value, str) else value
