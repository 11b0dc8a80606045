"""What the teams of the demonstration asked for and what the boards said, by the verbs a person would use.

Models of other makers were called while their providers were connected. Nobody connects one for a demonstration, so
their routes are shown as switched off since last evening: the grants and their decisions are there, the calls ended.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils import timezone

from access.asking import request_access
from access.models import Grant
from access.onboarding.drafting import begin_with
from access.onboarding.sending import send
from approvals.commenting import comment
from approvals.models import Request, Review
from approvals.voting import vote
from audit.record import Actor, record
from catalog.models import Route
from portal.demonstration.asked import ASKED, Asked
from tenants.models import Environment, Notification, User


def create(people: dict[str, User], environments: dict[str, Environment], *, by: Actor) -> None:
    """Send every request and cast every vote, oldest first and dated back; what is over is read in the bells."""
    begun = timezone.now()
    routes = {route.slug: route for route in Route.objects.select_related("model")}
    wanted = [asked for asked in ASKED if asked.route in routes]
    with _served({asked.route for asked in wanted}, by=by):
        for asked in sorted(wanted, key=lambda asked: -asked.days_ago):
            _replay(asked, people, environments, begun)
    victor = people["victor.almeida"]
    answers = _treasury(set(routes))
    send(onboarding=begin_with(answers=answers, by=victor), by=victor)
    begin_with(
        answers={"use-case": _HALF} | {page: answers[page] for page in ("people", "models")}, by=people["newcomer"]
    )


# A draft that somebody will go on with: three of seven pages.
_HALF = {
    "project_name": "Complaint letters", "project_slug": "complaint-letters",
    "purpose": "Draft answers to complaints; a person in the branch reads and signs each.",
    "data_classes": ["internal", "personal"], "affected": "customers", "users": 40, "about_people": "no",
    "autonomy": "suggests", "region": "eu",
}  # fmt: skip


def _treasury(routes: set[str]) -> dict[str, Any]:
    """The answers of a team that waits for the board."""
    wanted = [slug for slug in ("smollm2", "smollm2-batch") if slug in routes]
    return {
        "team": {
            "name": "Treasury", "slug": "treasury", "line_of_business": "Corporate centre", "cost_centre": "CC-6100",
            "sponsor": "Head of Treasury",
        },
        "use-case": {
            "project_name": "Market commentary", "project_slug": "market-commentary",
            "purpose": "Summarise market commentary for the morning meeting; about ten people, public texts only.",
            "data_classes": ["public"], "affected": "team", "users": 10, "about_people": "no",
            "autonomy": "suggests", "region": "eu",
        },
        "people": {"people": []},
        "models": {"routes": wanted, "environments": ["development", "production"], "tools": ""},
        "volume": {"calls_per_day": dict.fromkeys(wanted, 200), "input_tokens": 3000, "output_tokens": 400},
        "isolation": {"level": "shared", "reason": ""},
        "terms": {"accepted": True},
    }  # fmt: skip


@contextmanager
def _served(slugs: set[str], *, by: Actor) -> Iterator[None]:
    """Let the routes that are off be asked for, as they were in those days; the audit tells that they are off again."""
    off = list(Route.objects.filter(slug__in=slugs, is_enabled=False))
    Route.objects.filter(pk__in=[route.pk for route in off]).update(is_enabled=True)
    yield
    Route.objects.filter(pk__in=[route.pk for route in off]).update(is_enabled=False)
    for route in off:
        record("route.disabled", by=by, subject=route, reason="nobody has connected a provider that serves it")


def _replay(asked: Asked, people: dict[str, User], environments: dict[str, Environment], begun: dt.datetime) -> None:
    at = begun - dt.timedelta(days=asked.days_ago)
    request = request_access(
        environment=environments[asked.environment],
        route=Route.objects.select_related("model").get(slug=asked.route),
        purpose=asked.purpose,
        expected_calls_per_day=asked.calls_a_day,
        by=people[asked.by],
        at=at,
    )
    for author, text in asked.remarks:
        comment(request=request, text=text, by=people[author])
    request.comments.update(at=at + dt.timedelta(hours=2))
    for said in asked.votes:
        review = Review.objects.select_related("request", "board").get(request=request, outcome=Review.Outcome.OPEN)
        vote(
            review=review,
            verdict=said.verdict,
            comment=said.why,
            by=people[said.voter],
            at=at + dt.timedelta(hours=said.after_hours),
        )
    _settle(request, begun)


def _settle(request: Request, begun: dt.datetime) -> None:
    request.refresh_from_db()
    told = Notification.objects.filter(path=request.get_absolute_url(), created_at__gte=begun)
    if request.closed_at is not None:
        told.update(created_at=request.closed_at, read_at=request.closed_at)
        Grant.objects.filter(decision__request=request).update(granted_at=request.closed_at)
    else:
        told.update(created_at=request.created_at)
