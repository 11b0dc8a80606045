"""What a reviewer of an access request should know, collected from the catalog and the price list as they are now."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from django.utils import timezone

from access.imposing import told
from access.widening import held_now
from approvals.models import Request
from approvals.subjects import Evidence
from catalog.models import Deployment, Model, Route
from usage.prices import in_force

UNKNOWN = "not known"
CATALOG = "Catalog"
PRICES = "Price list"


def collect(request: Request) -> list[Evidence]:
    """The facts of the model behind the requested route: provider, price, context, licence, life, expected use."""
    route = Route.objects.select_related("model").filter(pk=request.subject_key.partition(":")[2]).first()
    if route is None:
        return [Evidence("Model", "The route was removed since this was asked.", CATALOG)]
    deployments = list(
        Deployment.objects.filter(targets__route=route).select_related("provider").order_by("targets__priority")
    )
    return [
        *_what(route.model),
        *_where(deployments),
        *_price(deployments),
        *_life(route.model),
        *_volume(request),
        *told(request),
        *held_now(request),
        *_already(request, route),
    ]


def _what(model: Model) -> Iterator[Evidence]:
    told = {fact.name: fact for fact in model.facts.order_by("as_of")}  # the newest of a name wins
    yield Evidence("Model", str(model), CATALOG, path=model.get_absolute_url())
    yield Evidence("Made by", model.developer or UNKNOWN, CATALOG)
    context = f"{model.context_tokens:,} tokens" if model.context_tokens else UNKNOWN
    fact = told.get("context_tokens")
    yield Evidence("Context", context, fact.source if fact else CATALOG, fact.as_of if fact else None)
    fact = told.get("licence")
    yield Evidence("Licence", model.licence or UNKNOWN, fact.source if fact else CATALOG, fact.as_of if fact else None)
    if model.capabilities:
        yield Evidence("Capabilities", ", ".join(word.replace("_", " ") for word in model.capabilities), CATALOG)


def _where(deployments: list[Deployment]) -> Iterator[Evidence]:
    if not deployments:
        yield Evidence("Served by", "nobody at present", CATALOG)
    for deployment in deployments:
        region = deployment.region or deployment.provider.region
        health = deployment.get_health_display().lower()
        value = f"{deployment.provider}, {region or 'region not known'}; {health}"
        yield Evidence("Served by", value, CATALOG, deployment.checked_at.date() if deployment.checked_at else None)


def _price(deployments: list[Deployment]) -> Iterator[Evidence]:
    prices = in_force().filter(deployment__in=deployments).select_related("deployment__provider")
    for price in prices:
        value = (
            f"{_figure(price.input_per_million)} in and {_figure(price.output_per_million)} out,"
            f" {price.currency} per million tokens at {price.deployment.provider}"
        )
        yield Evidence("Price", value, price.source, price.valid_from.date())
    if not prices:
        yield Evidence("Price", "no price is set: calls will not be charged", PRICES)


def _figure(amount: Decimal) -> str:
    text = f"{amount.normalize():f}"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(2, '0')}"


def _life(model: Model) -> Iterator[Evidence]:
    state = model.get_status_display()
    if model.deprecated_on:
        gone = model.deprecated_on <= timezone.now().date()
        state += f"; deprecated {'since' if gone else 'on'} {model.deprecated_on.isoformat()}"
    yield Evidence("Life cycle", state, CATALOG)


def _volume(request: Request) -> Iterator[Evidence]:
    calls = request.facts.get("expected_calls_per_day")
    yield Evidence("Expected use", f"{calls:,} calls a day" if calls else "not stated", "Requester")


def _already(request: Request, route: Route) -> Iterator[Evidence]:
    held = route.grants.filter(tenant=request.tenant, revoked_at=None).exclude(environment=request.environment)
    paths = [grant.environment.path for grant in held.select_related("environment__project", "environment__tenant")]
    yield Evidence("Held elsewhere in the tenant", ", ".join(paths) or "no", "Grants")
