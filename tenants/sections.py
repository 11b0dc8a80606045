"""What rooms above say about a tenant's environments: figures for the cells of the overview's grid, which routes a
new key may call, and who decides on what.

A room registers a `Figure` in its `apps.py`; the overview asks all of them, each once for the whole tenant. What a
figure tells needs the permission it names, so nobody sees a number whose rows they may not open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

from django.db.models import Count

from tenants.models import ApiKey, Environment, Tenant

Kind = Literal["count", "money"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of every environment.

    `of(tenant)` answers amounts by the environment's key (missing: zero); `page(path)` is where the rows behind one
    figure are shown, given `tenant/project/kind`, or "" for nowhere. Money is in `settings.CURRENCY`.
    """

    key: str
    name: str
    icon: str
    of: Callable[[Tenant], dict[UUID, int | Decimal]]
    page: Callable[[str], str] = lambda path: ""
    kind: Kind = "count"
    permission: str = "tenants.view_tenant"
    order: int = 50


_routes: list[Callable[[Environment], list[str]]] = []


def register_routes(of: Callable[[Environment], list[str]]) -> None:
    """`of(environment)` names the routes that its keys may call."""
    _routes.append(of)


def routes_of(environment: Environment) -> list[str]:
    """The routes that keys of `environment` may call now."""
    return [route for of in _routes for route in of(environment)]


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides on one thing in a tenant: what it is, who, what that comes to, and why it is so."""

    name: str
    who: str
    means: str
    why: str


_deciders: list[Callable[[Tenant], list[Decider]]] = []


def register_deciders(of: Callable[[Tenant], list[Decider]]) -> None:
    """`of(tenant)` says who decides on what there."""
    _deciders.append(of)


def deciders(tenant: Tenant) -> list[Decider]:
    """Who decides on what in `tenant`."""
    return [each for of in _deciders for each in of(tenant)]


_figures: dict[str, Figure] = {}


def register(figure: Figure) -> None:
    """Put `figure` into the overview; registering a key again replaces it."""
    _figures[figure.key] = figure


def figures(held: frozenset[str]) -> list[Figure]:
    """The figures that a holder of these permissions may see, in order."""
    return sorted((f for f in _figures.values() if f.permission in held), key=lambda figure: figure.order)


def _keys_of(tenant: Tenant) -> dict[UUID, int | Decimal]:
    rows = ApiKey.objects.filter(tenant=tenant).usable().order_by().values_list("environment").annotate(Count("pk"))
    return dict(rows)


def _keys_page(path: str) -> str:
    return f"/tenants/{path.partition('/')[0]}/keys/?environment={path}"


register(Figure("keys", "Keys", "key", _keys_of, _keys_page, order=20))
