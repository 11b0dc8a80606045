"""Change how a route's calls are spread over its deployments, and take a deployment out of service for a while.

What is said here is in force in all gateway processes within a second; calls under way are not touched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from audit.record import record
from catalog.changes.telling import Kind, tell
from catalog.models import PLATFORM_TEAM, Deployment, Route, RouteTarget
from refusals.errors import Invalid
from tenants.changes import announce
from tenants.data_classes import checked
from tenants.seen import refuse_changed

HIGHEST_TIER, HIGHEST_WEIGHT = 99, 1000
MOST_REGIONS = 20
SHORTEST_TIMEOUT_S, LONGEST_TIMEOUT_S = 0.1, 3600.0
LARGEST_CONTEXT = 100_000_000


@dataclass(frozen=True)
class Place:
    """Where a deployment stands in a route: the lowest tier is asked first, in it by weight; 0 is asked last there."""

    tier: int
    weight: int


@dataclass(frozen=True)
class Steering:
    """Everything that says how a route's calls go. `fallback` is a route's name, empty for none; time-outs in seconds,
    None where the installation's hold; `places` by the deployments' keys."""

    policy: str
    regions: tuple[str, ...]
    fallback: str
    first_token_timeout_s: float | None
    idle_timeout_s: float | None
    places: Mapping[UUID, Place] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The same for the audit."""
        places = {str(key): [place.tier, place.weight] for key, place in self.places.items()}
        return {
            "policy": self.policy,
            "regions": list(self.regions),
            "fallback": self.fallback,
            "first_token_timeout_s": self.first_token_timeout_s,
            "idle_timeout_s": self.idle_timeout_s,
            "places": places,
        }


class Said(TypedDict, total=False):
    """What somebody says of it; the rest is left to who says something of that."""

    policy: str
    regions: tuple[str, ...]
    fallback: str
    first_token_timeout_s: float | None
    idle_timeout_s: float | None
    places: Mapping[UUID, Place]


class Facts(TypedDict, total=False):
    """What somebody says of a deployment."""

    region: str
    context_tokens: int | None
    data_classes: Sequence[str]


def steering_of(route: Route) -> Steering:
    """How a route's calls go now."""
    return Steering(
        route.policy,
        tuple(route.regions),
        route.fallback.slug if route.fallback else "",
        route.first_token_timeout_s,
        route.idle_timeout_s,
        {each.deployment_id: Place(each.priority, each.weight) for each in route.targets.all()},
    )


@transaction.atomic
def steer(*, route: Route, by: Any, seen: str | None = None, **said: Unpack[Said]) -> Route:
    """Let the calls of `route` go as is said; what is not said stays as it is when this is carried out, whatever it was
    when `route` was read: so two who say different things at once both have it. Who says everything, as a form does,
    tells by `seen` (`tenants.seen`) what they were shown. Raises `Invalid` and `ChangedMeanwhile`.
    """
    locked = Route.objects.select_for_update(of=["self"]).select_related("fallback").get(pk=route.pk)
    before = steering_of(locked)
    refuse_changed(seen, before.as_json(), f"where calls of “{locked.slug}” go")
    to = replace(before, **said)
    if to.policy not in Route.Policy.values:
        raise Invalid(f"The policy is one of {', '.join(Route.Policy.values)}.", field="policy")
    locked.policy = to.policy
    locked.regions = _regions(to.regions)
    locked.fallback = _fallback(locked, to.fallback)
    locked.first_token_timeout_s = _timeout(to.first_token_timeout_s, "first_token_timeout_s")
    locked.idle_timeout_s = _timeout(to.idle_timeout_s, "idle_timeout_s")
    locked.save(update_fields=["policy", "regions", "fallback", "first_token_timeout_s", "idle_timeout_s"])
    _put(locked, said.get("places", {}))
    after = steering_of(locked)
    if after != before:
        record("route.steered", by=by, subject=locked, before=before.as_json(), after=after.as_json())
        announce("route")
    return locked


def served_here_alone(deployment: Deployment) -> list[str]:
    """The routes that are on of which nobody else can take a call: drained, it leaves them to their fallback or to
    nobody."""
    others = RouteTarget.objects.filter(
        route=OuterRef("pk"), deployment__is_enabled=True, deployment__drained_at=None
    ).exclude(Q(deployment=deployment) | Q(deployment__provider__base_url=""))  # without an address none is connected
    alone = Route.objects.filter(~Exists(others), is_enabled=True, targets__deployment=deployment)
    return list(alone.order_by("slug").values_list("slug", flat=True))


@transaction.atomic
def drain(*, deployment: Deployment, by: Any) -> None:
    """Send no new calls to a deployment, by whichever route; those under way end by themselves."""
    locked = Deployment.objects.select_for_update().get(pk=deployment.pk)
    if locked.drained_at is None:
        _set(locked, "drained_at", timezone.now())
        record("deployment.drained", by=by, subject=locked)


@transaction.atomic
def resume(*, deployment: Deployment, by: Any) -> None:
    """Send calls again to a deployment that was drained."""
    locked = Deployment.objects.select_for_update().get(pk=deployment.pk)
    if locked.drained_at is not None:
        _set(locked, "drained_at", None)
        record("deployment.resumed", by=by, subject=locked)


@transaction.atomic
def probe(*, deployment: Deployment, by: Any) -> None:
    """Let the next call find out whether a deployment is back, whatever it failed or asked for before."""
    locked = Deployment.objects.select_for_update().get(pk=deployment.pk)
    _set(locked, "probe_asked_at", timezone.now())
    record("deployment.probe_asked", by=by, subject=locked)


def facts_of(deployment: Deployment) -> Facts:
    """What is said of a deployment now."""
    return {
        "region": deployment.region,
        "context_tokens": deployment.context_tokens,
        "data_classes": deployment.data_classes,
    }


@transaction.atomic
def describe(*, deployment: Deployment, by: Any, seen: str | None = None, **said: Unpack[Facts]) -> Deployment:
    """Say where a deployment computes (empty: where its provider does), how many tokens it holds (None: as many as its
    model) and which classes of data it may see (none: those of its provider; it never sees more than that one may).
    What is not said stays; `seen` is as for `steer`. Raises `Invalid` and `ChangedMeanwhile`."""
    locked = Deployment.objects.select_for_update().get(pk=deployment.pk)
    before = facts_of(locked)
    refuse_changed(seen, before, f"what is said of “{locked.upstream_name}”")
    region = said.get("region", locked.region).strip()
    context_tokens = said.get("context_tokens", locked.context_tokens)
    if len(region) > 60:
        raise Invalid("A region's name has at most 60 signs.", field="region")
    if context_tokens is not None and not 0 < context_tokens <= LARGEST_CONTEXT:
        raise Invalid(f"A deployment holds 1 to {LARGEST_CONTEXT:,} tokens.", field="context_tokens")
    classes = checked(said["data_classes"]) if "data_classes" in said else locked.data_classes
    after: Facts = {"region": region, "context_tokens": context_tokens, "data_classes": classes}
    if after != before:
        locked.region, locked.context_tokens, locked.data_classes = region, context_tokens, classes
        locked.save(update_fields=list(after))
        record("deployment.described", by=by, subject=locked, before=before, after=after)
        if region != before["region"]:
            tell(
                version=locked.version, kind=Kind.REGION, what=f"where {locked.upstream_name} computes",
                before=before["region"] or None, after=region or None, source=PLATFORM_TEAM,
            )  # fmt: skip
        announce("route")
    return locked


def _set(deployment: Deployment, name: str, moment: Any) -> None:
    setattr(deployment, name, moment)
    deployment.save(update_fields=[name])
    announce("route")


def _put(route: Route, places: Mapping[UUID, Place]) -> None:
    held = {target.deployment_id: target for target in RouteTarget.objects.filter(route=route)}
    for key, place in places.items():
        target = held.get(key)
        if target is None:
            raise Invalid(f"No deployment {key} serves “{route.slug}”.", field="places")
        if not 1 <= place.tier <= HIGHEST_TIER:
            raise Invalid(f"A tier is 1 to {HIGHEST_TIER}.", field="places")
        if not 0 <= place.weight <= HIGHEST_WEIGHT:
            raise Invalid(f"A weight is 0 to {HIGHEST_WEIGHT}.", field="places")
        target.priority, target.weight = place.tier, place.weight
    RouteTarget.objects.bulk_update([held[key] for key in places], ["priority", "weight"])


def _regions(given: tuple[str, ...]) -> list[str]:
    regions = sorted({each.strip().lower() for each in given if each.strip()})
    if len(regions) > MOST_REGIONS or any(len(each) > 60 for each in regions):
        raise Invalid(f"At most {MOST_REGIONS} regions, each of at most 60 signs.", field="regions")
    return regions


def _fallback(route: Route, slug: str) -> Route | None:
    """The route `slug`, from which no fallback leads back to `route`."""
    if not slug:
        return None
    found = Route.objects.filter(slug=slug).select_related("fallback").first()
    if found is None:
        raise Invalid(f"There is no route “{slug}”.", field="fallback")
    seen: set[UUID] = set()
    onward: Route | None = found
    while onward is not None and onward.pk not in seen:
        if onward.pk == route.pk:
            raise Invalid(f"“{slug}” leads back to “{route.slug}”. Choose another one.", field="fallback")
        seen.add(onward.pk)
        onward = Route.objects.filter(pk=onward.fallback_id).first() if onward.fallback_id else None
    return found


def _timeout(seconds: float | None, name: str) -> float | None:
    if seconds is not None and not (math.isfinite(seconds) and SHORTEST_TIMEOUT_S <= seconds <= LONGEST_TIMEOUT_S):
        raise Invalid(f"A time-out is {SHORTEST_TIMEOUT_S:g} to {LONGEST_TIMEOUT_S:g} seconds.", field=name)
    return seconds
