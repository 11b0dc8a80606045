"""Decide whether a call may be made: the key, the environment, the route and the grant.

Everything is asked of the snapshot, nothing of a database. Each refusal says what to do about it.
"""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from gateway.asked import Asked
from gateway.caller import Caller
from gateway.conditions import ask_at, is_met, keep_to
from gateway.counts import Held
from gateway.snapshot import Bounds, Grant, HardBudget, Key, Place, Route, Snapshot
from refusals import Refusal
from tenants import secrets
from tenants.client_address import Address
from tenants.networks import Network

type Link = tuple[Route, Grant]  # a route, and the grant that allows it

MOST_LEAVES = 20_000  # of a snapshot that are kept; beyond that all are found anew


class KeyRefused(Refusal):
    """The key does not admit its bearer; the subclasses say why."""

    status = 401
    title = "This key does not work"


class MissingKey(KeyRefused):
    code = "missing_api_key"


class UnknownKey(KeyRefused):
    code = "invalid_api_key"


class RevokedKey(KeyRefused):
    code = "revoked_api_key"


class ExpiredKey(KeyRefused):
    code = "expired_api_key"


class HolderGone(KeyRefused):
    code = "api_key_without_holder"


class PersonShutOut(Refusal):
    code = "account_inactive"
    status = 403
    title = "This account is switched off"


class NetworkNotAllowed(Refusal):
    code = "network_not_allowed"
    status = 403
    title = "Not from this network"


class KeyNotForRoute(Refusal):
    code = "key_not_for_route"
    status = 403
    title = "This key is for other routes"


class EnvironmentClosed(Refusal):
    code = "environment_archived"
    status = 403
    title = "This environment is closed"


class ModelNotFound(Refusal):
    code = "model_not_found"
    status = 404
    title = "There is no such model"


class AccessRequired(Refusal):
    code: ClassVar[str] = "access_required"
    status = 403
    title = "Access has to be requested first"


class NoDeployment(Refusal):
    code = "no_deployment"
    status = 503
    title = "Nothing serves this model at the moment"


@dataclass(frozen=True, slots=True)
class Leave:
    """What calls of one caller for one route have in common: where they belong, the grant that allows them, which
    limits and budgets hold them.

    `onward` are the routes that are asked when no deployment of this one takes a call, each with the grant that allows
    it. `held` are the limited places, the narrowest first and the route last; `budgets` those of them, of which how
    much the `untold` are is not the caller's to know. It is as said `until` a moment.
    """

    caller: Caller
    place: Place
    route: Route
    grant: Grant
    onward: tuple[Link, ...]
    held: Held
    budgets: tuple[tuple[HardBudget, Bounds], ...]
    untold: frozenset[UUID]
    counts_tokens: bool
    is_narrowed: bool  # one of the grants of `onward` demands something
    until: dt.datetime | None


class Admitted:
    """A call that may be made: the `leave` for it, what is asked by it, and what was as it `came`, before anything was
    filled in for the grant.

    `onward` are the routes of the leave that may answer just this; `data_classes` those of the data in it (None: nobody
    has said).
    """

    __slots__ = ("asked", "caller", "came", "data_classes", "grant", "leave", "onward", "place", "request_id", "route")

    def __init__(
        self, leave: Leave, came: Asked, asked: Asked, request_id: str, onward: tuple[Link, ...],
        data_classes: frozenset[str] | None,
    ) -> None:  # fmt: skip
        self.leave, self.came, self.asked, self.request_id = leave, came, asked, request_id
        self.caller, self.place, self.route, self.grant = leave.caller, leave.place, leave.route, leave.grant
        self.onward, self.data_classes = onward, data_classes

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every route that may answer it."""
        return (self.route, *(route for route, _ in self.onward))


def authenticate(
    snapshot: Snapshot, authorization: str, now: dt.datetime, address: Callable[[], Address | None]
) -> Caller:
    """The caller whose key the `Authorization` header carries; `address` tells where they call from, if it matters.

    Raises a `KeyRefused` or `NetworkNotAllowed`.
    """
    scheme, _, secret = authorization.strip().partition(" ")
    secret = secret.strip()
    if not secret or scheme.lower() != "bearer":
        raise MissingKey("No API key was sent. Send one of your environment as “Authorization: Bearer atrium_…”.")
    key = snapshot.keys.get(secret.rpartition("_")[0])
    if key is None or not hmac.compare_digest(key.secret_hash, secrets.keyed_hash(secret)):
        prefix = secrets.prefix_of(secret) if secret.isascii() else None
        if prefix is None:
            raise UnknownKey("This is not an Atrium API key, or a part of it is missing. Copy the whole key again.")
        raise UnknownKey(f"There is no API key {prefix}…. Check that it belongs to this Atrium, or issue a new one.")
    prefix = key.prefix
    _check_in_force(key)
    if key.expires_at is not None and key.expires_at <= now:
        raise ExpiredKey(f"The API key {prefix}… expired at {_utc(key.expires_at)}. Issue a new one.")
    place = snapshot.places.get(key.environment_id)
    if place is None:
        raise UnknownKey(f"The environment of the API key {prefix}… no longer exists. Issue a key of another one.")
    if key.networks is not None or place.networks is not None:
        _check_networks(key, place, address())
    return _known(snapshot, place, key)


def check_still_allowed(snapshot: Snapshot, caller: Caller) -> None:
    """Raise for a call under way whose caller may make none any more: the key was revoked, its holder or the person
    is shut out, the environment was archived. One that merely expires lets its calls end."""
    environment_id = caller.environment_id
    if caller.key_prefix:
        key = snapshot.keys.get(caller.key_prefix)
        if key is None:
            raise UnknownKey(f"The API key {caller.key_prefix}… is gone.")
        _check_in_force(key)
        environment_id = key.environment_id  # another one where its project has moved meanwhile
    if caller.user_id in snapshot.shut_out:
        raise PersonShutOut("Your account was switched off.")
    place = snapshot.places.get(environment_id)
    if place is None or place.is_archived:
        raise _closed(caller)


def as_known_now(snapshot: Snapshot, caller: Caller) -> Caller:
    """`caller`, who was let in a moment ago, by `snapshot`, which may be newer: a key may have been narrowed, or have
    moved with its project, while the body was read or the call waited. Raises as `check_still_allowed`."""
    if snapshot.callers.get(caller.key_prefix) is caller and not snapshot.places[caller.environment_id].is_archived:
        return caller
    check_still_allowed(snapshot, caller)
    key = snapshot.keys.get(caller.key_prefix)
    return caller if key is None else _known(snapshot, snapshot.places[key.environment_id], key)


def _check_in_force(key: Key) -> None:
    if key.revoked_at is not None:
        raise RevokedKey(f"The API key {key.prefix}… was revoked at {_utc(key.revoked_at)}. Issue a new one.")
    if not key.is_held:
        raise HolderGone(
            f"The API key {key.prefix}… belongs to somebody who is switched off or is no member any more. Issue a new "
            "one, of a service account if a program needs it."
        )


def _closed(caller: Caller) -> EnvironmentClosed:
    return EnvironmentClosed(f"{caller.environment_path} was archived; no calls are made in it any more.")


def _check_networks(key: Key, place: Place, seen: Address | None) -> None:
    """Both must hold: what the tenant allows, and what the key is narrowed to."""
    whence = f"this call comes from {seen}" if seen else "where this call comes from cannot be told"
    if not _is_from(place.networks, seen):
        tenant = place.path.partition("/")[0]
        raise NetworkNotAllowed(
            f"The tenant {tenant} answers in certain networks only, and {whence}. Call from one of them, or have an "
            f"owner of {tenant} add this one."
        )
    if not _is_from(key.networks, seen):
        raise NetworkNotAllowed(
            f"The API key {key.prefix}… may be used from certain networks only, and {whence}. Call from one of them, "
            f"or have who manages the keys of {place.path} add this one."
        )


def _is_from(networks: tuple[Network, ...] | None, seen: Address | None) -> bool:
    return networks is None or (seen is not None and any(seen in network for network in networks))


def admit(snapshot: Snapshot, caller: Caller, asked: Asked, request_id: str, now: dt.datetime) -> Admitted:
    """Check the environment, the route and the grant with what it demands. Raises the refusals of this module and of
    `gateway.conditions`."""
    key = (id(caller), asked.model)
    leave: Leave | None = snapshot.leaves.get(key)
    if leave is None or leave.caller is not caller or (leave.until is not None and leave.until <= now):
        leave = _leave(snapshot, caller, asked.model, now)
        if caller.key_prefix:  # a person calls as somebody new each time
            if len(snapshot.leaves) >= MOST_LEAVES:
                snapshot.leaves.clear()
            snapshot.leaves[key] = leave
    came, carried, onward = asked, leave.place.data_classes, leave.onward
    if leave.grant.conditions is not None or asked.stated is not None:
        asked, carried = keep_to(leave.grant, caller, leave.place, leave.route, asked)
    if leave.is_narrowed:
        onward = tuple(
            (route, grant)
            for route, grant in onward
            if grant.conditions is None or is_met(grant, caller, leave.place, route, asked, carried)
        )
        _refuse_unconnected(leave.route, onward)
    return Admitted(leave, came, asked, request_id, onward, carried)


def _leave(snapshot: Snapshot, caller: Caller, name: str, now: dt.datetime) -> Leave:
    place = snapshot.places.get(caller.environment_id)
    if place is None or place.is_archived:
        raise _closed(caller)
    if caller.user_id in snapshot.shut_out:
        raise PersonShutOut("Your account was switched off.")
    route = snapshot.routes.get(name)
    if route is None:
        raise ModelNotFound(
            f"There is no model “{name[:120]}” here. GET /v1/models lists those that {place.path} may use.",
            field="model",
        )
    if caller.routes is not None and route.slug not in caller.routes:
        raise KeyNotForRoute(
            f"The API key {caller.key_prefix}… is not for “{route.slug}”. GET /v1/models lists what it is for; take "
            f"another key, or have who manages the keys of {place.path} add this route.",
            field="model",
        )
    grant = snapshot.grants.get(place.environment_id, {}).get(route.slug)
    if grant is None or not grant.is_in_force(now):
        had_one = "no longer" if grant is not None else "not yet"
        raise AccessRequired(
            f"{place.path} has {had_one} been given access to “{route.slug}”.",
            field="model",
            way_out=ask_at(place, route),
            environment=place.path,
            route=route.slug,
        )
    if not route.is_enabled:
        raise ModelNotFound(f"“{route.slug}” has been switched off by the platform team.", field="model")
    onward = _onward(snapshot, caller, route, now) if route.fallback else ()
    _refuse_unconnected(route, onward)
    held = tuple(held_places(snapshot, caller))
    if route.id is not None and (capacity := snapshot.capacities.get(route.id)) is not None:
        held = (*held, (route.id, capacity))
    return Leave(
        caller,
        place,
        route,
        grant,
        onward,
        held,
        budgets=tuple((budget, bound) for _, bound in held for budget in bound.budgets),
        untold=frozenset(budget.id for at, bound in held if at == caller.tenant_id for budget in bound.budgets),
        counts_tokens=any(len(bound.a_minute) > (bound.requests is not None) for _, bound in held),
        is_narrowed=any(one.conditions is not None for _, one in onward),
        until=min((each.expires_at for each in (grant, *(one for _, one in onward)) if each.expires_at), default=None),
    )


def _refuse_unconnected(route: Route, onward: tuple[Link, ...]) -> None:
    """Raise `NoDeployment` where none is connected that could answer."""
    if not any(target.is_connected for each in (route, *(one for one, _ in onward)) for target in each.targets):
        raise NoDeployment(
            f"No provider is connected that serves “{route.slug}”. The platform team has to connect one.",
            field="model",
            way_out=route.model_path,
        )


def held_places(snapshot: Snapshot, caller: Caller) -> Held:
    """Where limits or budgets hold `caller`, the narrowest first."""
    bounds = snapshot.bounds
    return [(place, bounds[place]) for place in caller.places if place in bounds] if bounds else ()


def _onward(snapshot: Snapshot, caller: Caller, route: Route, now: dt.datetime) -> tuple[Link, ...]:
    """The fallbacks of a route that the caller may call by themselves: nobody gets a model by falling back to it."""
    found: list[Link] = []
    grants, seen = snapshot.grants.get(caller.environment_id, {}), {route.slug}
    while (slug := route.fallback) and slug not in seen and (following := snapshot.routes.get(slug)) is not None:
        seen.add(slug)
        route, grant = following, grants.get(slug)
        is_allowed = grant is not None and grant.is_in_force(now) and (caller.routes is None or slug in caller.routes)
        if grant is not None and is_allowed and route.is_enabled:
            found.append((route, grant))
    return tuple(found)


def _known(snapshot: Snapshot, place: Place, key: Key) -> Caller:
    """The caller with a key, the same one as long as the snapshot is."""
    found: Caller | None = snapshot.callers.get(key.prefix)
    if found is None:
        found = snapshot.callers[key.prefix] = _caller(place, key)
    return found


def _caller(place: Place, key: Key) -> Caller:
    return Caller(
        place.tenant_id,
        place.project_id,
        place.environment_id,
        place.path,
        "api",
        key_prefix=key.prefix,
        key_name=key.name,
        routes=key.routes,
        key_id=key.id,
    )


def _utc(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
