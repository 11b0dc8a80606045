"""Lists of invitations and requests to join as they are searched and sorted, on pages and in the API alike."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from tenants.arrivals import Invitation, JoinRequest

INVITATION_SORTS = {
    "email": "email", "role": "role", "sent": "last_sent_at", "expires": "expires_at", "created_at": "created_at",
}  # fmt: skip
INVITATION_STATES = {
    "invited": "Waiting", "expired": "Expired", "accepted": "Accepted", "declined": "Declined",
    "withdrawn": "Withdrawn",
}  # fmt: skip
JOIN_SORTS = {"person": "user__display_name", "created_at": "created_at"}
JOIN_STATES = {
    "waiting": "Waiting", "admitted": "Admitted", "declined": "Declined", "withdrawn": "Withdrawn",
    "expired": "Expired",
}  # fmt: skip


def invitations(rows: QuerySet[Invitation], *, text: str = "", state: str = "") -> QuerySet[Invitation]:
    """Those of `rows` in a state of `INVITATION_STATES` with the words of `text` in the address or as role."""
    found: Any = rows.in_state(state) if state else rows  # type: ignore[attr-defined]  # our own query set
    for word in text.split():
        found = found.filter(Q(email__icontains=word) | Q(role=word))
    narrowed: QuerySet[Invitation] = found
    return narrowed


def join_requests(rows: QuerySet[JoinRequest], *, text: str = "", state: str = "") -> QuerySet[JoinRequest]:
    """Those of `rows` in a state of `JOIN_STATES` with the words of `text` in the person's names or the sentence."""
    found: Any = rows.in_state(state) if state else rows  # type: ignore[attr-defined]  # our own query set
    for word in text.split():
        found = found.filter(
            Q(user__username__icontains=word) | Q(user__display_name__icontains=word) | Q(sentence__icontains=word)
        )
    narrowed: QuerySet[JoinRequest] = found
    return narrowed
