"""Who may set limits and budgets: of a tenant as a whole the platform and FinOps, of a project as a whole the tenant's
owners, of an environment also the project's, of a key also who manages keys there, as far as it is left to the tenant
(`usage.limits.delegated`). Nobody can give themselves more than the level above allows, as every level is kept to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import transaction

from approvals.delegation.standing import standing
from approvals.delegation.tables import Mode
from refusals.errors import Forbidden
from tenants import scoping
from tenants.models import User
from usage.limits.budgets import ends_stop
from usage.limits.delegated import LIMITS, SPEND, a_month, by_threshold, refuse_above
from usage.limits.places import Place
from usage.limits.setting import limits_at, lock

ABOVE = "usage.manage_limits"


def may_set(
    viewer: User,
    place: Place,
    held_at: Callable[[scoping.Place], frozenset[str]] | None = None,
    *,
    is_left: bool | None = None,
) -> bool:
    """Whether `viewer` may set limits and budgets of `place`, at least some. `held_at` saves asking again what they
    hold where, `is_left` whether any of it is left to the tenant."""
    held = (held_at or partial(scoping.held, viewer))(decided_at(place))
    if ABOVE in held:
        return True
    if place.level == "tenant" or not _holds(place, held):
        return False
    return left_to_tenant(place) if is_left is None else is_left


def left_to_tenant(place: Place) -> bool:
    """Whether anything of limits and budgets is left to the tenant of `place`."""
    return standing(LIMITS, place.tenant).mode != Mode.PLATFORM


def require_setter(
    viewer: User,
    place: Place,
    *,
    amounts: Mapping[str, int | None] | None = None,
    budget: tuple[Decimal | None, str, bool] | None = None,
) -> None:
    """Raise `Missing` for strangers and `Forbidden` for who may not set what is asked at `place`: `amounts` by metric
    (None: no limit here), or a `budget` (None: none) for a span and whether it stops calls. One that stops them and no
    longer would is as good as taken away. With neither: for who may set nothing."""
    held = scoping.held(viewer, decided_at(place))
    if ABOVE in held:
        return
    if not may_set(viewer, place, lambda _: held):
        raise _refusal(viewer, place, held)
    if amounts is not None:
        now = limits_at(place)
        changed: dict[str, Any] = {metric: amount for metric, amount in amounts.items() if now.get(metric) != amount}
        if changed:
            refuse_above(place, by_threshold(changed), next(iter(changed)))
    if budget is not None:
        amount, span, is_hard = budget
        if ends_stop(place, span, is_hard=is_hard):
            amount = None
        refuse_above(place, {SPEND: None if amount is None else a_month(amount, span)}, SPEND)


@contextmanager
def setting_as(viewer: User, place: Place, **asked: Any) -> Iterator[None]:
    """Set what is `asked`, as `require_setter` reads it, with nobody else setting any of the tenant meanwhile: what is
    there is compared with what is asked, so it must not change in between. Raises what `require_setter` does."""
    require_setter(viewer, place, **asked)  # who may not waits for nobody
    with transaction.atomic():
        lock(place)
        require_setter(viewer, place, **asked)
        yield


def _holds(place: Place, held: frozenset[str]) -> bool:
    if place.level == "key":
        return bool(held & {"tenants.manage_keys", "tenants.manage_tenant"})
    return "tenants.manage_tenant" in held


def _refusal(viewer: User, place: Place, held: frozenset[str]) -> Forbidden:
    scoping.require(viewer, "tenants.view_tenant", place.tenant)
    asking = f"/tenants/{place.tenant.slug}/limits/ask/?place={place.path}"
    if place.level == "tenant":
        return Forbidden(
            f"The limits and budgets of {place.tenant} as a whole are set by the platform team and FinOps. You can "
            "ask for others, and set those of its projects, environments and keys, where your role allows.",
            way_out=asking,
            permission=ABOVE,
        )
    if not _holds(place, held):
        needed = "tenants.manage_keys" if place.level == "key" else "tenants.manage_tenant"
        return scoping.lacking(needed, decided_at(place))
    who = standing(LIMITS, place.tenant)
    return Forbidden(f"{who.means} {who.sentence}", way_out=asking, permission=ABOVE)


def decided_at(place: Place) -> scoping.Place:
    """Where one must hold it: a project as a whole is limited from above, as a tenant is."""
    decided: scoping.Place = place.tenant if place.level == "project" else place.row
    return decided
