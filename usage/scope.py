"""Which calls and totals may this person see: all of the tenants and projects whose usage they may see, and their own
everywhere but in tenants that are closed to them now (decision 27)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django.db.models import Q, QuerySet

from tenants.models import Tenant, User
from tenants.scope import closed_to, everything, widen
from tenants.scoping import Places, places_for
from usage.models import Call, Rollup

SEE = "tenants.view_usage"


@dataclass(frozen=True)
class Sight:
    """What `viewer` sees. `everything`: the permission is held above tenants."""

    viewer: User
    everything: bool

    @cached_property
    def places(self) -> Places:
        """The tenants whose usage the viewer may see as a whole, and the projects whose usage they may see by a role
        there."""
        return places_for(self.viewer, SEE)

    def calls(self) -> QuerySet[Call]:
        return Call.objects.all() if self.everything else Call.objects.filter(self._mine_or_my_tenants())

    def rollups(self) -> QuerySet[Rollup]:
        rows = Rollup.objects.order_by()
        return rows if self.everything else rows.filter(self._mine_or_my_tenants())

    def within(self, tenant: Tenant) -> Q:
        """The condition under which a row of `tenant`, where the viewer is a member, is seen by them."""
        if self.everything or tenant.pk in self.places.tenants:
            return Q()
        return Q(user=self.viewer.pk) | Q(project__in=self.places.projects)

    def _mine_or_my_tenants(self) -> Q:
        widen(self._called_in, "calls of one's own")
        mine = Q(user=self.viewer.pk)
        if closed := self._closed:
            mine &= ~Q(tenant__in=closed)
        mine |= Q(tenant__in=self.places.tenants)
        return mine | Q(project__in=self.places.projects) if self.places.projects else mine

    @cached_property
    def _called_in(self) -> frozenset[UUID]:
        """Where the viewer called, also in tenants that they are no member of (any more)."""
        with everything("where somebody called is looked up"):
            rows = Rollup.objects.filter(user=self.viewer.pk).order_by()
            found = frozenset(rows.values_list("tenant", flat=True).distinct())
        return found - self._closed

    @property
    def _closed(self) -> frozenset[UUID]:
        return frozenset(each.asked.tenant for each in closed_to(self.viewer))


def sight_of(viewer: User) -> Sight:
    """What `viewer` sees."""
    return Sight(viewer, viewer.is_active and viewer.has_perm(SEE))
