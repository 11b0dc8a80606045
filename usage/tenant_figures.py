"""What usage says about a tenant's environments: calls and spend of the running month (UTC), from the rollups."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from tenants.models import Tenant
from tenants.sections import Figure
from usage.models import Rollup


def calls(tenant: Tenant) -> dict[UUID, int | Decimal]:
    """Calls this month by environment."""
    return {environment: row[0] for environment, row in _month(tenant).items()}


def spend(tenant: Tenant) -> dict[UUID, int | Decimal]:
    """Cost this month by environment, in the portal's currency."""
    return {environment: row[1] for environment, row in _month(tenant).items()}


def _month(tenant: Tenant) -> dict[UUID, tuple[int, Decimal]]:
    """Calls and cost of the month by environment; asked once for the object that one page holds."""
    kept: dict[UUID, tuple[int, Decimal]] | None = tenant.__dict__.get("_month_of_usage")
    if kept is None:
        first = timezone.now().date().replace(day=1)
        cost = Coalesce(Sum("cost", filter=Q(currency=settings.CURRENCY)), Decimal(0))
        rows = Rollup.objects.filter(tenant=tenant, day__gte=first).order_by().values_list("environment")
        kept = {key: (count, paid) for key, count, paid in rows.annotate(Sum("calls"), paid=cost)}
        tenant.__dict__["_month_of_usage"] = kept
    return kept


def calls_page(path: str) -> str:
    """Where the calls of the environment `tenant/project/kind` are listed."""
    tenant, project, kind = path.split("/")
    return f"/usage/calls/?tenant={tenant}&project={project}&environment={kind}"


def spend_page(path: str) -> str:
    """Where the spend of the environment is shown."""
    tenant, project, kind = path.split("/")
    return f"/usage/?tenant={tenant}&project={project}&environment={kind}"


CALLS = Figure("calls", "Calls", "activity", calls, calls_page, permission="tenants.view_usage", order=30)
SPEND = Figure("spend", "Spend", "coins", spend, spend_page, "money", permission="tenants.view_usage", order=40)
