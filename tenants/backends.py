"""Signing in, and what a person may do above tenants."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import Permission

from tenants.models import User
from tenants.reach import with_reach
from tenants.scope import everything
from tenants.timing import holds_for_a_time, settle_person


class AccountBackend(AuthenticationBackend):
    """django-allauth's sign-in; permissions above tenants, of the person and of their groups, are read in one query."""

    def get_user(self, user_id: Any) -> User | None:
        """The active person of a session, with the tenants in reach."""
        with everything("who is asking is looked up"):
            found = with_reach(User.objects.filter(pk=user_id)).annotate(_is_timed=holds_for_a_time("pk"))
            person = found.first()
            if person is not None and vars(person)["_is_timed"]:
                settle_person(person.pk)
        return person if person is not None and self.user_can_authenticate(person) else None

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """`app.codename` of all that `user_obj` holds on no particular object; kept with the object for the request."""
        if obj is not None or not user_obj.is_active or user_obj.is_anonymous:
            return set()
        if user_obj.is_superuser:
            return set(super().get_all_permissions(user_obj))
        if not hasattr(user_obj, "_perm_cache"):
            columns = ("content_type__app_label", "codename")
            own = Permission.objects.filter(user=user_obj).order_by().values_list(*columns)
            of_groups = Permission.objects.filter(group__user=user_obj).order_by().values_list(*columns)
            user_obj._perm_cache = {f"{label}.{codename}" for label, codename in own.union(of_groups).order_by()}
        return set(user_obj._perm_cache)
