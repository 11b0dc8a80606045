"""Which tables belong to tenants, and how a row of each leads to its tenant.

A model with a foreign key `tenant` is tenant-owned. One without names the foreign key that leads to its owner as
`owned_through`; one that no tenant owns says why as `shared_because`. A model of ours that does none of the three is
told by the tests.

A row of an environment or a project goes along when its project moves to another tenant (`tenants.moving`), unless its
model says why not as `stays_behind`; one that hangs on such a row names the way to it as `moves_with`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import ForeignKey, Model

from tenants.models import ApiKey, Environment, Project, Tenant


def path_to_tenant(model: type[Model]) -> str | None:
    """The look-up from `model` to the tenant that owns a row (`tenant`, `turn__session__tenant`); None: no tenant."""
    if model is Tenant:
        return "pk"
    through: str = getattr(model, "owned_through", "")
    if through:
        above = path_to_tenant(model._meta.get_field(through).related_model)  # type: ignore[arg-type]  # a foreign key's
        return f"{through}__{above}" if above else None
    try:
        field = model._meta.get_field("tenant")
    except FieldDoesNotExist:
        return None
    return "tenant" if isinstance(field, ForeignKey) and field.related_model is Tenant else None


@cache
def paths_to_project(model: type[Model]) -> tuple[str, ...]:
    """The look-ups from `model` to the project that a row is of: several where it attaches to a project, an environment
    or a key; none for what is of the tenant as a whole."""
    if model is Project:
        return ("pk",)
    if through := getattr(model, "owned_through", ""):
        above: Any = model._meta.get_field(through).related_model
        return tuple(f"{through}__{path}" for path in paths_to_project(above))
    ways = {
        "project": (Project, ""),
        "environment": (Environment, "__project"),
        "key": (ApiKey, "__environment__project"),
    }
    found = []
    for field in model._meta.get_fields():
        leads_to, rest = ways.get(field.name, (None, ""))
        if isinstance(field, ForeignKey) and field.related_model is leads_to:
            found.append((field.null, f"{field.name}{rest}"))
    always = [path for may_lack, path in found if not may_lack]
    return tuple(always[:1] or [path for _, path in found])


def owned_models() -> Iterator[type[Model]]:
    """Every model whose rows belong to tenants, in the order of the rooms."""
    return (model for model in apps.get_models(include_auto_created=True) if path_to_tenant(model))


@cache
def owned_tables() -> frozenset[str]:
    """The names of their tables."""
    return frozenset(model._meta.db_table for model in owned_models())
