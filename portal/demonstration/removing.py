"""Remove the demonstration: its people, its tenants, and everything that was done in them; the audit stays.

People of the demonstration who are named in what real people did (a vote on a real request, a call of a real tenant)
are not erased, for then the real record would be false: they stay as accounts that nobody can use.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import models, transaction
from guardian.models import UserObjectPermission

from approvals.models import Comment, Request, Vote
from audit.record import record
from portal.demonstration.loading import LOADER
from tenants.changes import announce
from tenants.models import Environment, Membership, Project, Tenant, User
from usage.models import Call, PlatformRollup, Rollup


@transaction.atomic
def remove() -> dict[str, int]:
    """Remove everything and count it."""
    tenants = Tenant.objects.filter(is_demonstration=True)
    users = User.objects.filter(is_demonstration=True)
    counts: dict[str, Any] = {"calls": Call.objects.filter(is_demonstration=True).count(), "tenants": tenants.count()}
    _end_sessions(set(users.values_list("pk", flat=True)))
    Call.objects.filter(is_demonstration=True)._raw_delete("default")
    Rollup.objects.filter(is_demonstration=True)._raw_delete("default")
    PlatformRollup.objects.filter(is_demonstration=True)._raw_delete("default")
    Request.objects.filter(is_demonstration=True).delete()
    held_on = [Tenant, Project, Environment]
    for model in held_on:
        path = "pk__in" if model is Tenant else "tenant__in"
        keys = [str(key) for key in model._default_manager.filter(**{path: tenants}).values_list("pk", flat=True)]
        kind = ContentType.objects.get_for_model(model)
        UserObjectPermission.objects.filter(content_type=kind, object_pk__in=keys).delete()
    tenants.delete()
    kept = _named_in_real_records(users)
    for user in User.objects.filter(pk__in=kept):
        user.set_unusable_password()
        user.is_active, user.is_demonstration = False, False
        user.save(update_fields=["password", "is_active", "is_demonstration"])
        for rows in (user.appointments, user.seats, user.personal_tokens):
            rows.all().delete()
    counts["people"] = User.objects.filter(is_demonstration=True).count()
    counts["people_kept"] = len(kept)
    User.objects.filter(is_demonstration=True).delete()
    record("demonstration.removed", by=LOADER, **counts)
    for what in ("key", "grant", "route"):
        announce(what)
    transaction.on_commit(cache.clear)
    return counts


def _named_in_real_records(users: models.QuerySet[User]) -> set[UUID]:
    kept: set[UUID] = set()
    for rows, column in (
        (Call.objects.all(), "user"),
        (Rollup.objects.all(), "user"),
        (Request.objects.all(), "requester"),
        (Vote.objects.all(), "voter"),
        (Comment.objects.all(), "author"),
        (Membership.objects.filter(tenant__is_demonstration=False), "user"),
    ):
        kept |= set(rows.filter(**{f"{column}__in": users}).values_list(column, flat=True))
    return kept


def _end_sessions(users: set[object]) -> None:
    wanted = {str(user) for user in users}
    ended = [s.pk for s in Session.objects.iterator() if s.get_decoded().get("_auth_user_id") in wanted]
    Session.objects.filter(pk__in=ended).delete()
