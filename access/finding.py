"""Lists of grants as they are searched and filtered, on pages, in files and in the API alike."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from access.models import Grant

SHOWN = ("active", "ended", "all")
SORTS = {
    "model": "route__model__name", "project": "environment__project__name", "kind": "environment__kind",
    "granted": "granted_at", "ends": "ends_at",
}  # fmt: skip


def grants(rows: QuerySet[Grant], *, show: str = SHOWN[0], kind: str = "", text: str = "") -> QuerySet[Grant]:
    """Those of `rows` that hold or have ended (`show`), of a kind of environment, with `text` in route, model or
    project, and with when they end or did (`ends_at`)."""
    rows = rows.annotate(ends_at=Coalesce("revoked_at", "expires_at"))
    ended = Q(revoked_at__isnull=False) | Q(expires_at__lte=timezone.now())
    if show != "all":
        rows = rows.filter(ended) if show == "ended" else rows.exclude(ended)
    if kind:
        rows = rows.filter(environment__kind=kind)
    if text:
        rows = rows.filter(
            Q(route__slug__icontains=text)
            | Q(route__model__name__icontains=text)
            | Q(environment__project__name__icontains=text)
            | Q(environment__project__slug__icontains=text)
        )
    return rows
