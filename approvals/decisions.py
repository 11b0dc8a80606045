"""Find decisions: by what was asked, of which kind, in which tenant, with which outcome, and whether they hold now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils import timezone

from approvals.models import Decision
from approvals.scoping import decisions_for
from approvals.states import APPROVED_STATES
from approvals.subjects import kinds
from refusals.errors import Invalid
from tenants.models import User

OUTCOMES = dict(Decision._meta.get_field("outcome").choices or ())
HOLDS = {"now": "Holds now", "ended": "Has ended"}
MAX_TEXT = 200


@dataclass(frozen=True)
class AskedDecisions:
    """The filters of a list of decisions; empty texts filter nothing."""

    text: str = ""
    outcome: str = ""
    kind: str = ""
    tenant: str = ""
    holds: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str], *, strict: bool = False) -> AskedDecisions:
        """The filters in an address. `strict`: raises `Invalid` for a value that means nothing."""

        def one(name: str, among: list[str] | None = None) -> str:
            value = query.get(name, "").replace("\x00", "").strip()[:MAX_TEXT]
            if among is None or value in among:
                return value
            if strict and value:
                raise Invalid(f"The filter “{name}” is one of {', '.join(among)}.", field=name)
            return ""

        return cls(
            text=one("q"),
            outcome=one("outcome", list(OUTCOMES)),
            kind=one("kind", [kind.slug for kind in kinds()]),
            tenant=one("tenant"),
            holds=one("holds", list(HOLDS)),
        )


def find_decisions(viewer: User, asked: AskedDecisions) -> QuerySet[Decision]:
    """The decisions that `viewer` may see and that fit, the newest first, with what a row shows."""
    rows = decisions_for(viewer).select_related(
        "request__tenant", "request__environment__project", "request__environment__tenant", "request__requester",
        "request__policy",
    )  # fmt: skip
    if asked.outcome:
        rows = rows.filter(outcome=asked.outcome)
    if asked.kind:
        rows = rows.filter(request__subject_kind=asked.kind)
    if asked.tenant:
        rows = rows.filter(request__tenant__slug=asked.tenant)
    if asked.holds:
        holds = Q(request__state__in=APPROVED_STATES) & ~Q(valid_until__lte=timezone.now())
        rows = rows.filter(holds if asked.holds == "now" else ~holds, outcome="approved")
    if asked.text:
        rows = rows.filter(_words(asked.text))
    return rows.order_by("-decided_at", "-pk")


def _words(text: str) -> Q:
    number = text.upper().removeprefix("R-")
    if number.isdecimal() and len(number) < 10:
        return Q(request__number=int(number))
    fits = Q()
    for word in text.split():
        fits &= (
            Q(request__title__icontains=word)
            | Q(request__reason__icontains=word)
            | Q(request__requester__username__icontains=word)
            | Q(request__facts__model__icontains=word)
            | Q(request__facts__route__icontains=word)
        )
    return fits
