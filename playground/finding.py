"""Which sessions a person may see: their own, and those that members of the same tenant shared.

Anything else does not exist for them (404).
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from playground.models import Answer, Session, Turn
from refusals.errors import Missing
from tenants.models import User
from tenants.scoping import visible

MAX_SEARCH_LENGTH = 200


def own(viewer: User) -> QuerySet[Session]:
    """The sessions of `viewer` in tenants they still belong to, pinned ones first."""
    return visible(viewer, Session.objects.filter(owner=viewer))


def readable(viewer: User) -> QuerySet[Session]:
    """What `viewer` may read: their own sessions and the shared ones of their tenants."""
    return visible(viewer, Session.objects.filter(Q(owner=viewer) | Q(is_shared=True)))


def containing(sessions: QuerySet[Session], text: str) -> QuerySet[Session]:
    """Those of `sessions` whose name, prompts or answers contain every word of `text`."""
    for word in text.replace("\x00", "")[:MAX_SEARCH_LENGTH].split():
        said = Turn.objects.filter(session=OuterRef("pk"), prompt__icontains=word)
        answered = Answer.objects.filter(turn__session=OuterRef("pk"), text__icontains=word)
        sessions = sessions.filter(Q(name__icontains=word) | Exists(said) | Exists(answered))
    return sessions


def find_own(viewer: User, session_id: UUID | str) -> Session:
    """The session of `viewer`. Raises `Missing`."""
    return _one(own(viewer), session_id)


def find_readable(viewer: User, session_id: UUID | str) -> Session:
    """A session that `viewer` may read. Raises `Missing`."""
    return _one(readable(viewer), session_id)


def _one(sessions: QuerySet[Session], session_id: UUID | str) -> Session:
    session = sessions.filter(pk=session_id).select_related("tenant", "environment__tenant", "environment__project",
                                                            "owner").first()  # fmt: skip
    if session is None:
        raise Missing("There is no such session, or it is not shared with you.")
    return session
