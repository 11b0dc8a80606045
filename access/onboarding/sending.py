"""Send a complete draft to the board, once; and again after it came back."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from access.models import Onboarding
from access.onboarding.drafting import lock_editable, note_sent
from access.onboarding.estimating import estimate
from access.onboarding.forms import TERMS_VERSION
from access.onboarding.pages import unanswered
from approvals.models import Request
from approvals.sending import change
from approvals.sending import send as send_again
from approvals.states import State
from approvals.submit import OpenRequestExists, before_several, submit, take_turn
from approvals.withdraw import withdraw
from refusals.errors import Invalid
from tenants.alike import slug_skeleton
from tenants.models import User
from tenants.risk.tiers import USE_CASE, assess
from tenants.structure import SlugTaken, refuse_taken
from ui.formatting import money

KIND = "onboarding"


class Incomplete(Invalid):
    """A page lacks its answer."""

    code = "incomplete"


@transaction.atomic
def send(*, onboarding: Onboarding, by: User) -> Request:
    """Ask the board for the tenant that the answers describe.

    Raises `Incomplete`, `SlugTaken`, `NotEditable` and the refusals of `approvals.submit`.
    """
    kept = lock_editable(onboarding)
    refuse_unfit(kept)
    team = kept.answers["team"]
    kept.state, kept.changed_at = Onboarding.State.SENT, timezone.now()
    kept.save(update_fields=["state", "changed_at"])
    request = _submitted(
        sent_back=kept.request if kept.request and kept.request.state == State.SENT_BACK else None,
        subject_key=slug_skeleton(team["slug"]),  # of two names that look alike one can be asked for at a time
        title=f"{team['name']} asks to become a tenant",
        reason=kept.answers["use-case"]["purpose"],
        facts=facts_of(kept),
        by=by,
        way_back=_way_to(kept, "team"),
    )
    if request.state == State.IN_REVIEW:
        kept.request = request
        kept.save(update_fields=["request"])
    else:  # it is left to who asks, and set up already
        kept.refresh_from_db()
    note_sent(kept, by)
    return request


def refuse_unfit(onboarding: Onboarding) -> None:
    """Raise why its answers cannot be sent as they are: `Incomplete`, `SlugTaken`."""
    missing = unanswered(onboarding.answers)
    if missing:
        first = missing[0]
        raise Incomplete(
            f"“{first.title}” is not answered yet.", field=first.slug, way_out=_way_to(onboarding, first.slug)
        )
    if onboarding.answers["terms"].get("version") != TERMS_VERSION:
        raise Incomplete("The terms have changed since. Read and accept them again.", field="terms",
                         way_out=_way_to(onboarding, "terms"))  # fmt: skip
    try:
        refuse_taken(onboarding.answers["team"]["slug"])
    except SlugTaken as taken:
        raise SlugTaken(taken.sentence, field="slug", way_out=_way_to(onboarding, "team")) from taken


def facts_of(onboarding: Onboarding) -> dict[str, Any]:
    """What the request keeps of complete answers: all of them, the tier that follows and what it would cost."""
    answers = onboarding.answers
    team, use_case = answers["team"], answers["use-case"]
    risk, expected = assess(USE_CASE, use_case), estimate(answers)
    return {
        "name": team["name"],
        "slug": team["slug"],
        "cost_centre": team["cost_centre"],
        "project_name": use_case["project_name"],
        "project_slug": use_case["project_slug"],
        "answers": answers,
        "risk_tier": risk.tier,
        "risk_reasons": list(risk.reasons),
        "risk_rules": risk.version,
        "risk_maps": [each.key for each in risk.maps],
        "expected_cost_a_month": [money(total, currency) for currency, total in expected.sums] if expected else [],
        "onboarding": str(onboarding.pk),
    }


def _submitted(*, sent_back: Request | None, by: User, way_back: str, **asked: Any) -> Request:
    """Hand the question in, under the number of the one that was `sent_back` where the name is still the same. Somebody
    else's open request for the same name is not shown: only one's own is followed."""
    take_turn()
    if sent_back is not None and sent_back.subject_key == asked["subject_key"]:
        Request.objects.select_for_update(of=("self",), no_key=True).get(pk=sent_back.pk)
        before_several()
        changed = change(request=sent_back, title=asked["title"], reason=asked["reason"], by=by)
        return send_again(request=changed, by=by)
    if sent_back is not None:  # another name is another question
        before_several()
        withdraw(request=sent_back, by=by)
    try:
        return submit(subject_kind=KIND, by=by, **asked)
    except OpenRequestExists as earlier:
        if Request.objects.filter(number=earlier.facts["number"], requester=by).exists():
            raise
        raise SlugTaken(
            "Somebody has asked for this short name, or for one that looks like it, already. Choose another.",
            field="slug", way_out=way_back,
        ) from None  # fmt: skip


def _way_to(onboarding: Onboarding, page: str) -> str:
    return reverse("access:onboarding-page", args=[onboarding.pk, page])
