"""What people made of a model's answers in the playground, told to boards that decide on access to it."""

from __future__ import annotations

import datetime as dt

from django.db.models import Count, Q
from django.utils import timezone

from access.asking import KIND
from approvals.evidence.collectors import Collector, add_collector
from approvals.models import Request
from approvals.subjects import Evidence
from catalog.models import Route
from playground.models import Feedback
from tenants.scope import everything

RECENT = dt.timedelta(days=90)
PLAYGROUND = "Playground"


def register() -> None:
    """Have it collected for requests for access."""
    sentence = "Votes in side-by-side comparisons of the last 90 days, of everybody together."
    add_collector(KIND, Collector("votes", "Votes in the playground", sentence, dt.timedelta(days=7), votes))


def votes(request: Request) -> list[Evidence]:
    """How often answers of the route won, tied and lost, and how many of the votes were blind."""
    route = Route.objects.filter(pk=request.subject_key.partition(":")[2]).first()
    if route is None:
        return []
    with everything("what everybody voted is counted, and nobody is named"):
        compared = Feedback.objects.filter(at__gte=timezone.now() - RECENT, turn__answers__route=route.slug).distinct()
        told = compared.aggregate(
            count=Count("pk", distinct=True),
            won=Count("pk", distinct=True, filter=Q(winner__route=route.slug)),
            tied=Count("pk", distinct=True, filter=Q(winner=None)),
            blind=Count("pk", distinct=True, filter=Q(was_blind=True)),
        )
    count = told["count"]
    if not count:
        return [Evidence("Compared with others", "never in 90 days", PLAYGROUND)]
    lost = count - told["won"] - told["tied"]
    words = f"won {told['won']}, tied {told['tied']}, lost {lost} of {count} comparisons; {told['blind']} were blind"
    return [Evidence("Compared with others", words, PLAYGROUND)]
