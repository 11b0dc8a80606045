"""Decide whether a call may be made: the key, the environment, the route and the grant.

Everything is asked of the snapshot, nothing of a database. Each refusal says what to do about it.
"""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from gateway.asked import Asked
from gateway.caller import Caller
from gateway.conditions import ask_at, is_met, keep_to
from gateway.snapshot import Grant, Key, Place, Route, Snapshot
from refusals import Refusal
from tenants import secrets
from tenants.client_address import Address
from tenants.networks import Network


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
class Admitted:
    """A call that may be made: by whom, where, for what, allowed by which grant.

    `onward` are the routes that are asked when no deployment of this one takes it, each with the grant that allows it;
    `data_classes` those of the data in it (None: nobody has said).
    """

    caller: Caller
    place: Place
    route: Route
    grant: Grant
    asked: Asked
    request_id: str
    onward: tuple[tuple[Route, Grant], ...] = ()
    data_classes: frozenset[str] | None = None

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
    prefix = secrets.prefix_of(secret) if secret.isascii() else None
    if prefix is None:
        raise UnknownKey("This is not an Atrium API key, or a part of it is missing. Copy the whole key again.")
    key = snapshot.keys.get(prefix)
    if key is None or not hmac.compare_digest(key.secret_hash, secrets.keyed_hash(secret)):
        raise UnknownKey(f"There is no API key {prefix}…. Check that it belongs to this Atrium, or issue a new one.")
    _check_in_force(key)
    if key.expires_at is not None and key.expires_at <= now:
        raise ExpiredKey(f"The API key {prefix}… expired at {_utc(key.expires_at)}. Issue a new one.")
    place = snapshot.places.get(key.environment_id)
    if place is None:
        raise UnknownKey(f"The environment of the API key {prefix}… no longer exists. Issue a key of another one.")
    if key.networks is not None or place.networks is not None:
        _check_networks(key, place, address())
    return _caller(place, key)


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
    check_still_allowed(snapshot, caller)
    key = snapshot.keys.get(caller.key_prefix)
    if key is None or (key.environment_id == caller.environment_id and key.routes == caller.routes):
        return caller
    return _caller(snapshot.places[key.environment_id], key)


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
    place = snapshot.places.get(caller.environment_id)
    if place is None or place.is_archived:
        raise _closed(caller)
    if caller.user_id in snapshot.shut_out:
        raise PersonShutOut("Your account was switched off.")
    name = asked.model
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
    carried = place.data_classes
    if grant.conditions is not None or asked.stated is not None:
        asked, carried = keep_to(grant, caller, place, route, asked)
    onward = _onward(snapshot, caller, place, route, asked, now) if route.fallback else ()
    admitted = Admitted(caller, place, route, grant, asked, request_id, onward, carried)
    if not any(target.is_connected for each in admitted.routes for target in each.targets):
        raise NoDeployment(
            f"No provider is connected that serves “{route.slug}”. The platform team has to connect one.",
            field="model",
            way_out=route.model_path,
        )
    return admitted


def _onward(
    snapshot: Snapshot, caller: Caller, place: Place, route: Route, asked: Asked, now: dt.datetime
) -> tuple[tuple[Route, Grant], ...]:
    """The fallbacks of a route that the caller may call by themselves, just so: nobody gets a model, or more of it, by
    falling back to it."""
    found: list[tuple[Route, Grant]] = []
    grants, seen = snapshot.grants.get(caller.environment_id, {}), {route.slug}
    while (slug := route.fallback) and slug not in seen and (following := snapshot.routes.get(slug)) is not None:
        seen.add(slug)
        route, grant = following, grants.get(slug)
        is_allowed = grant is not None and grant.is_in_force(now) and (caller.routes is None or slug in caller.routes)
        if grant is None or not is_allowed or not route.is_enabled:
            continue
        if grant.conditions is None or is_met(grant, caller, place, route, asked):
            found.append((route, grant))
    return tuple(found)


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
