"""Where a person stands with a model: granted, asked for, to be asked for, or not to be had here.

The catalog does not know grants: a floor above registers who answers (`register`). Until then everything that is
served has to be requested.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from uuid import UUID

from django.db.models import QuerySet

from catalog.models import Model, Route
from tenants.models import User

Kind = Literal["granted", "pending", "request", "unavailable"]
ORDER: tuple[Kind, ...] = ("granted", "pending", "request", "unavailable")


@dataclass(frozen=True)
class Standing:
    """`environments` are paths (tenant/project/kind) that hold a grant; `path` is where more is asked for, or was."""

    kind: Kind
    environments: tuple[str, ...] = ()
    path: str = ""

    @property
    def is_served(self) -> bool:
        """Whether a route leads to the model here; of others the price on their row is a list price."""
        return self.kind != "unavailable"


def furthest(standings: Iterable[Standing]) -> Standing:
    """The standing with a model by those with its routes: granted before pending before to be requested."""
    known = sorted((each for each in standings if each.is_served), key=lambda each: ORDER.index(each.kind))
    if not known:
        return Standing("unavailable")
    if known[0].kind == "granted":
        return Standing("granted", tuple(dict.fromkeys(path for each in known for path in each.environments)))
    return known[0]


class Standings(Protocol):
    """What the floor above answers."""

    def standing_of(self, viewer: User, models: Sequence[Model]) -> dict[UUID, Standing]: ...

    def standing_of_routes(self, viewer: User, routes: Sequence[Route]) -> dict[UUID, Standing]: ...

    def granted_models(self, viewer: User) -> QuerySet[Any, Any]: ...


_registered: list[Standings] = []


def register(standings: Standings) -> None:
    """Let `standings` (a module or an object) answer from now on."""
    _registered[:] = [standings]


def standing_of(viewer: User, models: Sequence[Model]) -> dict[UUID, Standing]:
    """The standing of `viewer` with each of `models`, by key."""
    told = _registered[0].standing_of(viewer, models) if _registered else _without_grants(models)
    return {model.pk: told.get(model.pk, Standing("unavailable")) for model in models}


def standing_of_routes(viewer: User, routes: Sequence[Route]) -> dict[UUID, Standing]:
    """The standing of `viewer` with each of `routes`, by key; "unavailable" with those that are off."""
    if _registered:
        told = _registered[0].standing_of_routes(viewer, routes)
    else:
        told = {route.pk: Standing("request") for route in routes if route.is_enabled}
    return {route.pk: told.get(route.pk, Standing("unavailable")) for route in routes}


def granted_models(viewer: User) -> set[UUID]:
    """The keys of the models that some environment of `viewer` may call."""
    return set(_registered[0].granted_models(viewer)) if _registered else set()


def _without_grants(models: Sequence[Model]) -> dict[UUID, Standing]:
    served = Route.objects.filter(model__in=models, is_enabled=True).values_list("model_id", flat=True)
    return {model_id: Standing("request") for model_id in served}
