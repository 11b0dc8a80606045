"""What of a tenant needs somebody's attention: keys that end soon, lie unused or are old, a tenant with one owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, IntegerField, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from tenants.models import EXPIRING_WITHIN, OLD_AFTER, UNUSED_AFTER, ApiKey, Membership, Project, Tenant


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing to look at: its state in `ui.states`, a sentence, and where to mend it."""

    state: str
    sentence: str
    href: str


def counted(tenant: Tenant) -> QuerySet[Tenant]:
    """`tenant` with the figures that `concerns` reads, for one query together with what else is asked of it."""
    now, usable = timezone.now(), ApiKey.objects.usable()
    found: Any = Tenant.objects.filter(pk=tenant.pk).annotate(
        expiring=count_of(usable.filter(expires_at__lte=now + EXPIRING_WITHIN)),
        unused=count_of(usable.filter(last_used_at=None, created_at__lte=now - UNUSED_AFTER)),
        old=count_of(usable.filter(created_at__lte=now - OLD_AFTER)),
        has_projects=Exists(Project.objects.filter(tenant=OuterRef("pk"))),
    )
    rows: QuerySet[Tenant] = found
    return rows


def count_of[M: Model](rows: QuerySet[M]) -> Coalesce:
    """How many of `rows` a tenant has, for an annotation of tenants."""
    of_tenant = rows.filter(tenant=OuterRef("pk")).order_by().values("tenant")
    return Coalesce(Subquery(of_tenant.annotate(count=Count("pk")).values("count")), 0, output_field=IntegerField())


def concerns(tenant: Tenant, *, owners: int | None = None) -> list[Concern]:
    """What needs attention in `tenant`, one of `counted`, the most urgent first. `owners`: the active ones, where they
    are counted."""
    keys: dict[str, int] = vars(tenant)  # the annotations
    address = f"/tenants/{tenant.slug}/keys/"
    found = []
    if keys["expiring"]:
        found.append(
            Concern(
                "expiring",
                f"{_keys(keys['expiring'], 'expires', 'expire')} within {EXPIRING_WITHIN.days} days. "
                "Issue a new one before calls are refused.",
                f"{address}?state=expiring",
            )
        )
    if keys["old"]:
        found.append(
            Concern(
                "stale",
                f"{_keys(keys['old'], 'is', 'are')} older than {OLD_AFTER.days} days. "
                f"Replace {'it by a new one' if keys['old'] == 1 else 'them by new ones'}.",
                f"{address}?state=old",
            )
        )
    if keys["unused"]:
        found.append(
            Concern(
                "unused",
                f"{_keys(keys['unused'], 'was', 'were')} never used in {UNUSED_AFTER.days} days. "
                "Revoke what nobody needs.",
                f"{address}?state=unused",
            )
        )
    if owners is None:
        owners = Membership.objects.filter(tenant=tenant, role="owner", user__is_active=True).count()
    if owners < 2:
        sentence = "Only one person is an owner. Make a second one, so that somebody can act when they are away."
        if not owners:
            sentence = "No active person is an owner. The platform team can make one."
        found.append(Concern("pending", sentence, f"/tenants/{tenant.slug}/members/"))
    return found


def _keys(count: int, one: str, many: str) -> str:
    return f"One key {one}" if count == 1 else f"{count} keys {many}"
