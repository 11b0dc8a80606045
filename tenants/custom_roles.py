"""What role a slug stands for in a tenant: `roles_of` and `role_of` answer for the built-in ones of `tenants.roles` and
for those that the tenant made for itself alike. `tenants.role_making` makes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Model

from refusals.errors import Invalid
from tenants.own_roles import CustomRole
from tenants.roles import TENANT_ROLES, Role
from tenants.scope import everything


class UnknownRole(Invalid):
    code = "unknown_role"


def roles_of(tenant: Any) -> dict[str, Role]:
    """Every role of `tenant` by its slug: the built-in ones in the order of their table, then its own. One query."""
    return TENANT_ROLES | {each.slug: each.role for each in CustomRole.objects.filter(tenant=tenant.pk)}


def role_of(tenant: Any, slug: str) -> Role | None:
    """The role that `slug` stands for in `tenant`; None for none. A query for what is not built in."""
    if slug in TENANT_ROLES or not slug:
        return TENANT_ROLES.get(slug)
    found = CustomRole.objects.filter(tenant=tenant.pk, slug=slug).first()
    return found.role if found else None


def known_role(tenant: Any, slug: str) -> Role:
    """The role that `slug` stands for in `tenant`. Raises `UnknownRole`."""
    found = role_of(tenant, slug)
    if found is None:
        raise UnknownRole(f"There is no role “{slug}”. Choose one of {', '.join(roles_of(tenant))}.", field="role")
    return found


def name_of(tenant: Any, slug: str) -> str:
    """What people call the role; the slug of one that is no more."""
    found = role_of(tenant, slug)
    return found.name if found else slug


def with_roles[M: Model](rows: Iterable[M]) -> list[M]:
    """`rows` that have a tenant and a role's slug, each with its `of_role` found: one query at most."""
    given: list[Any] = list(rows)
    found = _found((each.tenant_id, each.role) for each in given)
    for each in given:
        vars(each)["of_role"] = found.get((each.tenant_id, each.role))
    return given


def roles_named(pairs: Iterable[tuple[Any, str | None]]) -> dict[tuple[Any, str], str]:
    """What people call the roles, by a tenant's key and the slug there: one query at most."""
    return {pair: role.name for pair, role in _found((key, slug) for key, slug in pairs if slug).items()}


def _found(pairs: Iterable[tuple[Any, str]]) -> dict[tuple[Any, str], Role]:
    asked = set(pairs)
    found = {(key, slug): TENANT_ROLES[slug] for key, slug in asked if slug in TENANT_ROLES}
    if own := asked - found.keys():
        with everything("what the roles of rows that were read are called"):
            rows = CustomRole.objects.filter(tenant__in={key for key, _ in own}, slug__in={slug for _, slug in own})
            named = {(each.tenant_id, each.slug): each.role for each in rows}
        found |= {pair: role for pair, role in named.items() if pair in own}
    return found


def role_of_row(row: Any) -> Role | None:
    """The role of a row that has a tenant and a role's slug, which somebody may be shown who is not in reach of it."""
    found: Role | None = vars(with_roles([row])[0])["of_role"]
    return found
