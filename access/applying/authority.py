"""Whether who applies a file may do each of its steps: what the verb of the step asks, before anything is done."""

from __future__ import annotations

from typing import Any

from access.changing import WIDENS
from access.conditions import Conditions
from refusals.errors import Refusal
from tenants import scoping
from tenants.delegation import (
    MANAGE_MEMBERS,
    MANAGE_TENANT,
    gives,
    gives_at,
    require_assignable,
    require_assignable_in_project,
)
from tenants.models import Project, Tenant, User
from usage.bodies.setting import SET
from usage.limits.authority import require_setter
from usage.limits.places import Place

WIDER = "That is less than was decided. Ask for access anew with what you need, or have the platform team change it."


class Authority:
    """What `by` may do in `tenant`. Who is no person (an operator at the command line, a job) may do everything."""

    def __init__(self, by: Any, tenant: Tenant) -> None:
        self.person = by if isinstance(by, User) else None
        self.tenant = tenant
        self._told: dict[tuple[str, ...], str] = {}
        self.holds = scoping.held_within(by, tenant) if isinstance(by, User) else scoping.Held()

    @property
    def held(self) -> frozenset[str]:
        """What they hold in all of the tenant."""
        return self.holds.in_tenant

    def over_tenant(self) -> str:
        """Why they may not change the tenant and its projects, "" where they may."""
        return self._lacks(MANAGE_TENANT)

    def over_roles(self, *roles: str) -> str:
        """Why they may not give or take these roles."""
        if self.person is None:
            return ""
        if MANAGE_MEMBERS not in self.held:
            return self._lacks(MANAGE_MEMBERS)
        if roles not in self._told:  # the same few again and again, however many members a file names
            self._told[roles] = self._refusal(*roles)
        return self._told[roles]

    def _refusal(self, *roles: str) -> str:
        try:
            require_assignable(self.person, self.tenant, self.held, *roles)  # type: ignore[arg-type]  # a person
        except Refusal as refusal:
            return refusal.sentence
        return ""

    def over_making(self, permissions: frozenset[str]) -> str:
        """Why they may not make or change a role so that it gives or takes these."""
        if self.person is None:
            return ""
        beyond = sorted(permissions - gives(self.person, self.tenant))
        if beyond and not self.over_tenant():
            return f"A role gives no more than you hold, and you may not “{scoping.words(beyond[0])}”."
        return self.over_tenant()

    def over_project_roles(self, project: Project | str, *roles: str) -> str:
        """Why they may not give or take these roles in `project`, or in one of that name which may be yet to make."""
        if self.person is None:
            return ""
        if isinstance(project, str):
            found = (
                None if self.tenant._state.adding else Project.objects.filter(tenant=self.tenant, slug=project).first()
            )
            project = found or Project(tenant=self.tenant, slug=project, name=project)
        project.tenant = self.tenant
        try:
            require_assignable_in_project(gives_at(self.person, project), project, *roles)
        except Refusal as refusal:
            return refusal.sentence
        return ""

    def over_limits(self, place: Place, **asked: Any) -> str:
        """Why they may not set at `place` what is `asked`, `amounts` or a `budget` as `require_setter` reads them."""
        if self.person is None:
            return ""
        try:
            require_setter(self.person, place, **asked)
        except Refusal as refusal:
            return refusal.sentence
        return ""

    def over_conditions(self, place: Place, wanted: Conditions, now: Conditions) -> str:
        """Why they may not demand `wanted` of the calls of an environment instead of what is demanded `now`."""
        if self.person is None:
            return ""
        if MANAGE_TENANT not in self.holds.at(place.row):
            return scoping.lacking(MANAGE_TENANT, place.row).sentence
        return "" if wanted.is_within(now) or self.person.has_perm(WIDENS) else WIDER

    def over_content(self, place: Place) -> str:
        """Why they may not say what is kept of the calls at `place`."""
        if self.person is None or SET in self.holds.at(place.row):
            return ""
        return scoping.lacking(SET, place.row).sentence

    def _lacks(self, permission: str) -> str:
        if self.person is None or permission in self.held:
            return ""
        return scoping.lacking(permission, self.tenant).sentence
