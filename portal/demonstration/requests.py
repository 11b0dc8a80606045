"""What the teams of the demonstration asked for and what the boards said, by the verbs a person would use."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from access.asking import request_access
from access.models import Grant
from access.onboarding import bring_team
from approvals.commenting import comment
from approvals.models import Request, Review
from approvals.voting import vote
from catalog.models import Route
from tenants.models import Environment, Notification, User


@dataclass(frozen=True)
class Said:
    """A vote: who, what, why, and how many hours after the request."""

    voter: str
    verdict: str
    why: str
    after_hours: float


@dataclass(frozen=True)
class Asked:
    """A request for access: who asked, for which environment and route, how many days ago, and what was said."""

    by: str
    environment: str
    route: str
    purpose: str
    days_ago: float
    calls_a_day: int
    votes: tuple[Said, ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()


ASKED = (
    Asked(
        "developer",
        "retail-banking/card-support/development",
        "smollm2",
        "Draft answers to questions about lost and blocked cards. Invented questions only, no customer data.",
        171,
        200,
        (Said("risk-board", "approve", "Development, no customer data, runs inside the house. Fine.", 5),),
    ),
    Asked(
        "developer",
        "retail-banking/card-support/development",
        "smollm2-batch",
        "Run the same questions over night in bulk to compare prompts, without getting in the way of people.",
        140,
        2000,
        (Said("leila.rahimi", "approve", "Same model, same data, billed apart. Fine.", 21),),
    ),
    Asked(
        "tenant-owner",
        "retail-banking/card-support/production",
        "smollm2-customer",
        "Send drafts to agents, who check every one before it reaches a card holder.",
        118,
        1500,
        (
            Said("security-board", "approve", "No data leaves the house; logs hold no card numbers (checked).", 26),
            Said("risk-board", "approve", "An agent checks each answer. Please report complaints monthly.", 49),
        ),
        (("ines.duarte", "The evaluation of 400 answers is in the project's folder; 3 % needed a rewrite."),),
    ),
    Asked(
        "amir.haddad",
        "claims/document-triage/development",
        "smollm2",
        "Sort scanned letters into eleven kinds. Made-up letters only.",
        150,
        300,
        (Said("leila.rahimi", "approve", "Made-up letters, development. Fine.", 8),),
    ),
    Asked(
        "claire.fontaine",
        "claims/document-triage/production",
        "smollm2-customer",
        "Sort all incoming letters without a person looking at them.",
        64,
        4000,
        (
            Said("jonas.lindqvist", "approve", "Stays inside the house.", 30),
            Said(
                "risk-board",
                "refuse",
                "A wrong kind delays a claim by weeks and nobody would notice. Ask again with a person checking"
                " doubtful letters, and with the share of wrong ones.",
                77,
            ),
        ),
    ),
    Asked(
        "mei.chen",
        "research/literature-review/development",
        "smollm2",
        "Draft summaries of published papers.",
        132,
        100,
        (Said("risk-board", "approve", "Public texts. Fine.", 3),),
    ),
    Asked(
        "samuel.ortiz",
        "research/code-helper/development",
        "smollm2-batch",
        "Explain analysis scripts in bulk for new colleagues.",
        45,
        500,
        (Said("leila.rahimi", "approve", "Scripts hold no personal data (spot-checked ten).", 19),),
    ),
    Asked(
        "claire.fontaine",
        "claims/document-triage/production",
        "smollm2",
        "Second try: sort letters, with a person checking every doubtful one. Wrong kinds in the test: 1.8 % of 2,000.",
        3,
        4000,
        (Said("security-board", "approve", "As before: stays inside the house.", 20),),
        (("risk-board", "How do you decide that a letter is doubtful?"), ("claire.fontaine", "Below 0.8 confidence.")),
    ),
    Asked(
        "amir.haddad",
        "claims/loss-summaries/test",
        "smollm2",
        "Summaries of loss reports for the evaluation set; names are replaced before sending.",
        1.2,
        150,
    ),
)


def create(people: dict[str, User], environments: dict[str, Environment]) -> None:
    """Send every request and cast every vote, dated back; what is over is shown as read in the bells."""
    begun = timezone.now()
    for asked in ASKED:
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
    bring_team(
        name="Treasury",
        slug="treasury",
        purpose="Summarise market commentary for the morning meeting; about ten people, public texts only.",
        cost_centre="CC-6100",
        by=people["victor.almeida"],
    )


def _settle(request: Request, begun: dt.datetime) -> None:
    request.refresh_from_db()
    told = Notification.objects.filter(path=request.get_absolute_url(), created_at__gte=begun)
    if request.closed_at is not None:
        told.update(created_at=request.closed_at, read_at=request.closed_at)
        Grant.objects.filter(decision__request=request).update(granted_at=request.closed_at)
    else:
        told.update(created_at=request.created_at)
