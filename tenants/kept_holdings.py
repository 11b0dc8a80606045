"""What a person holds in tenants and projects: read from django-guardian at once and kept for the request they send."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from tenants import scope

KEPT_S = 1.0  # what takes something away elsewhere is to be seen within a second, also by a stream
_NAME = "holdings"


@dataclass(frozen=True)
class Holdings:
    """By permission (`tenants.view_tenant`) the keys, as text, of the tenants and the projects in which it is held."""

    tenants: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    projects: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def tenants_with(self, permission: str) -> frozenset[UUID]:
        """The keys of the tenants in all of which it is held."""
        return frozenset(map(UUID, self.tenants.get(permission, ())))

    def projects_with(self, permission: str) -> frozenset[UUID]:
        """The keys of the projects in which it is held by a role there."""
        return frozenset(map(UUID, self.projects.get(permission, ())))

    def in_tenant(self, tenant: UUID) -> frozenset[str]:
        """The permissions that are held in all of the tenant with this key."""
        key = str(tenant)
        return frozenset(permission for permission, keys in self.tenants.items() if key in keys)

    def by_project(self) -> dict[UUID, frozenset[str]]:
        """The permissions that are held in single projects, by their keys."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for permission, keys in self.projects.items():
            for key in keys:
                found[key].add(permission)
        return {UUID(key): frozenset(permissions) for key, permissions in found.items()}


def holdings_of(person: Any) -> Holdings:
    """What `person` holds; where it is they who ask, kept with the scope of the request for at most `KEPT_S`."""
    asking = scope.current() if scope.is_set() else None
    if asking is None or asking.person != person.pk:
        return _read(person)
    now = time.monotonic()
    until, found = asking.kept.get(_NAME, (now, None))
    if found is None or until < now:
        found = _read(person)
        asking.kept[_NAME] = (now + KEPT_S, found)
    return found


def forget() -> None:
    """Let what the person holds who asks be read again: somebody's holdings were changed here."""
    in_force = scope.in_force()
    if isinstance(in_force, scope.Scope):
        in_force.kept.pop(_NAME, None)


# As SQL, because every request asks it: putting it together by the ORM takes longer than the answer.
_HELD = """
    SELECT kind.model, 'tenants.' || permission.codename, array_agg(held.object_pk)
      FROM (SELECT permission_id, object_pk FROM guardian_userobjectpermission WHERE user_id = %(person)s
             UNION ALL
            SELECT permission_id, object_pk FROM guardian_groupobjectpermission
              JOIN tenants_user_groups USING (group_id) WHERE user_id = %(person)s) held
      JOIN auth_permission permission ON permission.id = held.permission_id
      JOIN django_content_type kind ON kind.id = permission.content_type_id
     WHERE kind.app_label = 'tenants' AND kind.model IN ('tenant', 'project')
     GROUP BY 1, 2
"""


def _read(person: Any) -> Holdings:
    found = Holdings()
    with connection.cursor() as cursor:
        cursor.execute(_HELD, {"person": person.pk})
        for kind, permission, places in cursor.fetchall():
            (found.tenants if kind == "tenant" else found.projects)[permission].update(places)
    return found
