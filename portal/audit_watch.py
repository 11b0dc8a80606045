"""What is said when the audit is broken: to whom a bell rings, and what stands on the home of those who may see it.

Only the rows of verifications are read; what a verification does is the audit's own affair.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from celery import Task
from celery.signals import task_postrun
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from audit.models import Entry, Verification
from tenants.models import Notification, User
from tenants.notifications import notify
from tenants.roles import PLATFORM_ROLES
from ui.formatting import counted
from ui.places import Card, register_card

PERMISSION = "audit.search_entry"
TOLD_WITHIN = dt.timedelta(days=1)
LATELY = dt.timedelta(days=30)
MAX_WEIGHTY = 5
WEIGHTY = (
    "appointment.made", "appointment.ended", "audit.verification_cancelled", "demonstration.removed", "export.taken",
    "grant.revoked", "key.revoked", "person.deactivated", "policy.changed", "provider.connected",
    "provider.credential_replaced", "provider.disconnected", "session.revealed", "token.issued",
)  # fmt: skip
State = Verification.State


def latest() -> Verification | None:
    """The verification that ended last with an answer, intact or broken; None before the first."""
    answered = Verification.objects.filter(state__in=[State.INTACT, State.BROKEN], finished_at__isnull=False)
    return answered.order_by("-finished_at").first()


def is_broken(verification: Verification) -> bool:
    """Whether it found that the audit was changed."""
    return verification.state == State.BROKEN


@transaction.atomic
def tell_of_findings() -> int:
    """Tell everybody who may see the audit about each broken verification of the last day, once; how many were told."""
    told = 0
    lately = Verification.objects.filter(state=State.BROKEN, finished_at__gt=timezone.now() - TOLD_WITHIN)
    for verification in lately.select_for_update():
        path = reverse("audit:verification", args=[verification.pk])
        if not Notification.objects.filter(path=path).exists():
            told += 1
            count = len(verification.findings)
            notify(
                _who_may_see(),
                kind="platform",
                title=f"The audit is broken: {counted(count, 'finding')}",
                body="Entries were changed behind Atrium's back. Read which, and tell the security board.",
                path=path,
            )
    return told


def register() -> None:
    """Ring the bell when a verification ends, and put the state of the audit on the home of who may see it."""
    task_postrun.connect(_ended, weak=False)
    register_card(Card("portal.audit-broken", 1, "portal/audit_broken_card.html", _broken, wide=True))
    register_card(Card("portal.audit", 6, "portal/audit_card.html", _calm, part="figures"))


def _who_may_see() -> list[User]:
    roles = [role.slug for role in PLATFORM_ROLES.values() if PERMISSION in role.permissions]
    return list(User.objects.filter(appointments__role__in=roles, is_active=True).distinct())


def _ended(task: Task, **_: Any) -> None:
    if task.name == "audit.verify_all":
        tell_of_findings()


def _broken(request: HttpRequest) -> dict[str, Any] | None:
    if not request.user.has_perm(PERMISSION):
        return None
    found = latest()
    return {"verification": found} if found is not None and is_broken(found) else None


def _calm(request: HttpRequest) -> dict[str, Any] | None:
    """The last verification, how much was written lately, and what weighs most of it."""
    if not request.user.has_perm(PERMISSION):
        return None
    today, since = timezone.now().date(), timezone.now() - LATELY
    return {
        "verification": latest(),
        "entries_today": Entry.objects.filter(day=today).count(),
        "weighty": Entry.objects.filter(verb__in=WEIGHTY, at__gt=since).order_by("-at")[:MAX_WEIGHTY],
    }
