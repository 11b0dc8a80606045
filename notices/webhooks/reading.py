"""Find webhooks and their deliveries for somebody; foreign ones do not exist."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from notices.webhooks.tables import Delivery, Endpoint
from refusals.errors import Missing
from tenants.models import Tenant, User
from tenants.scoping import visible

MANAGE = "tenants.manage_tenant"
STATES = ("pending", "delivered", "failed")


def endpoints_for(viewer: User) -> QuerySet[Endpoint]:
    """The webhooks of the tenants whose settings `viewer` may change."""
    return visible(viewer, Endpoint.objects.select_related("tenant", "created_by"), MANAGE)


def deliveries_for(viewer: User) -> QuerySet[Delivery]:
    """The deliveries to them."""
    return visible(viewer, Delivery.objects.select_related("event__tenant", "endpoint__tenant"), MANAGE)


def find_endpoint(tenant: Tenant, key: Any) -> Endpoint:
    """A webhook of `tenant`. Raises `Missing`."""
    found = Endpoint.objects.select_related("tenant", "created_by").filter(tenant=tenant, pk=key).first()
    if found is None:
        raise Missing(f"There is no such webhook in {tenant}.")
    return found


def find_delivery(tenant: Tenant, key: Any) -> Delivery:
    """A delivery of `tenant`. Raises `Missing`."""
    rows = Delivery.objects.select_related("event__tenant", "endpoint__tenant")
    found = rows.filter(tenant=tenant, pk=key).first()
    if found is None:
        raise Missing(f"There is no such delivery in {tenant}.")
    return found


def narrowed(rows: QuerySet[Delivery], *, state: str = "", kind: str = "") -> QuerySet[Delivery]:
    """`rows` in one of `STATES`, of one event; "" for any."""
    if state:
        rows = rows.filter(state=state)
    return rows.filter(event__kind=kind) if kind else rows
