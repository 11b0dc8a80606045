"""Why a call went as it did, told to its own caller on demand (`x-atrium-explain: 1`): key, environment, grant, route,
deployments, limits, budgets and price.

It holds what that caller may know alone: nothing that other tenants use or all of them share, of budgets above the
key's own project no amounts, no address or credential of a provider.
"""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gateway.admission import held_places
from gateway.caller import Caller
from gateway.metering import CallSummary, Meter
from gateway.snapshot import Grant, Route, Snapshot, Target
from gateway.wire_errors import absolute
from refusals import Refusal

if TYPE_CHECKING:
    from gateway.runtime import Runtime

LARGEST_HEADER = 2048  # bytes; what is beyond is left out part by part, and that is said. A proxy such as nginx takes
# an answer's whole head in 4 KB unless told otherwise, and refuses one that is larger
MOST_DEPLOYMENTS = 20
LEFT_OUT_FIRST = ("deployments", "limits", "budgets", "key")
Explanation = dict[str, Any]


def explanation(
    held: Runtime, caller: Caller | None, model: str, meter: Meter | None, refusal: Refusal | None = None
) -> Explanation:
    """As far as the call got: what is not known yet, or to nobody, is left out."""
    told: Explanation = {}
    if refusal is not None:
        told["refused"] = refusal.code
        if queue := refusal.facts.get("queue"):
            told["queue"] = queue
    if caller is None:
        return told
    snapshot = held.snapshot()
    if caller.key_prefix:
        told["key"] = {"prefix": caller.key_prefix, "name": caller.key_name}
    told["environment"] = caller.environment_path
    granted = _granted(snapshot, caller, model)
    if model:
        told |= _of_route(snapshot, caller, model, granted, meter)
    told["limits"] = _limits(held, snapshot, caller, granted)
    told["budgets"] = _budgets(held, snapshot, caller, meter, refusal)
    if meter is not None:
        told |= _of_call(meter)
    return told


def account(summary: CallSummary) -> Explanation:
    """What a call came to, for the end of a stream."""
    return {
        "call": summary.call_id,
        "outcome": summary.outcome,
        "input_tokens": summary.input_tokens,
        "output_tokens": summary.output_tokens,
        "waited_ms": summary.waited_ms or 0,
        **_cost(summary),
    }


def as_header(told: Explanation) -> bytes:
    """It as a header's value: JSON in ASCII, of a bounded length."""
    for name in (None, *LEFT_OUT_FIRST):
        if name is not None:
            told = {key: value for key, value in told.items() if key != name} | {"shortened": True}
        written = json.dumps(told, separators=(",", ":"), default=_plain).encode("ascii")
        if len(written) <= LARGEST_HEADER:
            break
    return written


def as_json(told: Explanation) -> Explanation:
    """It as values that any JSON can hold."""
    plain: Explanation = json.loads(json.dumps(told, default=_plain))
    return plain


def _granted(snapshot: Snapshot, caller: Caller, model: str) -> tuple[Route, Grant] | None:
    """The route of that name with the grant by which the caller is told of it; None where there is none."""
    route, grant = snapshot.routes.get(model), snapshot.grants.get(caller.environment_id, {}).get(model)
    is_for_key = caller.routes is None or model in caller.routes
    return (route, grant) if route is not None and grant is not None and is_for_key else None


def _of_route(
    snapshot: Snapshot, caller: Caller, model: str, granted: tuple[Route, Grant] | None, meter: Meter | None
) -> Explanation:
    if granted is not None:
        route, grant = granted
        return {"route": route.slug, "grant": _grant(grant), "deployments": _deployments(route, meter)}
    is_for_key = caller.routes is None or model in caller.routes
    return {"route": model, "grant": None} if model in snapshot.routes and is_for_key else {"route": None}


def _grant(grant: Grant) -> Explanation:
    """The request in which it was decided, where it is told by whom, and until when it holds."""
    number = grant.request_number
    return {
        "decided_in": f"R-{number}" if number else None,
        "decided_at": absolute(f"/requests/{number}/") if number else None,
        "until": grant.expires_at,
        "in_force": grant.is_in_force(dt.datetime.now(dt.UTC)),
        **({"conditions": grant.conditions.as_json()} if grant.conditions is not None else {}),
    }


def _deployments(route: Route, meter: Meter | None) -> list[Explanation]:
    """Those that were considered, in the order in which they were, each with what became of it; then the others of the
    route."""
    considered: dict[str, list[str]] = {}
    choice = meter.choice if meter is not None else None
    for target, said, _ in choice.said if choice is not None else ():
        if target is not None:
            considered.setdefault(_name(target), []).append(said)
    for target in route.targets:
        if choice is not None and (why := choice.cannot.get(target.deployment_id)):
            considered[_name(target)].append(why)
    for target in route.targets:
        considered.setdefault(_name(target), ["not needed" if target.is_connected else "passed over: not connected"])
    return [
        {"deployment": name, "outcome": "; ".join(said)} for name, said in list(considered.items())[:MOST_DEPLOYMENTS]
    ]


def _limits(
    held: Runtime, snapshot: Snapshot, caller: Caller, granted: tuple[Route, Grant] | None
) -> list[Explanation]:
    """Every limit that was kept to, with what is left of it now, and which is the tightest of its metric; of what all
    tenants share, nothing is told but that there is a limit, and that only of a route that was granted."""
    told: list[Explanation] = []
    for place, bound in held_places(snapshot, caller):
        for metric, limit in bound.a_minute:
            left = max(0, limit - held.rates.used(place, metric))
            told.append({"of": bound.words, "metric": metric, "limit": limit, "left": left})
        if bound.concurrent is not None:
            left = max(0, bound.concurrent - held.rates.at_once(place))
            told.append({"of": bound.words, "metric": "concurrent", "limit": bound.concurrent, "left": left})
    for metric in {each["metric"] for each in told}:
        min((each for each in told if each["metric"] == metric), key=lambda each: int(each["left"]))["tightest"] = True
    route_id = granted[0].id if granted is not None else None
    shared = snapshot.capacities.get(route_id) if route_id is not None else None
    if shared is not None:
        told += [{"of": shared.words, "metric": metric} for metric, _ in shared.a_minute]
        if shared.concurrent is not None:
            told.append({"of": shared.words, "metric": "concurrent"})
    return told


def _budgets(
    held: Runtime, snapshot: Snapshot, caller: Caller, meter: Meter | None, refusal: Refusal | None
) -> list[Explanation]:
    """Each hard budget: what this call reserved of it and whether it fitted (None where that was not asked).

    How much it is, and what was left when the ledger was last asked, is told of the key's own project and below: a key
    says nothing of whether its holder may see what the whole tenant has and spends.
    """
    reserved = meter.hold.reserved if meter is not None else {}
    beyond = refusal.facts.get("beyond") if refusal is not None else None
    told: list[Explanation] = []
    for place, bound in held_places(snapshot, caller):
        for budget in bound.budgets:
            each: Explanation = {
                "of": bound.words,
                "currency": budget.currency,
                "each": budget.span,
                "reserved": reserved.get(budget.currency, Decimal(0)),
                "fits": False if budget.id == beyond else True if meter is not None else None,
            }
            if place != caller.tenant_id:
                each |= {"amount": budget.amount, "left": held.leases.left_of(budget)}
            told.append(each)
    return told


def _of_call(meter: Meter) -> Explanation:
    target, summary = meter.target, meter.summary
    told: Explanation = {"call": meter.id_text, "waited_ms": meter.waited_ms or 0}
    price = target.price_at(dt.datetime.now(dt.UTC)) if target is not None else None
    if price is not None:
        told["price"] = {
            "input_per_million": price.input_per_million,
            "output_per_million": price.output_per_million,
            "currency": price.currency,
        }
    return told | (_cost(summary) if summary is not None else {})


def _cost(summary: CallSummary) -> Explanation:
    return {"cost": summary.cost, "currency": summary.currency} if summary.cost is not None else {"cost": None}


def _name(target: Target) -> str:
    return f"{target.provider}/{target.upstream_name}"


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, dt.datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is nothing that is told")
