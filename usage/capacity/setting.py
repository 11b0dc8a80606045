"""Set what a route or deployment takes of all tenants together: one verb for all metrics at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.record import record
from catalog.models import Deployment, Route
from refusals.errors import Forbidden
from tenants.changes import announce
from usage.capacity.tables import Capacity
from usage.limits.authority import ABOVE
from usage.limits.setting import refuse_amounts

type Subject = Route | Deployment


def require_capacity_setter(person: Any) -> None:
    """Raise `Forbidden` unless `person` may set and see what routes and deployments take."""
    if not person.has_perm(ABOVE):
        raise Forbidden(
            "This needs the permission “Set limits and budgets of tenants”. FinOps and the platform team have it.",
            permission=ABOVE,
        )


def attached(subject: Subject) -> dict[str, Any]:
    """What a row holds that is about `subject`."""
    is_route = isinstance(subject, Route)
    return {"route": subject if is_route else None, "deployment": None if is_route else subject}


def words_of(subject: Subject) -> str:
    """What people call it, in a sentence."""
    if isinstance(subject, Route):
        return f"the route {subject.slug}"
    return f"{subject.upstream_name} at {subject.provider.name}"


def capacity_of(subject: Subject) -> dict[str, int]:
    """What is set of `subject`, by metric."""
    return dict(Capacity.objects.filter(**attached(subject)).values_list("metric", "amount"))


@transaction.atomic
def set_capacity(*, subject: Subject, amounts: Mapping[str, int | None], by: Any) -> dict[str, int]:
    """Set or (None) remove what `subject` takes; metrics that `amounts` does not name stay. Returns what is set then.

    Who may is asked before, by `require_capacity_setter`. In force in every gateway process within a second. Raises
    `LimitNotAcceptable` naming the metric.
    """
    refuse_amounts(amounts)
    type(subject).objects.select_for_update(no_key=True).get(pk=subject.pk)
    before = capacity_of(subject)
    after = {name: amount for name, amount in (before | dict(amounts)).items() if amount is not None}
    if after == before:
        return before
    now, who = timezone.now(), by if getattr(by, "pk", None) else None
    Capacity.objects.filter(**attached(subject), metric__in=before.keys() - after.keys()).delete()
    for metric, amount in after.items():
        if before.get(metric) != amount:
            Capacity.objects.update_or_create(
                **attached(subject), metric=metric, defaults={"amount": amount, "set_at": now, "set_by": who}
            )
    record("capacity.changed", by=by, subject=subject, of=words_of(subject), before=before, after=after)
    announce("capacity", subject.pk)
    return after
