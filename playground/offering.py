"""What a person may try: the environments they may call models in, and the routes offered there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from access.asking import open_requests
from access.models import Grant
from approvals.models import Request
from approvals.next_step import waits_for
from catalog.models import Model, Route
from playground.parameters import USUAL_LONGEST
from tenants.models import Environment, User
from tenants.scoping import find_environment, visible
from usage import prices
from usage.models import Price

USE = "tenants.use_models"
MAX_OFFERED = 40
MAX_ENVIRONMENTS = 300


@dataclass(frozen=True)
class Offer:
    """A route as the picker shows it: what a call is charged per million tokens, or None; `way_out` is where access is
    asked for."""

    slug: str
    name: str = ""
    purpose: str = ""
    is_usable: bool = False
    is_known: bool = True
    input_price: Decimal | None = None
    output_price: Decimal | None = None
    currency: str = "USD"
    context_tokens: int | None = None
    longest: int | None = None  # tokens of an answer, where the person sets nothing
    way_out: str = ""
    page: str = ""
    asked: str = ""  # the request that waits already, in words; `way_out` then leads to it
    purposes: tuple[str, ...] = ()  # the access is for these, and each call states one of them; none: for anything
    granted_in: tuple[Environment, ...] = ()  # where else the person may use it, while they may not here


@dataclass(frozen=True)
class Choice:
    """What a search of the picker found; `more` says that there are others."""

    offers: list[Offer] = field(default_factory=list)
    more: bool = False


def environments_for(viewer: User) -> QuerySet[Environment]:
    """The environments in which `viewer` may call models."""
    rows = visible(viewer, Environment.objects.select_related("tenant", "project"), USE)
    return rows.filter(project__archived_at=None, tenant__archived_at=None).order_by(
        "tenant__name", "project__name", "kind"
    )


def usable_environment(viewer: User, path: str) -> Environment:
    """The environment `path`, when `viewer` may call models in it. Raises `Missing` or `Forbidden`."""
    return find_environment(viewer, path, USE)


def first_environment(
    environments: Sequence[Environment], preferred: str = "", wanted: Sequence[str] = (), usual: str = ""
) -> Environment | None:
    """The environment to begin in: the preferred one, else the usual one. Who works nowhere yet begins where the most
    of `wanted` (names of routes) may be used, else anything; in production only where there is nothing else."""
    by_path = {environment.path: environment for environment in environments}
    for path in (preferred, usual):
        if path in by_path:
            return by_path[path]
    granted: dict[UUID, set[str]] = defaultdict(set)
    for key, route in _in_force().filter(environment__in=environments).values_list("environment_id", "route__slug"):
        granted[key].add(route)
    ordered = sorted(
        environments,
        key=lambda e: (
            e.kind == "production",
            -len(granted[e.pk] & set(wanted)),
            not granted[e.pk],
            e.kind != "development",
            -len(granted[e.pk]),
        ),
    )
    return ordered[0] if ordered else None


def find_offers(environment: Environment, text: str = "") -> Choice:
    """The routes whose name or model matches every word of `text`: usable ones first, then those to ask for."""
    routes = _routes(environment)
    for word in text.replace("\x00", "")[:120].split():
        routes = routes.filter(
            Q(slug__icontains=word) | Q(model__name__icontains=word) | Q(model__developer__icontains=word)
        )
    rows = list(routes[: MAX_OFFERED + 1])
    return Choice(_offers(rows[:MAX_OFFERED], environment), len(rows) > MAX_OFFERED)


def offers_of(environment: Environment, slugs: Sequence[str], others: Sequence[Environment] = ()) -> dict[str, Offer]:
    """The offers called `slugs`; one that does not exist is there too, not usable and not known. Of one that is refused
    in `environment` it is said in which of `others` it is granted."""
    rows = list(_routes(environment).filter(slug__in=set(slugs)))
    found = {offer.slug: offer for offer in _offers(rows, environment)}
    refused = [slug for slug, offer in found.items() if not offer.is_usable]
    for slug, granted_in in _granted_in(others, refused).items():
        found[slug] = replace(found[slug], granted_in=granted_in)
    return {slug: found.get(slug) or Offer(slug, is_known=False) for slug in slugs if slug}


def _granted_in(environments: Sequence[Environment], slugs: Sequence[str]) -> dict[str, tuple[Environment, ...]]:
    """Those of `environments` in which each of `slugs` may be used, in their order; without routes granted nowhere."""
    if not slugs or not environments:
        return {}
    grants = _in_force().filter(environment__in=environments, route__slug__in=slugs)
    held = set(grants.values_list("route__slug", "environment_id"))
    told = {slug: tuple(each for each in environments if (slug, each.pk) in held) for slug in slugs}
    return {slug: granted_in for slug, granted_in in told.items() if granted_in}


def usual_routes(environment: Environment, count: int) -> list[str]:
    """Routes to begin with: usable ones, the catalog's starts for newcomers first."""
    first = _routes(environment)[:count]
    return [route.slug for route in first if route.is_usable]  # type: ignore[attr-defined]


def longest_answers(slugs: Sequence[str]) -> dict[str, int | None]:
    """How many tokens an answer of each route may have where the person sets nothing; None: no limit of ours."""
    return {route.slug: _longest(route.model) for route in Route.objects.filter(slug__in=slugs).select_related("model")}


def _longest(model: Model) -> int | None:
    """What a model thinks before it answers counts too, and some such models refuse the parameter."""
    return None if "reasoning" in model.capabilities else min(USUAL_LONGEST, model.max_output_tokens or USUAL_LONGEST)


def resolve_names(names: Sequence[str]) -> list[str]:
    """Route names for names that may be of routes or of models (the catalog links by model)."""
    routes = Route.objects.filter(Q(slug__in=names) | Q(model__slug__in=names), is_enabled=True)
    found = list(routes.values_list("slug", "model__slug")) if names else []
    by_name = {model: slug for slug, model in reversed(found)} | {slug: slug for slug, _ in found}
    return [by_name.get(name, name) for name in names]


def request_path(route: str, environment_path: str) -> str:
    """Where access to `route` is asked for."""
    try:
        return f"{reverse('access:request', args=[route])}?environment={environment_path}"
    except NoReverseMatch:
        return ""


def _routes(environment: Environment) -> QuerySet[Route]:
    """The routes of models one can talk to, usable ones first, then the catalog's starts for newcomers."""
    grants = _in_force().filter(environment_id=environment.pk, route=OuterRef("pk"))
    routes = Route.objects.filter(is_enabled=True, model__mode="chat").select_related("model")
    demanded = Subquery(grants.values("conditions__purposes")[:1])
    return routes.annotate(is_usable=Exists(grants), purposes=demanded).order_by(
        "-is_usable", "-model__is_pinned", "slug"
    )


def _in_force() -> QuerySet[Grant]:
    return Grant.objects.filter(revoked_at=None).filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


def _offers(routes: Sequence[Route], environment: Environment) -> list[Offer]:
    charged = prices.of_routes(routes)
    refused = [route for route in routes if not route.is_usable]  # type: ignore[attr-defined]
    asked = open_requests(environment.pk, refused) if refused else {}
    return [_offer(route, environment, charged.get(route.pk), asked.get(route.pk)) for route in routes]


def _offer(route: Route, environment: Environment, price: Price | None, asked: Request | None) -> Offer:
    is_usable: bool = route.is_usable  # type: ignore[attr-defined]
    model = route.model
    return Offer(
        slug=route.slug,
        name=model.name,
        purpose=model.purpose,
        is_usable=is_usable,
        input_price=price.input_per_million if price else None,
        output_price=price.output_per_million if price else None,
        currency=price.currency if price else model.price_currency,
        context_tokens=model.context_tokens,
        longest=_longest(model),
        way_out=_way_out(route, environment, asked) if not is_usable else "",
        asked=waits_for(asked) if asked else "",
        purposes=tuple(route.purposes or ()),  # type: ignore[attr-defined]
        page=_model_page(model.slug),
    )


def _way_out(route: Route, environment: Environment, asked: Request | None) -> str:
    return asked.get_absolute_url() if asked else request_path(route.slug, environment.path)


def _model_page(slug: str) -> str:
    try:
        return reverse("catalog:model", args=[slug])
    except NoReverseMatch:
        return ""


def environment_by_id(environment_id: UUID) -> Environment:
    return Environment.objects.select_related("tenant", "project").get(pk=environment_id)
