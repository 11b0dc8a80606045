"""What is really kept at each place of a tenant, and why."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from tenants.models import Tenant
from usage.bodies.keeping import NO_BOUND, NOTHING, Bound, Keeping, nearest
from usage.bodies.stated import bounds_by_kind, stated_in
from usage.limits.places import Place, places_of


@dataclass(frozen=True, slots=True)
class Effective:
    """What is kept at `place`: `own` is what is stated there, `source` where what counts is stated (None: nowhere).
    `bound` is the platform's, where the place is of one kind of environment."""

    place: Place
    own: Keeping | None
    keeping: Keeping
    source: Place | None
    bound: Bound | None

    @property
    def sentence(self) -> str:
        """What is kept and who says so."""
        return f"{self.keeping.sentence} {self.why}"

    @property
    def why(self) -> str:
        """Who says so."""
        if self.source is None:
            return "Nobody has asked for more."
        said = "Stated here." if self.source.id == self.place.id else f"As {self.source.words} has it."
        wanted = self.own if self.own is not None else self.keeping
        is_cut = self.bound is not None and (not self.bound.is_allowed or self.bound.most_days <= wanted.days)
        return f"{said} {self.bound.sentence}" if is_cut and self.bound is not None else said


def effective(place: Place, stated: dict[UUID, Keeping], bounds: dict[str, Bound]) -> Effective:
    """What is kept at `place`, of what is `stated` by the key of each place and the `bounds` by kind."""
    source = nearest({each.id: each for each in place.chain if each.id in stated}, (each.id for each in place.chain))
    wanted = stated[source.id] if source else NOTHING
    bound = bounds.get(place.row.kind, NO_BOUND) if place.level == "environment" else None
    return Effective(place, stated.get(place.id), bound.applied_to(wanted) if bound else wanted, source, bound)


def table(tenant: Tenant) -> list[Effective]:
    """Every place of a tenant that content can be kept at, each beneath what it belongs to. Three queries."""
    stated, bounds = stated_in(tenant.pk), bounds_by_kind()
    return [effective(place, stated, bounds) for place in places_of(tenant)]


def at(place: Place) -> Effective:
    """The same for one place."""
    return effective(place, stated_in(place.tenant.pk), bounds_by_kind())
