"""What a change of who decides would do: who gains, who loses, and where past requests would have gone."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils import timezone
from guardian.models import UserObjectPermission

from approvals.delegation.capabilities import Capability
from approvals.delegation.standing import Standing
from approvals.delegation.tables import Delegation, Mode
from approvals.models import Board, Policy, Request
from approvals.subjects import kind_of
from tenants.models import Tenant, User
from tenants.scope import everything

LOOK_BACK = dt.timedelta(days=90)
MOST_LOOKED_AT = 2000
MOST_TENANTS = 20
RANK = {Mode.PLATFORM: 0, Mode.ABOVE: 1, Mode.TENANT: 2}  # how much is left to tenants


@dataclass(frozen=True)
class Side:
    """Somebody who gains or loses: who, the people of it by name (the first few), and how many there are."""

    who: str
    people: tuple[str, ...]
    count: int

    @property
    def names(self) -> str:
        """Who it is, as people read it."""
        more = self.count - len(self.people)
        return ", ".join(self.people) + (f" and {more} more" if more else "") if self.people else "nobody at present"


@dataclass(frozen=True)
class Preview:
    """What `before` becoming `after` does. `tenants` counts those it holds for; `past` requests of the last 90 days
    were decided by the platform (`before_platform`) and would have been (`after_platform`)."""

    before: Standing
    after: Standing
    tenants: int
    gains: tuple[Side, ...]
    loses: tuple[Side, ...]
    not_shown: int
    past: int
    before_platform: int
    after_platform: int

    @property
    def words(self) -> str:
        """Which way it goes, in one sentence."""
        was, will = RANK[self.before.mode], RANK[self.after.mode]
        if was == will:
            return "The threshold moves; the same people decide, on more or on less."
        more = "Tenants decide more" if will > was else "The platform decides more"
        return f"{more}, in {self.tenants} tenant{'' if self.tenants == 1 else 's'}."

    def frozen(self) -> list[dict[str, str]]:
        """As evidence keeps it: a name and a value a line."""
        told = [{"name": "From", "value": f"{self.before.words}. {self.before.means}"},
                {"name": "To", "value": f"{self.after.words}. {self.after.means}"},
                {"name": "What changes", "value": self.words}]  # fmt: skip
        for name, sides in (("Gains", self.gains), ("Loses", self.loses)):
            told += [{"name": f"{name}: {side.who}", "value": side.names} for side in sides]
        if self.not_shown:
            told.append({"name": "And", "value": f"{self.not_shown} more tenants in the same way"})
        told.append({"name": "Requests of the last 90 days", "value": self.history})
        return told

    @property
    def history(self) -> str:
        """Where past requests would have gone, in one sentence."""
        if not self.past:
            return "None was sent, so there is no history to try it against."
        return f"{self.before_platform} of {self.past} went to the platform; {self.after_platform} would go there now."


@everything("the effect of a policy is told for every tenant it holds for, to who may change policies")
def preview(before: Standing, after: Standing, tenant: Tenant | None) -> Preview:
    """Who gains and who loses when `before` becomes `after`, in `tenant` or (None) wherever no exception holds."""
    capability = after.capability
    held_for = _held_for(capability, tenant)
    shown = list(held_for.order_by("name")[:MOST_TENANTS]) if capability.permission else []
    count = held_for.count()
    sides = _of_tenants(capability, shown)
    platform = _of_platform(capability)
    up = RANK[after.mode] - RANK[before.mode]
    gains, loses = (sides, platform) if up > 0 else (platform, sides) if up < 0 else ((), ())
    past = _past(capability, tenant, held_for)
    return Preview(
        before, after, count, gains, loses, max(0, count - len(shown)) if up and capability.permission else 0,
        len(past), *(sum(not _left(standing, request) for request in past) for standing in (before, after)),
    )  # fmt: skip


def _held_for(capability: Capability, tenant: Tenant | None) -> QuerySet[Tenant]:
    if tenant is not None:
        return Tenant.objects.filter(pk=tenant.pk)
    excepted = Delegation.objects.filter(capability=capability.slug, superseded_at=None, tenant__isnull=False)
    return Tenant.objects.filter(archived_at=None).exclude(pk__in=excepted.exclude(mode="").values("tenant"))


def _of_tenants(capability: Capability, tenants: list[Tenant]) -> tuple[Side, ...]:
    app, _, codename = capability.permission.partition(".")
    rows = UserObjectPermission.objects.filter(
        permission__codename=codename, permission__content_type__app_label=app, content_type__model="tenant",
        object_pk__in=[str(tenant.pk) for tenant in tenants], user__is_active=True, user__is_service=False,
    )  # fmt: skip
    people: dict[str, list[str]] = defaultdict(list)
    for row in rows.select_related("user").order_by("user__username"):
        people[row.object_pk].append(str(row.user))
    return tuple(_side(str(tenant), people[str(tenant.pk)]) for tenant in tenants)


def _of_platform(capability: Capability) -> tuple[Side, ...]:
    policies = Policy.objects.in_force().filter(subject_kind__in=capability.kinds)
    named = {stage["board"] for stages in policies.values_list("stages", flat=True) for stage in stages}
    boards = Board.objects.filter(slug__in=named).order_by("name")
    people = {board: User.objects.filter(seats__board=board, is_active=True).order_by("username") for board in boards}
    return tuple(_side(str(board), [str(person) for person in seated]) for board, seated in people.items())


def _side(who: str, people: list[str]) -> Side:
    return Side(who, tuple(people[:5]), len(people))


def _past(capability: Capability, tenant: Tenant | None, held_for: QuerySet[Tenant]) -> list[Request]:
    rows = Request.objects.filter(subject_kind__in=capability.kinds, sent_at__gte=timezone.now() - LOOK_BACK)
    whose = Q(tenant__in=held_for.values("pk"))
    rows = rows.filter(whose if tenant else whose | Q(tenant=None))
    return list(rows.select_related("environment").order_by("-number")[:MOST_LOOKED_AT])


def _left(standing: Standing, request: Request) -> bool:
    environment_kind = request.environment.kind if request.environment else ""
    measured = kind_of(request.subject_kind).measure(request.facts, environment_kind)
    return standing.leaves_to_tenant(measured)
