"""To whom a tenant is closed now: who comes from another network than it allows, or has no second factor.

It binds members, by their membership. Who sees every tenant by a role above is not bound, so that somebody can mend it;
a service account has no second factor to show.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from refusals.errors import Forbidden
from tenants.client_address import Address
from tenants.models import Membership
from tenants.networks import are_from
from tenants.whence import Whence

SET_UP = "/account/second-factor/"


class ClosedToYou(Forbidden):
    """A member may not open the tenant as they come now; what to do is said."""

    code = "closed_to_you"


class FromAnotherNetwork(ClosedToYou):
    code = "network_not_allowed"
    title = "Not from this network"


class SecondFactorNeeded(ClosedToYou):
    code = "second_factor_needed"
    title = "A second factor is needed"


@dataclass(frozen=True, slots=True)
class Asked:
    """What one tenant asks of who comes in."""

    tenant: UUID
    slug: str
    name: str
    networks: tuple[str, ...] = ()
    second_factor_from: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """How somebody stands before a tenant's door."""

    whence: Whence
    has_second_factor: bool
    is_service: bool = False

    @property
    def shows_second_factor(self) -> bool:
        return self.has_second_factor or self.whence.vouched or self.is_service


@dataclass(frozen=True, slots=True)
class Closed:
    """A tenant that a person belongs to and may not open now. `because` is `network` or `second_factor`."""

    asked: Asked
    because: str
    seen: Address | None = None

    def refusal(self, lead: str = "") -> ClosedToYou:
        """What the person is told; `lead` begins it where it is not known that they asked for this tenant."""
        if self.because == "network":
            whence = f"you come from {self.seen}" if self.seen else "where you come from cannot be told"
            return FromAnotherNetwork(
                f"{lead}{self.asked.name} can be opened from certain networks only, and {whence}. Come from one of "
                f"them, or have an owner of {self.asked.name} or the platform team change which they are.",
                tenant=self.asked.slug, address=str(self.seen or ""),
            )  # fmt: skip
        return SecondFactorNeeded(
            f"{lead}{self.asked.name} is open to people with a second factor, and your account has none. Set one "
            "up, an authenticator app or a passkey; then you come back here.",
            way_out=SET_UP, tenant=self.asked.slug,
        )  # fmt: skip


def because(asked: Asked, person: Person, now: dt.datetime) -> str:
    """Why what is `asked` closes a tenant to `person`, "" where it does not."""
    if asked.networks and not are_from(person.whence.address, asked.networks):
        return "network"
    if asked.second_factor_from and asked.second_factor_from <= now and not person.shows_second_factor:
        return "second_factor"
    return ""


def closed_to(asked: Iterable[Asked], person: Person) -> tuple[Closed, ...]:
    """The tenants that are closed to `person` now."""
    now = timezone.now()
    found = ((each, because(each, person, now)) for each in asked)
    return tuple(Closed(each, why, person.whence.address) for each, why in found if why)


def asked_later(asked: Iterable[Asked], person: Person) -> tuple[Asked, ...]:
    """The tenants that will be closed to `person` for want of a second factor, the first one first."""
    if person.shows_second_factor:
        return ()
    now = timezone.now()
    later = [each for each in asked if each.second_factor_from and each.second_factor_from > now]
    return tuple(sorted(later, key=lambda each: each.second_factor_from or now))


def asking(memberships: Any) -> Any:
    """Those of `memberships` whose tenant asks anything."""
    return memberships.exclude(Q(tenant__allowed_networks=[]) & Q(tenant__second_factor_from=None))


def asked_of(membership: Membership) -> Asked:
    """What the tenant of `membership` asks."""
    tenant = membership.tenant
    return Asked(tenant.pk, tenant.slug, tenant.name, tuple(tenant.allowed_networks), tenant.second_factor_from)
