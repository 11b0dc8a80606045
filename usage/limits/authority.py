"""Who may set limits and budgets: of a tenant as a whole the platform and FinOps, of what is in it its owners, of a
key also who manages keys. Nobody can give themselves more than the level above allows, as every level is kept to."""

from __future__ import annotations

from refusals.errors import Forbidden
from tenants import scoping
from tenants.models import User
from usage.limits.places import Place

ABOVE = "usage.manage_limits"


def may_set(viewer: User, place: Place, held: frozenset[str] | None = None) -> bool:
    """Whether `viewer` may set limits and budgets of `place`; `held` saves asking again what they hold there."""
    held = scoping.held(viewer, place.tenant) if held is None else held
    if ABOVE in held:
        return True
    match place.level:
        case "tenant":
            return False
        case "key":
            return bool(held & {"tenants.manage_keys", "tenants.manage_tenant"})
    return "tenants.manage_tenant" in held


def require_setter(viewer: User, place: Place) -> None:
    """Raise `Missing` for strangers and `Forbidden` for who may not set what is asked at `place`."""
    if may_set(viewer, place):
        return
    scoping.require(viewer, "tenants.view_tenant", place.tenant)
    if place.level == "tenant":
        raise Forbidden(
            f"The limits and budgets of {place.tenant} as a whole are set by the platform team and FinOps. You can "
            "set those of its projects, environments and keys, where your role allows.",
            way_out=f"/tenants/{place.tenant.slug}/limits/",
            permission=ABOVE,
        )
    needed = "tenants.manage_keys" if place.level == "key" else "tenants.manage_tenant"
    raise scoping.lacking(needed, place.tenant)
