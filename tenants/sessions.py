"""Where somebody is signed in, and ending it there: one session, or all but the one that asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from allauth.usersessions.models import UserSession
from django.db import transaction

from audit.record import record
from refusals.errors import Missing
from tenants.models import User


def of(user: User) -> list[UserSession]:
    """The sessions of `user` that still last, the newest first."""
    found: list[UserSession] = UserSession.objects.purge_and_list(user)
    return sorted(found, key=lambda session: session.last_seen_at, reverse=True)


def find(user: User, key: Any) -> UserSession:
    """One of the sessions of `user`. Raises `Missing`."""
    session = UserSession.objects.filter(user=user, pk=key).first()
    if session is None:
        raise Missing("You have no such session. It may have ended already.")
    return session


@transaction.atomic
def end(*, sessions: Sequence[UserSession], by: User) -> int:
    """Sign out where these sessions are; how many there were."""
    for session in sessions:
        session.end()
    if sessions:
        record("person.sessions_ended", by=by, subject=sessions[0].user, sessions=len(sessions))
    return len(sessions)
