"""Switch people off and on again. Who is off cannot sign in, and what they hold opens nothing."""

from __future__ import annotations

from typing import Any

from allauth.usersessions.models import UserSession
from django.db import transaction
from django.dispatch import Signal

from audit.record import record
from refusals.errors import Conflict
from tenants.changes import announce
from tenants.memberships import refuse_last_of_platform
from tenants.models import Appointment, Tenant, User
from tenants.timing import end_of_person, hold_tenants_of

# Sent inside the transaction in which somebody was switched off, with `user` and `by`: rooms above look after what
# that leaves behind.
deactivated = Signal()


class YourOwnAccount(Conflict):
    code = "your_own_account"
    title = "Not your own account"


@transaction.atomic
def deactivate(*, user: User, by: Any, reason: str = "") -> User:
    """End every session of `user`, their tokens, keys and running calls from now on; a second time changes nothing.

    Keys of service accounts and of nobody in particular go on working. Raises `YourOwnAccount`, `LastOfPlatform`.
    """
    if by == user:
        raise YourOwnAccount("You cannot switch off your own account. Ask somebody else of the platform team.")
    if Appointment.objects.filter(user=user, role="platform").exists():
        refuse_last_of_platform(user)
    tenants = hold_tenants_of(user)
    locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if locked.is_active:
        locked.is_active = False
        locked.save(update_fields=["is_active"])
        for session in UserSession.objects.filter(user=locked):
            session.end()
        end_of_person(locked, tenants, by=by)
        record("person.deactivated", by=by, subject=locked, user=locked.username, reason=reason)
        deactivated.send(User, user=locked, by=by)
        announce("holder", locked.pk)
    return locked


@transaction.atomic
def activate(*, user: User, by: Any) -> User:
    """Let `user` sign in again with what they held before; a second time changes nothing."""
    tenants = hold_tenants_of(user)
    locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not locked.is_active:
        end_of_person(locked, tenants, by=by)  # what somebody granted while they were being switched off
        locked.is_active = True
        locked.save(update_fields=["is_active"])
        record("person.activated", by=by, subject=locked, user=locked.username)
        announce("holder", locked.pk)
    return locked


def left_without_owner(user: User) -> list[Tenant]:
    """The tenants whose only active owner `user` is: what to settle before or after switching them off."""
    owned = Tenant.objects.filter(memberships__user=user, memberships__role="owner")
    others = Tenant.objects.filter(memberships__role="owner", memberships__user__is_active=True)
    return list(owned.exclude(pk__in=others.exclude(memberships__user=user).values("pk")).distinct())
