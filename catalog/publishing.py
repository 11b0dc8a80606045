"""Publish what a connected provider serves: a deployment, the route to it, its price; turn routes on and off."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from audit.record import record
from catalog import figures, indexing
from catalog.changes.telling import Kind, tell
from catalog.importing import names, purposes, titles
from catalog.importing.writing import CURRENT
from catalog.lifecycle.moving import begin_use, write_status
from catalog.lifecycle.states import Lifecycle
from catalog.loopback import name_with_label, refuse_disguise, slug_with_label
from catalog.models import (
    PLATFORM_TEAM,
    Deployment,
    Model,
    ModelVersion,
    Provider,
    Route,
    RouteTarget,
    name_for_addresses,
)
from catalog.providers import NotConnected
from refusals.errors import Conflict, Invalid
from tenants.changes import announce


class RouteBelongsElsewhere(Conflict):
    code = "route_belongs_elsewhere"
    title = "That route leads to another model"


class NothingServes(Conflict):
    code = "nothing_serves"
    title = "No connected provider serves this route"


@dataclass(frozen=True)
class Rate:
    """US dollars per million tokens."""

    input_per_million: Decimal
    output_per_million: Decimal


def likely_model(provider: Provider, upstream: str) -> Model | None:
    """The model of the catalog that a provider's name probably means: already listed, else by the naming rules."""
    listed = (
        Deployment.objects.filter(provider=provider, upstream_name=upstream).select_related("version__model").first()
    )
    if listed is not None:
        return listed.version.model
    named = names.read(provider.slug, upstream)
    return Model.objects.defer("embedding", "search_vector").filter(slug=named.base).first()


@transaction.atomic
def publish(
    *, provider: Provider, upstream: str, model: Model | None, new_name: str = "", slug: str, rate: Rate, by: Any
) -> Route:
    """Deploy `model` (or a new one called `new_name`) and let the route `slug` lead to it, or do neither.

    Raises what `deploy` and `publish_route` raise.
    """
    deployment = deploy(provider=provider, upstream=upstream, model=model, new_name=new_name, by=by)
    return publish_route(model=deployment.version.model, deployment=deployment, slug=slug, rate=rate, by=by)


@transaction.atomic
def deploy(*, provider: Provider, upstream: str, model: Model | None, new_name: str = "", by: Any) -> Deployment:
    """A deployment of `model` (or of a new model called `new_name`) at `provider`; the one that is there is taken as
    it is.

    Raises `NotConnected`, and `Invalid` also where a loopback and a model would pass for each other.
    """
    if not provider.is_connected:
        raise NotConnected(f"{provider.name} is not connected. Connect it first.")
    upstream = upstream.strip()
    if not upstream or len(upstream) > 200:
        raise Invalid("Say what the provider calls the model.", field="upstream")
    if not upstream.isprintable():
        raise Invalid("The provider's name of the model holds a sign that cannot be seen.", field="upstream")
    deployment = Deployment.objects.filter(provider=provider, upstream_name=upstream).first()
    if deployment is not None and (model is None or deployment.version.model_id == model.pk) and not new_name:
        if deployment.gone_at or not deployment.is_enabled:
            deployment.gone_at, deployment.is_enabled = None, True
            deployment.save(update_fields=["gone_at", "is_enabled"])
        return deployment
    chosen = model or _new_model(provider, upstream, new_name)
    refuse_disguise(chosen.slug, is_loopback_behind=provider.is_loopback, field="model")
    is_first = not chosen.versions.exists()
    version, is_new_version = ModelVersion.objects.get_or_create(
        model=chosen, label=names.read(provider.slug, upstream).version or CURRENT
    )
    if is_new_version and not is_first:
        tell(
            version=version,
            kind=Kind.VERSION,
            what=f"new version {version.label}",
            after=version.label,
            source=PLATFORM_TEAM,
        )
    deployment, is_new = Deployment.objects.update_or_create(
        provider=provider,
        upstream_name=upstream,
        defaults={"version": version, "source": PLATFORM_TEAM, "is_enabled": True, "gone_at": None},
        create_defaults={"version": version, "source": PLATFORM_TEAM, "region": provider.region},
    )
    if provider.slug not in chosen.provider_slugs:
        chosen.provider_slugs = sorted([*chosen.provider_slugs, provider.slug])
        chosen.save(update_fields=["provider_slugs"])
    _tell(chosen, Kind.OFFER, f"{'offered' if is_new else 'moved here'}: {upstream} at {provider.name}")
    index_model(chosen)
    record("deployment.published", by=by, subject=deployment, model=chosen.slug)
    return deployment


@transaction.atomic
def publish_route(*, model: Model, deployment: Deployment, slug: str, by: Any, rate: Rate | None = None) -> Route:
    """Let `slug` lead to `deployment`, turned on; with `rate` its price is set. Publishing the same again changes
    nothing.

    Raises `Invalid`, `NotConnected`, `RouteBelongsElsewhere` and `VersionRetired`.
    """
    slug = slug.strip().lower()
    try:
        name_for_addresses(slug)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="slug") from error
    if len(slug) > 120:
        raise Invalid("A route's name has at most 120 signs.", field="slug")
    refuse_disguise(slug, is_loopback_behind=deployment.provider.is_loopback, field="slug")
    if not deployment.provider.is_connected:
        raise NotConnected(f"{deployment.provider.name} is not connected. Connect it first.")
    route = Route.objects.select_for_update().filter(slug=slug).first()
    if route is not None and route.model_id != model.pk:
        raise RouteBelongsElsewhere(
            f"The route “{slug}” leads to {route.model.name}. Choose another name.", field="slug"
        )
    if route is None:
        route = Route.objects.create(slug=slug, model=model)
        was_on = False
    else:
        was_on = route.is_enabled
    priority = route.targets.count() + 1
    _, is_new_target = RouteTarget.objects.get_or_create(
        route=route, deployment=deployment, defaults={"priority": priority}
    )
    if not was_on:
        route.is_enabled = True
        route.save(update_fields=["is_enabled"])
    if rate is None and is_new_target and deployment.provider.is_loopback:  # it costs nothing unless somebody says so
        rate = Rate(Decimal(0), Decimal(0))
    if rate is not None:
        figures.set_price(
            deployment=deployment,
            input_per_million=rate.input_per_million,
            output_per_million=rate.output_per_million,
            source=PLATFORM_TEAM,
            by=by,
        )
    figures.update_list_prices([model.pk])
    if is_new_target:
        tell(version=deployment.version, kind=Kind.PROVIDER, what=f"served for {slug}", after=deployment.provider.name,
             source=PLATFORM_TEAM)  # fmt: skip
    if is_new_target or not was_on:
        _tell(model, Kind.ROUTE, f"route {slug} leads to {deployment}"[:200])
        index_model(model)
        record("route.published", by=by, subject=route, deployment=str(deployment))
    begin_use([deployment.version], by=by)
    write_status([model.pk])
    announce("route")
    return route


@transaction.atomic
def enable_route(*, route: Route, by: Any) -> None:
    """Turn a route on. Raises `NothingServes` when no connected provider stands behind it, and `VersionRetired` where
    all that it leads to is retired."""
    locked = Route.objects.select_for_update().select_related("model").get(pk=route.pk)
    if locked.is_enabled:
        return
    if not locked.targets.filter(deployment__is_enabled=True).exclude(deployment__provider__base_url="").exists():
        raise NothingServes(f"No connected provider serves “{locked.slug}”. Publish a deployment first.")
    versions = ModelVersion.objects.filter(deployments__targets__route=locked, deployments__is_enabled=True)
    living = versions.exclude(lifecycle=Lifecycle.RETIRED)
    begin_use(living if living.exists() else versions, by=by)  # retired beside others is served as long as it answers
    _switch(locked, is_on=True, by=by)


@transaction.atomic
def disable_route(*, route: Route, by: Any) -> None:
    """Turn a route off: calls are refused from now on, running ones end."""
    locked = Route.objects.select_for_update().select_related("model").get(pk=route.pk)
    if locked.is_enabled:
        _switch(locked, is_on=False, by=by)


def _switch(route: Route, *, is_on: bool, by: Any) -> None:
    route.is_enabled = is_on
    route.save(update_fields=["is_enabled"])
    figures.update_list_prices([route.model_id])
    write_status([route.model_id])
    word = "on" if is_on else "off"
    _tell(route.model, Kind.ROUTE, f"route {route.slug} turned {word}")
    record("route.enabled" if is_on else "route.disabled", by=by, subject=route)
    announce("route")


def _new_model(provider: Provider, upstream: str, name: str) -> Model:
    named = names.read(provider.slug, name or upstream)
    slug = (slug_with_label(named.base) if provider.is_loopback else named.base)[:120]
    try:
        name_for_addresses(slug)
    except ValidationError as error:
        raise Invalid("Give the model a name of letters, digits, dots and hyphens.", field="new_name") from error
    existing = Model.objects.filter(slug=slug).first()
    if existing is not None:
        return existing
    mode = purposes.mode_of(slug, "")
    called = name.strip() or titles.title(slug, [])
    if provider.is_loopback:
        called = name_with_label(called[:120])
    model = Model.objects.create(
        slug=slug,
        name=called[:160],
        developer=named.stated_maker or named.family_maker,
        mode=mode,
        purpose=f"Published by the platform team from {provider.name}; its facts are not filled in yet.",
        modalities_in=["text"],
        modalities_out=["text"],
        capabilities=sorted(purposes.capabilities_of_name(slug)),
        provider_slugs=[provider.slug],
        listed_at=timezone.now(),
    )
    _tell(model, Kind.LISTED, "listed")
    return model


def index_model(model: Model) -> None:
    """Write what search reads of one model."""
    upstream = Deployment.objects.filter(version__model=model, gone_at=None).values_list("upstream_name", flat=True)
    routes = model.routes.values_list("slug", flat=True)
    other_names = [*sorted(name.rpartition("/")[2] for name in upstream), *routes]
    indexing.index([indexing.words_of(model, other_names=other_names, related=purposes.related_words(model.slug))])


def _tell(model: Model, kind: str, what: str) -> None:
    tell(model=model, kind=kind, what=what, source=PLATFORM_TEAM)
