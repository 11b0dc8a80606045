"""What a letter says: plain text, the same as simple HTML, and the headers that let a mail program turn it off."""

from __future__ import annotations

from email import policy as policies
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from notices.mail import leaving
from tenants.models import Notification, User
from tenants.notice_kinds import DAILY, KINDS

LONGEST_LINE = 998  # characters of a line, RFC 5322 section 2.1.1


class LetterMessage(EmailMultiAlternatives):
    """A mail whose long headers stay as they are.

    The address in `List-Unsubscribe` has no blank to break at, so a shorter line would be kept by encoding it
    (RFC 2047), which mail programs undo in texts and not in addresses (RFC 2369): the one click would be gone.
    """

    def message(self, *, policy: Any = policies.default) -> EmailMessage:
        made: EmailMessage = super().message(policy=policy.clone(max_line_length=LONGEST_LINE))
        return made


def message(notifications: list[Notification], *, to: User, address: str, how: str, claim: UUID) -> LetterMessage:
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
    made = LetterMessage(
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
