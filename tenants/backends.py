"""Signing in, and what a person may do above tenants."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import Permission
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet, Value
from django.db.models.functions import Concat
from django.db.models.query import RawQuerySet

from tenants.models import User
from tenants.reach import people
from tenants.scope import everything
from tenants.timing import holds_for_a_time, settle_person

NOBODY = UUID(int=0)


class AccountBackend(AuthenticationBackend):
    """django-allauth's sign-in; permissions above tenants, of the person and of their groups, come with them."""

    def get_user(self, user_id: Any) -> User | None:
        """The active person of a session, as `as_who_asks` reads them."""
        person = as_who_asks(user_id)
        return person if person is not None and self.user_can_authenticate(person) else None

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """`app.codename` of all that `user_obj` holds on no particular object; kept with the object for the request."""
        if obj is not None or not user_obj.is_active or user_obj.is_anonymous:
            return set()
        if user_obj.is_superuser:
            return set(super().get_all_permissions(user_obj))
        if not hasattr(user_obj, "_perm_cache"):
            own = _named(Permission.objects.filter(user=user_obj))
            of_groups = _named(Permission.objects.filter(group__user=user_obj))
            user_obj._perm_cache = set(own.union(of_groups).order_by())
        return set(user_obj._perm_cache)


@everything("who is asking is looked up")
def as_who_asks(user_id: Any) -> User | None:
    """Somebody, with the tenants in reach and what they hold above tenants; what was due has begun or ended."""
    person = next(iter(_asked_for(User._meta.pk.to_python(user_id))), None)
    if person is not None:
        read = vars(person)
        if not person.is_superuser:
            read["_perm_cache"] = {*read["_own_permissions"], *read["_permissions_of_groups"]}
        if read["_is_timed"]:
            settle_person(person.pk)
    return person


def _asked_for(person: UUID) -> RawQuerySet[User]:
    """The person of this key. Every request asks; to make the statement takes longer than all the rest of it."""
    statement, values = _statement()
    return User.objects.raw(statement, [person if value == NOBODY else value for value in values])


@cache
def _statement() -> tuple[str, tuple[Any, ...]]:
    """What is sent for a person and with which values, `NOBODY` where their key belongs."""
    statement, values = _people().filter(pk=NOBODY).query.sql_with_params()
    return statement, tuple(values)


@cache
def _people() -> QuerySet[User]:
    """`tenants.reach.people`, with what they hold above tenants and whether they hold anything for a time."""
    return people().annotate(
        _is_timed=holds_for_a_time("pk"),
        _own_permissions=ArraySubquery(_named(Permission.objects.filter(user=OuterRef("pk")))),
        _permissions_of_groups=ArraySubquery(_named(Permission.objects.filter(group__user=OuterRef("pk")))),
    )


def _named(permissions: QuerySet[Permission]) -> QuerySet[Permission, Any]:
    """Each as `app.codename`."""
    named = Concat("content_type__app_label", Value("."), "codename")
    return permissions.order_by().annotate(named=named).values_list("named", flat=True)
