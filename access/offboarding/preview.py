"""What leaving concerns, before anybody decides: how many rows of each kind go, and what stays and why."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Model, Value

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
    for model, count in _counted(tenant):
        name = str(model._meta.verbose_name_plural)
        if model._meta.label in STAYING:
            staying.append((name, count, STAYING[model._meta.label]))
        else:
            going.append((name, count))
    return Concerned(
        keys=ApiKey.objects.usable().filter(tenant=tenant).count(),
        members=Membership.objects.filter(tenant=tenant).count(),
        going=sorted(going),
        staying=sorted(staying),
    )


def _counted(tenant: Tenant) -> list[tuple[type[Model], int]]:
    """Each model of which `tenant` has rows, with how many; asked at once."""
    models = {model._meta.label: model for model in owned_models()}
    each = [
        model._base_manager.filter(**{path_to_tenant(model) or "tenant": tenant.pk})
        .order_by()
        .values_list(Value(label))
        .annotate(count=Count("pk"))
        for label, model in models.items()
    ]
    counts = each[0].union(*each[1:], all=True).order_by()
    return [(models[label], count) for label, count in counts if count]
