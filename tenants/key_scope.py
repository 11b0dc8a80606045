"""What a key is narrowed to within its environment: routes it may call, networks it may be used from.

Nothing stated means all: every route that the environment was granted, any network. The gateway enforces it
(`gateway.admission`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from audit.record import record
from refusals.errors import Conflict, Invalid
from tenants.archiving import refuse_archived
from tenants.changes import announce
from tenants.key_lock import hold
from tenants.models import ApiKey, Environment
from tenants.networks import TooMany, networks_of
from tenants.sections import routes_of

MOST_ROUTES = 100


class RouteNotGranted(Invalid):
    code = "unknown_route"


class KeyIsOver(Conflict):
    code = "key_is_over"
    title = "This key no longer works"


@transaction.atomic
def narrow(
    *,
    key: ApiKey,
    by: Any,
    allowed_routes: Sequence[str] | None = None,
    allowed_networks: Sequence[str] | None = None,
) -> ApiKey:
    """Set what a key may do, from the next second on; None leaves that part as it is, an empty one lifts it.

    A route that the key names already may stay, also when its grant has ended meanwhile. The same again changes
    nothing. Raises `KeyIsOver`, `TenantArchived`, `ProjectArchived`, `RouteNotGranted`, `NetworkNotUnderstood` and
    `TooMany`.
    """
    locked = hold(key)
    if not locked.is_usable:
        raise KeyIsOver(f"“{locked.name}” was revoked or has expired. Issue a new key instead of changing this one.")
    refuse_archived(locked.environment.tenant, locked.environment.project)
    before = told(locked)
    if allowed_routes is not None:
        locked.allowed_routes = routes_for(locked.environment, allowed_routes, kept=locked.allowed_routes)
    if allowed_networks is not None:
        locked.allowed_networks = networks_of(allowed_networks)
    if told(locked) != before:
        locked.save(update_fields=["allowed_routes", "allowed_networks"])
        slug = locked.environment.tenant.slug
        record("key.narrowed", by=by, subject=locked, tenant=slug, before=before, after=told(locked))
        announce("key", locked.pk)
    return locked


def told(key: ApiKey) -> dict[str, Any]:
    """The scope of `key` as the audit keeps it."""
    return {"allowed_routes": list(key.allowed_routes), "allowed_networks": list(key.allowed_networks)}


def routes_for(environment: Environment, asked: Sequence[str], *, kept: Sequence[str] = ()) -> list[str]:
    """`asked` without duplicates, by name. Raises `RouteNotGranted` for one that `environment` was not granted."""
    wanted = sorted({name.strip() for name in asked} - {""})
    if not wanted:
        return []
    if len(wanted) > MOST_ROUTES:
        raise TooMany(
            f"A key names at most {MOST_ROUTES} routes. Name none, and it may call all.", field="allowed_routes"
        )
    granted = sorted({*routes_of(environment)})
    for name in wanted:
        if name not in granted and name not in kept:
            which = f"It may call {', '.join(granted[:8])}." if granted else "It was granted none yet."
            raise RouteNotGranted(
                f"“{name[:120]}” is no route that {environment.path} may call. {which}", field="allowed_routes"
            )
    return wanted
