"""What this room brings to the shell: the month's spend on the home page, a panel on a model's page, palette hits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from catalog.models import Model
from catalog.panels import Panel
from catalog.panels import register as register_panel
from refusals import Refusal
from tenants.models import User
from ui.charting import Chart, Series
from ui.places import Card, Hit, register_card, register_hits
from usage import totals
from usage.call_page import find_call
from usage.dimensions import DIMENSIONS
from usage.figures import figures
from usage.filters import Filters
from usage.month import month
from usage.movers import movers
from usage.period import Period
from usage.scope import sight_of

MOST_ON_CARD = 5
ACTIONS = (
    ("See usage and cost", "usage:overview", "chart-bar"),
    ("See my calls", "usage:calls", "list"),
)


def register() -> None:
    """Called once the app is ready."""
    register_card(Card("usage.spend", 40, "usage/home_card.html", _spend, part="figures"))
    register_card(Card("usage.movers", 16, "usage/movers_card.html", _movers, part="figures"))
    register_panel(Panel("usage.model", "usage", "usage/model_panel.html", _of_model))
    register_hits("Usage", _hits, order=60)


def _spend(request: HttpRequest) -> dict[str, Any] | None:
    """This month's spend with its forecast; None for people whose tenants used nothing in five weeks."""
    if not isinstance(request.user, User):
        return None
    sight = sight_of(request.user)
    told = month(sight)
    return {"spend": told, "spend_everybody": sight.everything} if told else None


def _movers(request: HttpRequest) -> dict[str, Any] | None:
    """Which tenants moved most in thirty days, for who sees every tenant's usage; None where nothing was called."""
    if not isinstance(request.user, User) or not (sight := sight_of(request.user)).everything:
        return None
    today = timezone.now().date()
    period = Period("30d", today - dt.timedelta(days=29), today)
    told = figures(sight, Filters(), period, DIMENSIONS["tenant"], named=MOST_ON_CARD)
    if not told.now.calls and not told.before.calls:
        return None
    return {
        "movers": movers(totals.Source(sight, Filters(), told.currency), told),
        "unpriced": told.now.unpriced,
        "lines": told.lines,
        "currency": told.currency,
    }


def _of_model(request: HttpRequest, model: Model) -> dict[str, Any] | None:
    """The last thirty days of the model's busiest route, drawn; None when nobody in sight called it."""
    if not isinstance(request.user, User):
        return None
    today = timezone.now().date()
    period = Period("30d", today - dt.timedelta(days=29), today)
    routes = [route.slug for route in model.routes.all()[:3]]
    calls = totals.calls_by_day(sight_of(request.user), routes, period)
    drawn = [Series(route, [calls[route].get(day, 0) for day in period.days]) for route in routes if route in calls]
    if not drawn:
        return None
    days = [day.isoformat() for day in period.days]
    return {"usage_chart": Chart(kind="stacked", labels=days, series=drawn)}


def _hits(request: HttpRequest, text: str) -> Iterable[Hit]:
    if not isinstance(request.user, User):
        return
    for name, url_name, icon in ACTIONS:
        if all(word in name.casefold() for word in text.casefold().split()):
            yield Hit(name, reverse(url_name), icon)
    if (key := _call_id(text)) is None:
        return
    try:
        call = find_call(request.user, key)
    except Refusal:
        return
    yield Hit(str(call), reverse("usage:call", args=[call.pk]), "receipt", "Call")


def _call_id(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None
