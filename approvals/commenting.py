"""Say something in the conversation of a request, whatever its state."""

from __future__ import annotations

from django.db import transaction

from approvals.models import Comment, Request
from approvals.scoping import requests_for
from approvals.submit import told_to
from approvals.telling import tell
from approvals.voting import stated
from audit.record import record
from refusals.errors import Missing
from tenants.models import User


@transaction.atomic
def comment(*, request: Request, text: str, by: User) -> Comment:
    """Add a comment; the requester and whoever spoke or voted is told. Raises `Missing`, `CommentMissing`."""
    if not requests_for(by).filter(pk=request.pk).exists():
        raise Missing("There is no such request, or it is not yours to see.")
    said = Comment.objects.create(request=request, author=by, text=stated(text))
    record("request.commented", by=by, subject=request, tenant=told_to(request))
    spoke = set(request.comments.values_list("author", flat=True))
    voted = set(User.objects.filter(votes__review__request=request).values_list("pk", flat=True))
    told = User.objects.filter(pk__in={request.requester_id, *spoke, *voted}, is_active=True).exclude(pk=by.pk)
    tell(told, request, kind="conversation", title=f"{by} on {request.title}", body=said.text)
    return said
