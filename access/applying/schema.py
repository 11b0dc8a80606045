"""What a file says about a tenant: its parts as values. Exporting makes one from the tables, reading one from a text;
a plan is what differs between two of them.

`None` for a part means that the file does not speak of it: then it stays as it is, whatever else is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from access.conditions import Conditions
from usage.bodies.keeping import Keeping

VERSION = 1
type Above = Literal["above"]
ABOVE: Above = "above"


@dataclass(frozen=True, slots=True)
class BudgetPart:
    """A budget of one place for one period; None: as before, or as a new one is unless told."""

    amount: Decimal
    is_hard: bool | None = None
    warn_at: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class PlacePart:
    """What is set at one place: limits by metric, budgets by period, what is kept of its calls (`ABOVE`: it says
    nothing itself, so that what is above it counts)."""

    limits: dict[str, int] | None = None
    budgets: dict[str, BudgetPart] | None = None
    content: Keeping | Above | None = None


@dataclass(frozen=True, slots=True)
class KeyPart:
    """A key by its prefix. A file names keys and never makes one, for a secret is shown once."""

    prefix: str
    name: str
    place: PlacePart = PlacePart()
    line: int = 0


@dataclass(frozen=True, slots=True)
class GrantPart:
    """What the grant of a route demands of every call. A file gives no grant: somebody decides on it."""

    route: str
    conditions: Conditions
    line: int = 0


@dataclass(frozen=True, slots=True)
class EnvironmentPart:
    """One environment of a project. `data_classes` are what it says that it sends (empty: nothing is said)."""

    kind: str
    place: PlacePart = PlacePart()
    keys: tuple[KeyPart, ...] = ()
    data_classes: tuple[str, ...] | None = None
    grants: tuple[GrantPart, ...] | None = None


@dataclass(frozen=True, slots=True)
class MemberPart:
    """A person by user name or e-mail, with a role of the tenant, or of a project."""

    person: str
    role: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class ProjectPart:
    """A project by its short name."""

    slug: str
    name: str | None = None
    purpose: str | None = None
    place: PlacePart = PlacePart()
    environments: tuple[EnvironmentPart, ...] = ()
    roles: tuple[MemberPart, ...] | None = None
    line: int = 0

    def environment(self, kind: str) -> EnvironmentPart:
        return next((each for each in self.environments if each.kind == kind), EnvironmentPart(kind))


@dataclass(frozen=True, slots=True)
class RolePart:
    """A role of the tenant's own by its short name; to see the tenant is always among its permissions."""

    slug: str
    name: str
    sentence: str
    permissions: tuple[str, ...] = ()
    line: int = 0

    @property
    def whole(self) -> tuple[str, ...]:
        return tuple(sorted({*self.permissions, "tenants.view_tenant"}))


@dataclass(frozen=True, slots=True)
class SecurityPart:
    """What the tenant asks of who comes in; a moment as ISO 8601, "" for not asked."""

    email_domains: tuple[str, ...] | None = None
    networks: tuple[str, ...] | None = None
    second_factor_from: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A whole file."""

    slug: str
    name: str | None = None
    cost_centre: str | None = None
    is_discoverable: bool | None = None
    place: PlacePart = PlacePart()
    roles: tuple[RolePart, ...] | None = None
    projects: tuple[ProjectPart, ...] | None = None
    members: tuple[MemberPart, ...] | None = None
    security: SecurityPart = SecurityPart()
    lines: dict[str, int] = field(default_factory=dict, compare=False)
