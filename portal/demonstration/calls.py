"""Six months of plausible calls: office hours, quiet weekends, growth, some faults; the same for the same seed and day.

They go through the ledger's own writer, priced by the catalog's real prices, and are marked as demonstration. None is
made that a grant did not allow at its moment; calls of routes that are off now ended last evening.
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import F
from django.utils import timezone

from access.models import Grant
from portal.demonstration.teams import keys_of
from tenants.models import ApiKey, Environment, Tenant, User
from usage import ledger
from usage.calls import CallRecord
from usage.models import Price
from usage.pricing import cost

SEED = 20_260_101
DAYS = 182
BATCH = 5_000
# The share of a day's calls in each hour (UTC), Monday to Friday.
HOURS = (1, 1, 1, 1, 1, 2, 5, 14, 28, 36, 38, 33, 24, 30, 36, 34, 28, 18, 9, 5, 4, 3, 2, 1)
FAULTS = (
    ("ok", 200, "", "stop", 0.962),
    ("ok", 200, "", "length", 0.016),
    ("cancelled", 499, "client_disconnected", "", 0.010),
    ("failed", 502, "provider_unreachable", "", 0.007),
    ("failed", 429, "provider_busy", "", 0.005),
)
SAID = {
    "provider_unreachable": "The provider could not be reached.",
    "provider_busy": "The provider takes no more calls at the moment.",
}


@dataclass(frozen=True)
class Traffic:
    """How an environment calls a route: calls on its last working day, tokens of a typical call, and since when."""

    environment: str
    route: str
    calls_a_day: int
    input_tokens: int
    output_tokens: int
    people: tuple[str, ...] = ()  # from the playground; the rest comes with the environment's keys
    days: int = DAYS
    growth: float = 1.0  # how many times busier the last day is than the first
    by_keys: bool = True  # else all of it is from the playground: the environment's keys may call more than they do


PLAYGROUND_ALONE = ("developer", "ines.duarte")
TRAFFIC = (
    Traffic(
        "retail-banking/card-support/development", "smollm2", 60, 380, 160, PLAYGROUND_ALONE, 170, 2.2, by_keys=False
    ),
    Traffic("retail-banking/card-support/development", "smollm2-batch", 80, 420, 190, (), 139, 1.5),
    Traffic("retail-banking/card-support/development", "claude-sonnet-4.5", 26, 900, 420, ("developer",), 150, 1.8),
    Traffic("retail-banking/card-support/production", "smollm2-customer", 190, 450, 170, (), 116, 3.0),
    Traffic("retail-banking/branch-assistant/development", "gpt-5-mini", 40, 1800, 350, ("tenant-owner",), 90, 2.0),
    Traffic("claims/document-triage/development", "smollm2", 40, 700, 40, ("amir.haddad",), 149, 1.4),
    Traffic("claims/document-triage/production", "gemini-2.5-flash", 110, 2600, 60, (), DAYS, 1.6),
    Traffic("claims/loss-summaries/test", "claude-haiku-4.5", 24, 5200, 480, ("elena.popova",), 120, 1.2),
    Traffic("research/literature-review/development", "smollm2", 18, 1500, 300, ("theo.marchand",), 131, 1.0),
    Traffic("research/literature-review/development", "gpt-5", 12, 6400, 900, ("mei.chen", "developer"), DAYS, 1.3),
    Traffic("research/code-helper/development", "smollm2-batch", 35, 600, 260, (), 44, 1.4),
)


@dataclass(frozen=True)
class Served:
    """What a route resolves to, as the ledger notes it."""

    model_slug: str
    provider: str
    upstream_name: str
    price: Price


def write(people: dict[str, User], environments: dict[str, Environment]) -> int:
    """Write the calls of every line of `TRAFFIC` whose route the catalog has, oldest first; how many."""
    served = _served({traffic.route for traffic in TRAFFIC})
    keys = {path: found for tenant in _tenants(environments) for path, found in keys_of(tenant).items()}
    today = timezone.now()
    records: list[CallRecord] = []
    for traffic in TRAFFIC:
        if traffic.route in served:
            environment = environments[traffic.environment]
            callers = [people[name] for name in traffic.people]
            calling = keys.get(traffic.environment, []) if traffic.by_keys else []
            records += _calls(traffic, served[traffic.route], environment, calling, callers, today)
    records.sort(key=lambda record: record.started_at)
    for start in range(0, len(records), BATCH):
        ledger.write(records[start : start + BATCH])
    for found in keys.values():
        for key in found:
            last = max((r.started_at for r in records if r.key_prefix == key.prefix), default=None)
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=last, created_at=today - dt.timedelta(days=DAYS + 2))
    return len(records)


def _tenants(environments: dict[str, Environment]) -> list[Tenant]:
    return list({environment.tenant_id: environment.tenant for environment in environments.values()}.values())


def _served(routes: set[str]) -> dict[str, Served]:
    """What each route resolves to: the local model, else (nobody connected one here) the offer of the model's maker."""
    found: dict[str, Served] = {}
    in_force = Price.objects.filter(valid_until=None, deployment__version__model__routes__slug__in=routes)
    offers = in_force.annotate(route=F("deployment__version__model__routes__slug"))
    for price in sorted(offers.select_related("deployment__version__model", "deployment__provider"), key=_preference):
        deployment = price.deployment
        found.setdefault(
            price.route,
            Served(deployment.version.model.slug, deployment.provider.slug, deployment.upstream_name, price),
        )
    return found


def _preference(price: Price) -> tuple[int, str]:
    rank = {"local": 0, "openai": 1, "anthropic": 1, "google": 1}
    return rank.get(price.deployment.provider.slug, 2), price.deployment.upstream_name


def _calls(
    traffic: Traffic,
    served: Served,
    environment: Environment,
    keys: list[ApiKey],
    callers: list[User],
    now: dt.datetime,
) -> Iterator[CallRecord]:
    dice = random.Random(f"{SEED} {traffic.environment} {traffic.route}")  # noqa: S311  (plausible, not secret)
    grant = Grant.objects.filter(environment=environment, route__slug=traffic.route).select_related("route").first()
    if grant is None:
        return
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    ended = midnight - dt.timedelta(hours=6) if not grant.route.is_enabled else now - dt.timedelta(minutes=2)
    ended = min(ended, grant.expires_at or ended)
    for day in range(traffic.days, -1, -1):
        date = midnight - dt.timedelta(days=day)
        progress = 1 - day / traffic.days
        level = traffic.calls_a_day * (1 / traffic.growth + (1 - 1 / traffic.growth) * progress)
        if date.weekday() >= 5:
            level *= 0.12
        for _ in range(round(level * dice.uniform(0.75, 1.25))):
            hour = dice.choices(range(24), HOURS)[0]
            at = date + dt.timedelta(hours=hour, seconds=dice.uniform(0, 3600))
            record = _call(dice, traffic, served, environment, keys, callers, at, grant)
            if grant.granted_at < at < ended:
                yield record


def _call(
    dice: random.Random,
    traffic: Traffic,
    served: Served,
    environment: Environment,
    keys: list[ApiKey],
    callers: list[User],
    at: dt.datetime,
    grant: Grant,
) -> CallRecord:
    outcome, status, code, finish, _ = dice.choices(FAULTS, [fault[-1] for fault in FAULTS])[0]
    answered = outcome != "failed"
    tokens_in = max(8, round(traffic.input_tokens * dice.lognormvariate(0, 0.5))) if answered else 0
    tokens_out = max(1, round(traffic.output_tokens * dice.lognormvariate(0, 0.6))) if answered else 0
    first_ms = round(dice.lognormvariate(5.9, 0.45))
    person = dice.choice(callers) if callers and (not keys or dice.random() < 0.6) else None
    key = None if person or not keys else dice.choice(keys)
    price = served.price
    return CallRecord(
        id=_identifier(at, dice),
        tenant_id=environment.tenant_id,
        project_id=environment.project_id,
        environment_id=environment.pk,
        origin="playground" if person else "api",
        key_prefix=key.prefix if key else "",
        key_name=key.name if key else "",
        user_id=person.pk if person else None,
        user_label=str(person) if person else "",
        route=traffic.route,
        model_slug=served.model_slug,
        provider=served.provider,
        upstream_name=served.upstream_name,
        grant_id=grant.pk,
        decision_id=grant.decision_id,
        request_id=f"demo-{dice.getrandbits(64):016x}",
        outcome=outcome,
        status=status,
        error_code=code,
        error_message=SAID.get(code, ""),
        finish_reason=finish,
        is_streamed=bool(person) or dice.random() < 0.5,
        started_at=at,
        first_token_ms=first_ms if answered else None,
        duration_ms=first_ms + round(tokens_out * dice.uniform(7, 14)),
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        usage_source="provider" if outcome == "ok" else "counted",
        price_id=price.pk,
        input_per_million=price.input_per_million,
        output_per_million=price.output_per_million,
        cached_input_per_million=price.cached_input_per_million,
        cache_write_per_million=price.cache_write_per_million,
        cost=cost(price, tokens_in, tokens_out) if answered else Decimal(0),
        currency=price.currency,
        is_demonstration=True,
    )


def _identifier(at: dt.datetime, dice: random.Random) -> uuid.UUID:
    """A UUID of version 7 (RFC 9562 §5.7) whose random bits come from the seed."""
    value = int(at.timestamp() * 1000) << 80 | dice.getrandbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    return uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62)
