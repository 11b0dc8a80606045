"""How long decisions take, from real history: what a requester may expect, and where a board is slow."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from approvals.models import Request, Review

LOOK_BACK = dt.timedelta(days=365)
ENOUGH = 200  # the newest decisions say enough


@dataclass(frozen=True)
class Typical:
    """Half of `count` decisions took at most `median`, four of five at most `most`."""

    median: dt.timedelta
    most: dt.timedelta
    count: int


@dataclass(frozen=True)
class Week:
    """The decisions of the week that began on `monday`, with their median time in hours (None: no decision)."""

    monday: dt.date
    count: int
    median_hours: float | None


def typical(subject_kind: str, environment_kinds: Iterable[str]) -> dict[str, Typical]:
    """How long requests of this kind took, by the kind of their environment ("": any); without those that have no
    history."""
    newest = Window(RowNumber(), partition_by="environment__kind", order_by="-closed_at")
    decided = _decided().filter(subject_kind=subject_kind).annotate(place=newest).filter(place__lte=ENOUGH)
    rows = list(decided.values_list("environment__kind", "sent_at", "closed_at"))
    found = {}
    for kind in environment_kinds:
        took = sorted(
            [closed - sent for where, sent, closed in rows if sent and closed and kind in ("", where)][:ENOUGH]
        )
        if took:
            middle = dt.timedelta(seconds=statistics.median(each.total_seconds() for each in took))
            found[kind] = Typical(middle, took[min(len(took) - 1, int(len(took) * 0.8))], len(took))
    return found


def by_week(rows: QuerySet[Request], *, weeks: int = 12) -> list[Week]:
    """Time to decision of `rows` by the week of their decision, oldest first."""
    today = timezone.now().date()
    first = today - dt.timedelta(days=today.weekday(), weeks=weeks - 1)
    took: dict[dt.date, list[float]] = {first + dt.timedelta(weeks=n): [] for n in range(weeks)}
    decided = rows.filter(decision__isnull=False, closed_at__date__gte=first)
    for sent, closed in decided.values_list("sent_at", "closed_at"):
        if sent is None or closed is None:
            continue
        monday = closed.date() - dt.timedelta(days=closed.weekday())
        took[monday].append((closed - sent).total_seconds() / 3600)
    return [Week(monday, len(hours), statistics.median(hours) if hours else None) for monday, hours in took.items()]


def _decided() -> QuerySet[Request]:
    since = timezone.now() - LOOK_BACK
    # What was approved as it was sent says nothing of how long people take.
    reviewed = Request.objects.filter(Exists(Review.objects.filter(request=OuterRef("pk"))))
    # Whatever became of an approval since: it was decided all the same.
    return reviewed.filter(decision__isnull=False, closed_at__gte=since).order_by("-closed_at")
