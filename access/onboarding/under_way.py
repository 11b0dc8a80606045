"""What of a person's onboardings waits for them: a draft, what came back, what stopped, a tenant to begin with."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from access.models import Onboarding
from access.onboarding.pages import STEPS, unanswered
from tenants.models import User
from usage.models import Call

NEW_FOR = dt.timedelta(days=14)
MAX_SHOWN = 5
State = Onboarding.State


@dataclass(frozen=True)
class Waiting:
    """One onboarding: how far it is in words, what to do next and where."""

    onboarding: Onboarding
    words: str
    verb: str
    path: str


def waiting_for(person: User) -> list[Waiting]:
    """What changed last first. A tenant that is ready is shown for two weeks, until its first call."""
    rows = Onboarding.objects.filter(requester=person).select_related("request", "tenant")
    is_used = Exists(Call.objects.filter(tenant=OuterRef("tenant")))
    is_old = Q(changed_at__lt=timezone.now() - NEW_FOR)
    shown = rows.exclude(Q(state=State.READY) & (is_old | Q(is_used)))
    return [each for each in map(_waiting, shown) if each is not None][:MAX_SHOWN]


def _waiting(row: Onboarding) -> Waiting | None:
    path = row.get_absolute_url()
    match row.state:
        case State.PROVISIONING:
            return Waiting(row, "It was approved and is being set up.", "Follow it", path)
        case State.FAILED:
            return Waiting(row, f"Setting it up stopped. {row.error}", "See what to do", path)
        case State.READY if row.tenant is not None and row.tenant.archived_at is None:
            welcome = reverse("access:welcome", args=[row.tenant.slug])
            return Waiting(row, "It is ready, and nobody has called a model yet.", "See what to do next", welcome)
    if not row.is_editable:
        return None  # with the board, which “Your requests” shows, or archived
    if row.state == State.SENT:
        return Waiting(row, "It came back. Your answers are kept.", "Change your answers", path)
    missing = unanswered(row.answers)
    words = f"A draft: {len(missing)} of {len(STEPS)} pages to go." if missing else "A draft, ready to be sent."
    return Waiting(row, words, "Go on", path)
