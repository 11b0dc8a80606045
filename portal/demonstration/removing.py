"""Remove the demonstration: its people, its tenants, and everything that was done in them by anybody; the audit stays.

Real people who were members of its tenants keep their accounts. People of the demonstration who are named in what
real people did (a vote on a real request, a key of a real tenant) are not erased, for then the real record would be
false: they stay as accounts that nobody can use, under another user name, so that the demonstration can come again.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from guardian.models import GroupObjectPermission, UserObjectPermission

from approvals.models import Request, Seat
from audit.record import record
from portal.demonstration.loading import LOADER
from tenants.changes import announce
from tenants.departed import REMOVED
from tenants.models import Appointment, Environment, Notification, PersonalToken, Project, Tenant, User
from usage.removing import remove_calls_of


@transaction.atomic
def remove() -> dict[str, int]:
    """Remove everything and count it."""
    tenants = dict(Tenant.objects.filter(is_demonstration=True).values_list("pk", "slug"))
    people = User.objects.filter(is_demonstration=True)
    _end_sessions(people)
    counts: dict[str, Any] = {"calls": remove_calls_of(tenants)}
    # From here on nobody adds anything to these tenants: what refers to them waits, and finds them gone.
    list(Tenant.objects.filter(pk__in=tenants).order_by("pk").select_for_update())
    _remove_requests(list(tenants))
    _remove_permissions(list(tenants))
    for slug in tenants.values():
        Notification.objects.filter(path__startswith=f"/tenants/{slug}/").delete()
    Tenant.objects.filter(pk__in=tenants).delete()
    kept = _retire(people)
    counts |= {"tenants": len(tenants), "people": people.count(), "people_kept": kept}
    people.delete()
    record(REMOVED, by=LOADER, tenant_ids=[str(tenant) for tenant in tenants], **counts)
    for what in ("tenant", "holder", "route"):
        announce(what)
    return counts


def _remove_requests(tenants: list[UUID]) -> None:
    requests = Request.objects.filter(Q(is_demonstration=True) | Q(tenant__in=tenants))
    Notification.objects.filter(path__in=[request.get_absolute_url() for request in requests]).delete()
    requests.delete()


def _remove_permissions(tenants: list[UUID]) -> None:
    for model in (Tenant, Project, Environment):
        path = "pk__in" if model is Tenant else "tenant__in"
        keys = [str(key) for key in model._default_manager.filter(**{path: tenants}).values_list("pk", flat=True)]
        kind = ContentType.objects.get_for_model(model)
        for held in (UserObjectPermission, GroupObjectPermission):
            held.objects.filter(content_type=kind, object_pk__in=keys).delete()


def _retire(people: models.QuerySet[User]) -> int:
    """Take from everybody what they were, and make of those who are named in real records accounts without a use."""
    for rows in (Appointment.objects, Seat.objects, PersonalToken.objects):
        rows.filter(user__in=people).delete()
    kept = _named_in_real_records(people)
    for user in User.objects.filter(pk__in=kept):
        user.set_unusable_password()
        user.is_active, user.is_demonstration, user.email = False, False, ""
        user.username = f"{user.username}.until-{timezone.now():%Y%m%d}-{user.pk.hex[-8:]}"
        user.save(update_fields=["password", "is_active", "is_demonstration", "email", "username"])
        user.user_permissions.clear()
        EmailAddress.objects.filter(user=user).delete()
    return len(kept)


def _named_in_real_records(people: models.QuerySet[User]) -> set[UUID]:
    """Who of `people` is referred to by a row that outlives the demonstration.

    Its tenants are gone by now, so whatever row of a tenant is left is real. Rows that go with their person and belong
    to no tenant (their address, their second factor) are their own; so are the lines of their bell.
    """
    kept: set[UUID] = set()
    for relation in User._meta.get_fields(include_hidden=True):
        if not isinstance(relation, models.ManyToOneRel) or relation.related_model is Notification:
            continue
        model, column = relation.related_model, relation.field.name
        rows = model._base_manager.filter(**{f"{column}__in": people})
        if relation.on_delete is models.CASCADE:
            if not any(field.name == "tenant" for field in model._meta.fields):
                continue
            rows = rows.exclude(tenant=None)
        kept |= set(rows.values_list(column, flat=True))
    return kept


def _end_sessions(people: models.QuerySet[User]) -> None:
    wanted = {str(key) for key in people.values_list("pk", flat=True)}
    ended = [s.pk for s in Session.objects.iterator() if s.get_decoded().get("_auth_user_id") in wanted]
    Session.objects.filter(pk__in=ended).delete()
    UserSession.objects.filter(user__in=people).delete()
