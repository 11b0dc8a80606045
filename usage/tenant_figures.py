"""What usage says about a tenant's environments: calls and spend of the running month (UTC), from the rollups."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from tenants.models import Tenant
from tenants.sections import Figure
from usage.models import Rollup


def calls(tenant: Tenant) -> dict[UUID, int | Decimal]:
    """Calls this month by environment."""
    return _sums(tenant, "calls")


def spend(tenant: Tenant) -> dict[UUID, int | Decimal]:
    """Cost this month by environment, in the portal's currency."""
    return _sums(tenant, "cost")


def _sums(tenant: Tenant, column: str) -> dict[UUID, int | Decimal]:
    first = timezone.now().date().replace(day=1)
    rows = Rollup.objects.filter(tenant=tenant, day__gte=first)
    if column == "cost":
        rows = rows.filter(currency=settings.CURRENCY)
    return dict(rows.order_by().values_list("environment").annotate(Sum(column)))


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
