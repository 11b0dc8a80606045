"""What a letter says: plain text, the same as simple HTML, and the headers that let a mail program turn it off."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from notices.mail import leaving
from tenants.models import Notification, User
from tenants.notice_kinds import DAILY, KINDS


def message(
    notifications: list[Notification], *, to: User, address: str, how: str, claim: UUID
) -> EmailMultiAlternatives:
    """One mail about `notifications` (with their tenants). `claim` names it: sent again, it carries the same id."""
    first, is_summary = notifications[0], how == DAILY
    stop = leaving.link(to, leaving.SUMMARY if is_summary else first.kind)
    context = {
        "to": to,
        "notifications": [(each, f"{settings.PUBLIC_URL}{each.path}" if each.path else "") for each in notifications],
        "kind": KINDS[first.kind],
        "is_summary": is_summary,
        "stop": stop,
        "choose": f"{settings.PUBLIC_URL}/account/notifications/",
    }
    count = len(notifications)
    subject = f"Your day in Atrium: {count} notification{'' if count == 1 else 's'}" if is_summary else first.title
    host = urlsplit(settings.PUBLIC_URL).hostname or "atrium.invalid"
    made = EmailMultiAlternatives(
        " ".join(subject.split()),  # a line break would end the header
        render_to_string("notices/letter.txt", context),
        to=[address],
        headers={
            "Message-ID": f"<{claim}@{host}>",
            "List-Unsubscribe": f"<{stop}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )
    made.attach_alternative(render_to_string("notices/letter.html", context), "text/html")
    return made
