"""Set the limits of a place: one verb for all metrics at once, so that what a form shows is what is in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.record import record
from refusals.errors import Invalid
from tenants.archiving import refuse_archived
from tenants.changes import announce
from tenants.models import Tenant
from ui.formatting import exact_count
from usage.limits.places import Place
from usage.limits.tables import LARGEST_LIMIT, Limit, Metric


class LimitNotAcceptable(Invalid):
    code = "limit_not_acceptable"


def limits_at(place: Place) -> dict[str, int]:
    """The limits that are set at `place` itself, by metric."""
    return dict(Limit.objects.filter(**place.attached).values_list("metric", "amount"))


@transaction.atomic
def set_limits(*, place: Place, amounts: Mapping[str, int | None], by: Any) -> dict[str, int]:
    """Set or (None) remove limits of `place`; metrics that `amounts` does not name stay. Returns what is set then.

    In force in every gateway process within a second. Raises `LimitNotAcceptable` naming the metric.
    """
    refuse_amounts(amounts)
    lock(place)
    before = limits_at(place)
    after = {name: amount for name, amount in (before | dict(amounts)).items() if amount is not None}
    if after == before:
        return before
    now, who = timezone.now(), by if getattr(by, "pk", None) else None
    Limit.objects.filter(**place.attached, metric__in=before.keys() - after.keys()).delete()
    for metric, amount in after.items():
        if before.get(metric) != amount:
            Limit.objects.update_or_create(
                **place.attached, metric=metric, defaults={"amount": amount, "set_at": now, "set_by": who}
            )
    record(
        "limits.changed", by=by, subject=place.row, tenant=place.tenant.slug, place=place.path, before=before,
        after=after,
    )  # fmt: skip
    announce("limit", place.id)
    return after


def refuse_amounts(amounts: Mapping[str, int | None]) -> None:
    """Raise `LimitNotAcceptable`, naming the metric, for an amount that no limit can be."""
    for metric, amount in amounts.items():
        if amount is not None and not 1 <= amount <= LARGEST_LIMIT:
            raise LimitNotAcceptable(
                f"Use a whole number from 1 to {exact_count(LARGEST_LIMIT)}, or leave it empty for no limit here.",
                field=Metric(metric).value,
            )


def lock(place: Place) -> None:
    """Let nobody else change limits or budgets of the tenant meanwhile, and refuse where it is archived."""
    refuse_archived(Tenant.objects.select_for_update(no_key=True).get(pk=place.tenant.pk), place.project)
