"""Say which deployment a route calls first while all are well, for whoever shows a price before a call."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from catalog.dialects import LOCAL
from catalog.models import Route, RouteTarget


def first_targets(routes: Iterable[Route]) -> dict[UUID, UUID]:
    """The key of the deployment that each of `routes` is sent to first; a route that nothing serves has none."""
    connected = ~Q(deployment__provider__base_url="") | Q(deployment__provider__dialect=LOCAL)
    rows = RouteTarget.objects.filter(connected, route__in=list(routes), deployment__is_enabled=True)
    rows = rows.filter(deployment__drained_at=None)
    first = rows.order_by("route_id", "priority", "-weight", "deployment_id").distinct("route_id")
    return dict(first.values_list("route_id", "deployment_id"))
