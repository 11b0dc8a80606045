"""Where calls go: every route with its deployments, how they stand in all gateway processes, and the last choices."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.authority import require_manager
from catalog.models import Route, RouteTarget
from gateway.routing.overview import Overview, Seen, overview
from portal.api.published import AsPublished

PAGE_SIZE = 20
TROUBLE = ("breaker_open", "breaker_probing", "pausing")
SHOWN = {"trouble": "With trouble", "drained": "With a drained deployment"}


@dataclass(frozen=True)
class Placed:
    """A deployment in a route."""

    target: RouteTarget
    seen: Seen
    share: float | None


@dataclass(frozen=True)
class Row:
    """A route that is on."""

    route: Route
    placed: list[Placed]

    @property
    def calls(self) -> int:
        return sum(each.seen.calls for each in self.placed)

    def has(self, *states: str) -> bool:
        return any(each.seen.state in states for each in self.placed)


@require_GET
def routing(request: HttpRequest) -> HttpResponse:
    """`/platform/routing/?q=…&show=trouble|drained`, asked anew every few seconds."""
    require_manager(request.user)
    text, show = _asked(request.GET)
    seen = overview()
    context = {
        "page": Paginator(rows(seen, text, show), PAGE_SIZE).get_page(request.GET.get("page")),
        "seen": seen,
        "text": text,
        "show": show,
        "shown": SHOWN.items(),
    }
    template = "portal/routing.html"
    return render(request, f"{template}#live" if "HX-Request" in request.headers else template, context)


def rows(seen: Overview, text: str, show: str) -> list[Row]:
    """The routes that are on and fit, those in trouble first, then by calls."""
    targets = RouteTarget.objects.filter(deployment__is_enabled=True).select_related("deployment__provider")
    routes = Route.objects.filter(is_enabled=True).select_related("model", "fallback")
    for word in text.split():
        routes = routes.filter(
            Q(slug__icontains=word)
            | Q(model__name__icontains=word)
            | Q(targets__deployment__provider__name__icontains=word)
        )
    found = [_row(seen, route) for route in routes.distinct().prefetch_related(Prefetch("targets", targets))]
    if show:
        found = [row for row in found if row.has(*TROUBLE if show == "trouble" else ("drained",))]
    return sorted(found, key=lambda row: (not row.has(*TROUBLE), -row.calls, row.route.slug))


def _row(seen: Overview, route: Route) -> Row:
    placed = []
    for target in route.targets.all():
        stands = seen.seen(target.deployment_id, is_drained=target.deployment.drained_at is not None)
        placed.append(Placed(target, stands, seen.share(route.slug, target.deployment_id)))
    return Row(route, placed)


def _asked(query: Any) -> tuple[str, str]:
    show = query.get("show", "")
    return query.get("q", "").replace("\x00", "").strip()[:200], show if show in SHOWN else ""


class RoutingView(AsPublished, APIView):
    """Where calls go: routes with their deployments, how those stand in all gateway processes, the last choices."""

    @extend_schema(
        operation_id="platform_routing",
        parameters=[
            OpenApiParameter("q", str, description="Words of a route, model or provider."),
            OpenApiParameter("show", str, enum=list(SHOWN)),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        require_manager(request.user)
        seen = overview()
        return Response(
            {
                "processes": [asdict(each) for each in seen.processes],
                "routes": [_written(row) for row in rows(seen, *_asked(request.query_params))],
                "choices": [asdict(each) for each in seen.choices],
            }
        )


def _written(row: Row) -> dict[str, Any]:
    return {
        "route": row.route.slug,
        "policy": row.route.policy,
        "fallback": row.route.fallback.slug if row.route.fallback else "",
        "deployments": [
            {
                "deployment": str(each.target.deployment_id),
                "provider": each.target.deployment.provider.slug,
                "upstream_name": each.target.deployment.upstream_name,
                "tier": each.target.priority,
                "weight": each.target.weight,
                "share": each.share,
                **asdict(each.seen),
            }
            for each in row.placed
        ],
    }
