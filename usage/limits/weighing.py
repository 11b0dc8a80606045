"""Set a tenant's weight: its share where calls have to wait for a deployment, beside the other tenants' that wait."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from audit.record import record
from refusals.errors import Forbidden, Invalid
from tenants.archiving import refuse_archived
from tenants.changes import announce
from tenants.models import LARGEST_WEIGHT, Tenant
from usage.limits.authority import ABOVE


class WeightNotAcceptable(Invalid):
    code = "weight_not_acceptable"


def require_weigher(person: Any) -> None:
    """Raise `Forbidden` unless `person` may weigh tenants against each other."""
    if not person.has_perm(ABOVE):
        raise Forbidden(
            "How tenants weigh against each other is set by the platform team and FinOps.", permission=ABOVE
        )


@transaction.atomic
def set_weight(*, tenant: Tenant, weight: int, by: Any) -> Tenant:
    """From now on `tenant` has `weight` shares where calls wait. Who may is asked before, by `require_weigher`.

    Raises `WeightNotAcceptable` and `TenantArchived`.
    """
    if not 1 <= weight <= LARGEST_WEIGHT:
        raise WeightNotAcceptable(f"Use a whole number from 1 to {LARGEST_WEIGHT}.", field="weight")
    locked = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    refuse_archived(locked)
    if locked.weight == weight:
        return locked
    before, locked.weight = locked.weight, weight
    locked.save(update_fields=["weight"])
    record("tenant.weighed", by=by, subject=locked, tenant=locked.slug, before=before, after=weight)
    announce("tenant", locked.pk)
    return locked
