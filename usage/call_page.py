"""One call: its times, its tokens, how its price came about, what allowed it, and what to do after an error."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET

from refusals.errors import Missing
from tenants.models import User
from tenants.views.entering import viewer_of
from usage.advice import advice_on
from usage.bodies.reading import standing
from usage.models import Call
from usage.scope import sight_of
from usage.waterfall import waterfall_of

WITH_PLACE = ("environment__project__tenant", "environment__tenant")  # where what may be read of it is asked
MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class Term:
    """One product of the price: so many tokens of a kind at so much a million."""

    kind: str
    tokens: int
    per_million: Decimal

    @property
    def amount(self) -> Decimal:
        return self.tokens * self.per_million / MILLION


@require_GET
def call(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`/usage/calls/<uuid>/`; somebody else's call does not exist."""
    found = find_call(request.user, pk)
    viewer = viewer_of(request)
    terms = terms_of(found)
    context = {
        "call": found,
        "terms": terms,
        "total": sum((term.amount for term in terms), Decimal(0)),
        "waterfall": waterfall_of(found, request.user),
        "speed": _tokens_a_second(found),
        "advice": advice_on(found),
        "content": standing(viewer, found),
        "decision_href": _address("approvals:decision", found.decision_id) if found.decision_id else "",
        "model_href": _address("catalog:model", found.model_slug),
        "tenant_href": _address("tenants:overview", found.tenant.slug),
    }
    return render(request, "usage/call.html", context)


def find_call(viewer: object, pk: UUID) -> Call:
    """The call, if `viewer` may see it. Raises `Missing`."""
    rows = sight_of(viewer).calls() if isinstance(viewer, User) else Call.objects.none()
    found = rows.filter(pk=pk).select_related("tenant", "project", "user", *WITH_PLACE).first()
    if found is None:
        raise Missing("There is no such call, or it belongs to another tenant. A call appears here when it has ended.")
    return found


def terms_of(call: Call) -> list[Term]:
    """What the cost is made of, as `usage.pricing` computes it; empty when no price was known."""
    if call.input_per_million is None or call.output_per_million is None:
        return []
    cached = min(call.cached_input_tokens, call.input_tokens)
    written = min(call.cache_write_tokens or 0, call.input_tokens - cached)
    parts = (
        ("cached input", cached, call.cached_input_per_million),
        ("input written to a cache", written, call.cache_write_per_million),
    )
    terms = [Term("input", call.input_tokens - cached - written, call.input_per_million)]
    terms += [
        Term(kind, tokens, call.input_per_million if own is None else own) for kind, tokens, own in parts if tokens
    ]
    return [*terms, Term("output", call.output_tokens, call.output_per_million)]


def _tokens_a_second(call: Call) -> float | None:
    writing_ms = call.duration_ms - (call.first_token_ms or 0)
    return call.output_tokens * 1000 / writing_ms if call.output_tokens > 1 and writing_ms > 0 else None


def _address(name: str, argument: object) -> str:
    try:
        return reverse(name, args=[argument])
    except NoReverseMatch:
        return ""
