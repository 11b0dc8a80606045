"""What leaving concerns, before anybody decides: how many rows of each kind go, and what stays and why."""

from __future__ import annotations

from dataclasses import dataclass

from access.offboarding.erasing import STAYING
from tenants.models import ApiKey, Membership, Tenant
from tenants.owned import owned_models, path_to_tenant


@dataclass(frozen=True)
class Concerned:
    """`going`: name and number of what is erased; `staying`: name, number and why it is kept, with nobody's name."""

    keys: int
    members: int
    going: list[tuple[str, int]]
    staying: list[tuple[str, int, str]]


def concerned(tenant: Tenant) -> Concerned:
    """What of `tenant` would go and stay."""
    going, staying = [], []
    for model in owned_models():
        path = path_to_tenant(model)
        count = model._base_manager.filter(**{path or "tenant": tenant.pk}).count()
        name = str(model._meta.verbose_name_plural)
        if count and model._meta.label in STAYING:
            staying.append((name, count, STAYING[model._meta.label]))
        elif count:
            going.append((name, count))
    return Concerned(
        keys=ApiKey.objects.usable().filter(tenant=tenant).count(),
        members=Membership.objects.filter(tenant=tenant).count(),
        going=sorted(going),
        staying=sorted(staying),
    )
