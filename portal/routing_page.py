"""Where calls go: every route with its deployments, how they stand in all gateway processes, and the last choices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.exporting import exported
from catalog.authority import require_manager
from catalog.models import Route, RouteTarget
from gateway.routing.overview import Overview, Retries, Seen, overview
from portal.api.published import AsPublished
from ui.exporting import csv_response, in_batches

PAGE_SIZE = 20
TROUBLE = ("breaker_open", "breaker_probing", "pausing")
HEAD = (
    "route", "model", "policy", "fallback", "retries left", "least in a process", "deployment", "provider", "state",
    "why", "tier", "weight", "share of 5 min", "first token ms", "average ms", "under way", "calls", "failed", "busy",
)  # fmt: skip
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
    retries: Retries | None  # None: no process was asked for it lately


@require_GET
def routing(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """`/platform/routing/?q=…&show=trouble|drained&page=…`, asked anew every few seconds, unless `paused=1`;
    `?format=csv`: every route that fits, a line for each deployment."""
    require_manager(request.user)
    text, show = _asked(request.GET)
    seen = overview()
    if request.GET.get("format") == "csv":
        exported(request, "routing")
        routes = rows(seen, in_batches(routes_of(seen, text, show)))
        return csv_response("routing.csv", HEAD, (line for row in routes for line in _lines(row)))
    page = Paginator(routes_of(seen, text, show), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": rows(seen, page),
        "is_paused": request.GET.get("paused") == "1",
        "seen": seen,
        "text": text,
        "show": show,
        "shown": SHOWN.items(),
    }
    template = "portal/routing.html"
    return render(request, f"{template}#live" if "HX-Request" in request.headers else template, context)


def routes_of(seen: Overview, text: str, show: str) -> QuerySet[Route]:
    """The routes that are on and fit, those in trouble first, then by name: so none moves while it is read, but for one
    that comes into trouble or out of it. Their deployments are read of those that are shown alone."""
    shown = RouteTarget.objects.filter(deployment__is_enabled=True)
    here = shown.filter(route=OuterRef("pk"))
    troubled = [UUID(key) for key, stands in seen.deployments.items() if stands.state in TROUBLE]
    in_trouble = Exists(here.filter(deployment__in=troubled, deployment__drained_at=None))
    routes = Route.objects.filter(is_enabled=True).select_related("model", "fallback")
    for word in text.split():
        at_provider = RouteTarget.objects.filter(route=OuterRef("pk"), deployment__provider__name__icontains=word)
        routes = routes.filter(Q(slug__icontains=word) | Q(model__name__icontains=word) | Exists(at_provider))
    if show:
        routes = routes.filter(in_trouble if show == "trouble" else Exists(here.exclude(deployment__drained_at=None)))
    targets = Prefetch("targets", shown.select_related("deployment__provider"))
    return routes.annotate(is_in_trouble=in_trouble).order_by("-is_in_trouble", "slug").prefetch_related(targets)


def rows(seen: Overview, routes: Iterable[Route]) -> list[Row]:
    """Those with their deployments, and how these stand."""
    return [_row(seen, route) for route in routes]


def _row(seen: Overview, route: Route) -> Row:
    placed = []
    for target in route.targets.all():
        stands = seen.seen(target.deployment_id, is_drained=target.deployment.drained_at is not None)
        placed.append(Placed(target, stands, seen.share(route.slug, target.deployment_id)))
    return Row(route, placed, seen.retries.get(route.slug))


def _lines(row: Row) -> Iterator[tuple[object, ...]]:
    """A line for each deployment; one for a route that nothing serves."""
    route, retries = row.route, row.retries
    of_route = (
        route.slug, route.model.slug, route.policy, route.fallback.slug if route.fallback else "",
        retries.left if retries else None, retries.least if retries else None,
    )  # fmt: skip
    for each in row.placed:
        deployment, seen = each.target.deployment, each.seen
        yield (
            *of_route, deployment.upstream_name, deployment.provider.slug, seen.state, seen.why, each.target.priority,
            each.target.weight, None if each.share is None else round(each.share, 4), seen.first_token_ms,
            seen.average_ms, seen.under_way, seen.calls, seen.failed, seen.busy,
        )  # fmt: skip
    if not row.placed:
        yield (*of_route, *[None] * (len(HEAD) - len(of_route)))


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
                "routes": [_written(row) for row in rows(seen, routes_of(seen, *_asked(request.query_params)))],
                "choices": [asdict(each) for each in seen.choices],
            }
        )


def _written(row: Row) -> dict[str, Any]:
    return {
        "route": row.route.slug,
        "policy": row.route.policy,
        "fallback": row.route.fallback.slug if row.route.fallback else "",
        "retries": asdict(row.retries) if row.retries else None,
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
