"""What a reviewer of an access request should know, collected from the catalog and the price list as they are now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from django.db.models import Sum
from django.utils import timezone

from access.forecasting import forecast
from access.imposing import told
from access.onboarding.forms import plain_names
from access.widening import GRANTS, held_now
from approvals.evidence.collectors import AT_THE_DECISION, Collector
from approvals.models import Request
from approvals.subjects import Evidence
from catalog.lifecycle.behind import Life, life_behind
from catalog.lifecycle.states import Lifecycle
from catalog.models import Deployment, Model, Route
from tenants.data_classes import DATA_CLASSES
from tenants.scope import everything
from usage.latency import SAMPLE, rank
from usage.models import Call, PlatformRollup
from usage.prices import in_force

UNKNOWN = "not known"
CATALOG = "Catalog"
PRICES = "Price list"
LEDGER = "Ledger"
RECENT = dt.timedelta(days=30)
MOST = 5  # earlier grants that are told


def _route(request: Request) -> Route | None:
    return Route.objects.select_related("model").filter(pk=request.subject_key.partition(":")[2]).first()


def _of_route(tell: Callable[[Request, Route], Iterable[Evidence]]) -> Callable[[Request], list[Evidence]]:
    """`tell` for the route that is asked for, while there is one."""

    def told_of(request: Request) -> list[Evidence]:
        route = _route(request)
        if route is None:
            return [Evidence("Model", "The route was removed since this was asked.", CATALOG)]
        return list(tell(request, route))

    return told_of


def deployments_of(route: Route) -> list[Deployment]:
    """What serves `route`, the first to be asked first."""
    rows = Deployment.objects.filter(targets__route=route).select_related("provider", "version")
    return list(rows.order_by("targets__priority"))


def _card(request: Request, route: Route) -> Iterator[Evidence]:
    yield from _what(route.model)
    yield from _life(route)


def _serving(request: Request, route: Route) -> Iterator[Evidence]:
    deployments = deployments_of(route)
    yield from _where(deployments)
    for provider in dict.fromkeys(deployment.provider for deployment in deployments):
        classes = plain_names(provider.data_classes, DATA_CLASSES) if provider.data_classes else "any"
        yield Evidence("Data it may see", f"{classes} at {provider}", CATALOG, path=provider.website)


def _cost(request: Request, route: Route) -> Iterator[Evidence]:
    yield from _price(deployments_of(route))
    yield from _volume(request)
    yield from (fact for fact in forecast(request) if fact.name == "Cost forecast")


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


def _life(route: Route) -> Iterator[Evidence]:
    """Of the versions that it leads to: the model may have others."""
    model = route.model
    life = life_behind(route) or Life(Lifecycle(model.status), model.deprecated_on)
    state = str(life.state.label)
    if life.ends_on:
        gone = life.ends_on <= timezone.now().date()
        state += f"; deprecated {'since' if gone else 'on'} {life.ends_on.isoformat()}"
    yield Evidence("Life cycle", state, CATALOG)


def _volume(request: Request) -> Iterator[Evidence]:
    calls = request.facts.get("expected_calls_per_day")
    yield Evidence("Expected use", f"{calls:,} calls a day" if calls else "not stated", "Requester")


def _grants(request: Request, route: Route) -> Iterator[Evidence]:
    """Where else in the tenant it may be called, and what became of earlier grants here."""
    of_tenant = route.grants.filter(tenant=request.tenant)
    held = of_tenant.filter(revoked_at=None).exclude(environment=request.environment)
    paths = [grant.environment.path for grant in held.select_related("environment__project", "environment__tenant")]
    yield Evidence("Held elsewhere in the tenant", ", ".join(paths) or "no", GRANTS)
    ended = of_tenant.filter(environment=request.environment).exclude(revoked_at=None).order_by("-revoked_at")[:MOST]
    for grant in ended:
        until = grant.revoked_at or grant.granted_at
        words = f"from {grant.granted_at:%Y-%m-%d} to {until:%Y-%m-%d}"
        yield Evidence("Held here before", words, GRANTS, path=f"/tenants/{request.tenant.slug}/grants/{grant.pk}/"
                       if request.tenant else "")  # fmt: skip


def _record_of_service(request: Request, route: Route) -> Iterator[Evidence]:
    """How it answered everybody in the last days: without whose calls they were."""
    since = timezone.now() - RECENT
    rows = PlatformRollup.objects.daily().filter(dimension="route", value=route.slug, day__gte=since.date())
    told_of = rows.order_by().aggregate(calls=Sum("calls"), errors=Sum("errors"))
    calls, errors = told_of["calls"] or 0, told_of["errors"] or 0
    if not calls:
        yield Evidence("Calls in 30 days", "none, so nothing is known of how it answers here", LEDGER)
        return
    yield Evidence("Calls in 30 days", f"{calls:,} by everybody, of which {errors:,} failed"
                   f" ({Decimal(errors) * 100 / calls:.1f} %)", LEDGER)  # fmt: skip
    with everything("how fast it answers is told over all tenants together"):
        answered = Call.objects.filter(route=route.slug, outcome="ok", started_at__gte=since)
        took = sorted(answered.order_by("-started_at", "-id").values_list("duration_ms", flat=True)[:SAMPLE])
    if took:
        half, most = rank(took, 50), rank(took, 95)
        yield Evidence("Time to answer", f"half within {half:,} ms, 95 of 100 within {most:,} ms,"
                       f" of the latest {len(took):,} answered calls", LEDGER)  # fmt: skip


DAY = dt.timedelta(days=1)
COLLECTORS = (
    Collector(
        "model", "The model", "What the catalog knows of it: maker, licence, context, life cycle.", 30 * DAY,
        _of_route(_card),
    ),
    Collector(
        "serving", "Where it runs", "Providers, regions, health, and the classes of data they may see.", DAY,
        _of_route(_serving),
    ),
    Collector(
        "cost", "Price and cost", "The price in force and what the expected use would cost a month.", 7 * DAY,
        _of_route(_cost),
    ),
    Collector(
        "service", "How it answers", "Calls, errors and times of the last 30 days, of everybody together.", DAY,
        _of_route(_record_of_service),
    ),
    Collector("grants", "Access so far", "Where the tenant may call it, and what it held here before.", DAY,
              _of_route(_grants)),
    Collector(
        "conditions", "Conditions", "What is demanded of every call, and what an approval would take away.",
        AT_THE_DECISION, lambda request: [*told(request), *held_now(request)] if _route(request) else [],
    ),
)  # fmt: skip
