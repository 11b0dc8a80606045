"""The list of calls by their time: filtered, paged by place, exported, and kept up to date while somebody watches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from audit.exporting import exported
from tenants.models import Tenant, User
from tenants.scoping import tenants_for
from ui.exporting import csv_response
from ui.keyset import batches, is_oldest_first, page_of
from usage.asked import Asked, ask, without_paging
from usage.filters import DETOURS
from usage.models import Call
from usage.overview_page import chips
from usage.period import NAMED
from usage.timing import Timing

COLUMNS = (
    "id", "started_at", "tenant", "project", "environment", "route", "model_slug", "provider", "upstream_name",
    "origin", "key_prefix", "key_name", "user_label", "outcome", "status", "error_code", "finish_reason",
    "input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "waited_ms",
    "first_token_ms", "duration_ms", "reading_ms", "admission_ms", "attempts", "fell_back",
    "asked", "input_per_million", "output_per_million", "cached_input_per_million",
    "cache_write_per_million", "cost", "currency", "usage_source", "request_id", "trace_id",
    "decision_id", "is_demonstration",
)  # fmt: skip
WATCHED_BY = {"project", "environment", "route", "key", "outcome", "origin", "person"}  # filters that the tail has too


@require_GET
def calls(request: HttpRequest) -> HttpResponse:
    """`/usage/calls/`; with `live=1` the list asks for itself every two seconds."""
    asked = ask(request.GET, _viewer(request))
    page = page_of(found(asked), request.GET, moment="started_at")
    is_first_page = not request.GET.get("before") and not request.GET.get("after")
    is_live = request.GET.get("live") == "1" and is_first_page and not page.is_oldest_first
    context = {
        "asked": asked,
        "page": page,
        "chips": chips(request.GET, asked),
        "export_query": without_paging(request.GET, **dict.fromkeys(asked.left_out)),
        "choices": {"periods": NAMED},
        "one_tenant": not asked.sight.everything and len(asked.sight.places.tenants) == 1,
        "outcomes": [("", "Any outcome"), *Call.Outcome.choices, ("errors", "Errors")],
        "origins": [("", "Any origin"), *Call.Origin.choices],
        "detours": [("", "Any way"), *((code, words) for code, (words, _) in DETOURS.items())],
        "is_live": is_live,
        "tail_href": _tail_of(asked),
        "live_href": without_paging(request.GET, live=None if is_live else "1", sort=None),
        "here": request.get_full_path(),
    }
    template = "usage/calls.html#rows" if request.headers.get("HX-Target", "").endswith("calls") else "usage/calls.html"
    return render(request, template, context)


def _tail_of(asked: Asked) -> str:
    """Where the calls of the one tenant that the list is of are watched from their start on; "" where it is of more."""
    places, slug = asked.sight.places.tenants, asked.filters.tenant or asked.filters.project.partition("/")[0]
    if not slug and len(places) == 1 and not asked.sight.everything:
        slug = Tenant.objects.values_list("slug", flat=True).get(pk=next(iter(places)))
    if not slug or not tenants_for(asked.sight.viewer).filter(slug=slug).exists():
        return ""
    kept = {name: value for name, value in asked.filters.in_force.items() if name in WATCHED_BY}
    if "project" in kept:
        kept["project"] = kept["project"].partition("/")[2]
    return reverse("usage:live", args=[slug]) + (f"?{urlencode(kept)}" if kept else "")


@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    """Every call that fits, as CSV, read in batches of a short query each. A filter that cannot be read is refused:
    without it the file would hold more than was asked for.
    """
    asked = ask(request.GET, _viewer(request), strict=True)
    name = f"calls-{asked.period.since}-to-{asked.period.until}.csv"
    exported(request, "calls")
    lines = _rows(found(asked), oldest_first=is_oldest_first(request.GET))
    return csv_response(name, [column.replace("_", " ") for column in COLUMNS], lines)


def found(asked: Asked) -> QuerySet[Call]:
    """The calls that fit, with what a line of the list names."""
    rows = asked.sight.calls().filter(started_at__gte=asked.period.start, started_at__lt=asked.period.end)
    return asked.filters.apply(rows).select_related("tenant", "project", "environment")


def _rows(rows: QuerySet[Call], *, oldest_first: bool) -> Iterator[list[Any]]:
    for call in chain.from_iterable(batches(rows, moment="started_at", oldest_first=oldest_first)):
        named = {
            "tenant": call.tenant.slug,
            "project": call.project.slug,
            "environment": call.environment.kind,
            "id": str(call.pk),
            "trace_id": call.trace_id.hex if call.trace_id else "",
            **_timed(call.timing),
        }
        yield [named[column] if column in named else getattr(call, column) for column in COLUMNS]


def _timed(timing: Timing | None) -> dict[str, Any]:
    """Its columns; `asked` are the deployments with when each began and ended (ms), and why it was left."""
    if timing is None:
        return {"reading_ms": None, "admission_ms": None, "asked": ""}
    asked = [
        f"{each['provider']}/{each['upstream_name']} {each['began_ms']}-{each.get('ended_ms', '')}"
        f" {each.get('failure', '')}".strip()
        for each in timing["attempts"]
    ]
    return {"reading_ms": timing["reading_ms"], "admission_ms": timing["admission_ms"], "asked": "; ".join(asked)}


def _viewer(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise TypeError("usage is shown to people who are signed in")
    return request.user
