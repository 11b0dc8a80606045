"""Who decides on a capability in a tenant now, and whether one thing that is asked is left to the tenant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from approvals.delegation.capabilities import Capability, capabilities, capability_of
from approvals.delegation.tables import Delegation, Mode
from tenants.models import Tenant

AS_INSTALLED = "As installed."


@dataclass(frozen=True)
class Standing:
    """Who decides on `capability`, by which version (None: as installed); `is_own` where it holds for one tenant."""

    capability: Capability
    mode: Mode
    threshold: Mapping[str, str]
    sentence: str
    row: Delegation | None = None

    @property
    def is_own(self) -> bool:
        return self.row is not None and self.row.tenant_id is not None

    @property
    def version(self) -> int:
        """0: as installed."""
        return self.row.version if self.row else 0

    @property
    def words(self) -> str:
        """Who decides, as people read it."""
        return self.capability.words(self.mode, self.threshold)

    @property
    def means(self) -> str:
        """What it comes to."""
        return self.capability.means[self.mode]

    def leaves_to_tenant(self, measured: Mapping[str, Any] | None) -> bool:
        """Whether the tenant decides on what measures `measured`, by the names of the capability's thresholds.

        A measure that is not named is not asked for (a request for one limit says nothing of the others); None: it is
        the platform's in every mode.
        """
        if measured is None:
            return False
        if self.mode != Mode.ABOVE:
            return self.mode == Mode.TENANT
        bounds = [each for each in self.capability.thresholds if each.name in measured]
        return bool(bounds) and not any(
            each.is_above(self.threshold.get(each.name, ""), measured[each.name])
            if each.name in self.threshold
            else True
            for each in bounds
        )

    def frozen(self) -> dict[str, Any]:
        """What a request keeps of it."""
        return {
            "capability": self.capability.slug,
            "mode": str(self.mode),
            "threshold": dict(self.threshold),
            "version": self.version,
            "tenant": self.row.tenant.slug if self.row and self.row.tenant else "",
            "sentence": self.sentence,
        }


def standing(slug: str, tenant: Tenant | None) -> Standing:
    """Who decides on the capability called `slug` in `tenant` (None: where there is no tenant yet)."""
    return standing_in_each(slug, [tenant])[0]


def standing_in_each(slug: str, tenants: Sequence[Tenant | None]) -> list[Standing]:
    """The same in each of `tenants`, asked at once."""
    return [told for (told,) in _in_each([capability_of(slug)], tenants)]


def standings(tenant: Tenant | None) -> list[Standing]:
    """Who decides on each capability in `tenant` (None: in all that have no exception)."""
    return _in_each(capabilities(), [tenant])[0]


def _in_each(asked: list[Capability], tenants: Sequence[Tenant | None]) -> list[list[Standing]]:
    keys = [tenant.pk if tenant else None for tenant in tenants]
    rows = Delegation.objects.filter(
        Q(tenant=None) | Q(tenant__in=[key for key in keys if key]),
        capability__in=[each.slug for each in asked],
        superseded_at=None,
    )
    found = {(row.capability, row.tenant_id): row for row in rows.select_related("tenant") if row.mode}
    return [
        [standing_of(each, found.get((each.slug, key)) or found.get((each.slug, None))) for each in asked]
        for key in keys
    ]


def standing_of(capability: Capability, row: Delegation | None) -> Standing:
    """What `row` says, or (None) what holds as installed."""
    if row is None:
        return Standing(capability, capability.default, {}, AS_INSTALLED)
    return Standing(capability, Mode(row.mode), row.threshold, row.sentence, row)
