"""Find the leaving of a tenant, and the certificate of one that is gone."""

from __future__ import annotations

from typing import Any

from access.offboarding.beginning import NotLeaving
from access.offboarding.tables import Offboarding
from refusals.errors import Missing
from tenants.models import Tenant, User
from tenants.scope import everything
from tenants.scoping import may, refuse_closed


def latest(tenant: Tenant) -> Offboarding | None:
    """The last one of `tenant`, also one that was called off."""
    return Offboarding.objects.filter(tenant=tenant).select_related("requested_by", "tenant").first()


def open_one(tenant: Tenant) -> Offboarding:
    """The one that is under way. Raises `NotLeaving`."""
    found = latest(tenant)
    if found is None or not found.is_open:
        raise NotLeaving(f"{tenant} is not leaving.")
    return found


def certificate_for(viewer: User, pk: Any) -> Offboarding:
    """The one with this key, for who asked for it and for who sees the tenant, or every one. Raises `Missing`,
    `ClosedToYou`."""
    with everything("who let a tenant leave reads what became of it"):
        found = Offboarding.objects.select_related("requested_by", "tenant").filter(pk=pk).first()
    if found is not None and found.tenant is not None:
        refuse_closed(viewer, found.tenant.slug)
    if found is None or not (found.requested_by_id == viewer.pk or may(viewer, "tenants.view_tenant", found.tenant)):
        raise Missing("There is no such offboarding, or you did not ask for it.")
    return found
