"""Who holds which version of a model, told to the catalog's register: by the grants in force on routes to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet

from access.models import Grant
from catalog.register.holding import Counts, Held
from tenants.models import User
from tenants.scope import everything
from tenants.scoping import visible

PRODUCTION = "production"
_VERSION = "route__targets__deployment__version_id"


def _in_force() -> QuerySet[Grant]:
    return Grant.objects.in_force().filter(environment__project__archived_at=None)


@everything("how many hold a model is counted over every tenant; nobody is named")
def counts(versions: Sequence[UUID] | None) -> dict[UUID, Counts]:
    """How many tenants and environments hold each version; None: each that somebody holds."""
    rows = _in_force().filter(**{f"{_VERSION}__isnull": False}).order_by()
    if versions is not None:
        rows = rows.filter(**{f"{_VERSION}__in": list(versions)})
    found: dict[UUID, set[tuple[UUID, UUID, str]]] = defaultdict(set)
    columns = (_VERSION, "tenant_id", "environment_id", "environment__kind")
    for version, tenant, environment, kind in rows.values_list(*columns).distinct():
        found[version].add((tenant, environment, kind))
    return {
        version: Counts(len({t for t, _, _ in held}), len(held), sum(kind == PRODUCTION for _, _, kind in held))
        for version, held in found.items()
    }


def held_by(viewer: object, versions: Sequence[UUID]) -> dict[UUID, Held]:
    """The environments that hold each version, by path, and the last decision on any of their grants."""
    rows = visible(cast("User", viewer), _in_force().filter(**{f"{_VERSION}__in": list(versions)}))
    columns = (
        _VERSION, "tenant__slug", "environment__project__slug", "environment__kind", "decision_id",
        "decision__decided_at",
    )  # fmt: skip
    found: dict[UUID, list[tuple[Any, ...]]] = defaultdict(list)
    for version, *row in rows.order_by().values_list(*columns).distinct():
        found[version].append(tuple(row))
    return {version: _held(held) for version, held in found.items()}


def _held(rows: Iterable[tuple[Any, ...]]) -> Held:
    rows = list(rows)
    decided = max(((at, key) for *_, key, at in rows if at is not None), default=None)
    paths = sorted({f"{tenant}/{project}/{kind}" for tenant, project, kind, _, _ in rows})
    return Held(tuple(paths), decided[0] if decided else None, f"/decisions/{decided[1]}/" if decided else "")
