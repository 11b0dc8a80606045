"""What of limits and budgets is left to tenants: the capability `limits`, and how much a change asks for.

The bound of a tenant as a whole is the platform's in every mode: what is left to a tenant is what it does within it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings

from approvals.delegation.capabilities import Capability, Threshold
from approvals.delegation.standing import standing
from approvals.delegation.tables import Mode
from refusals.errors import Forbidden
from usage.limits.places import Place
from usage.limits.tables import OF_TOKENS, Metric, Span

LIMITS = "limits"
SPEND = "spend"
A_MONTH = {Span.DAY: Decimal(31), Span.WEEK: Decimal(31) / 7, Span.MONTH: Decimal(1), Span.QUARTER: Decimal(1) / 3,
           Span.YEAR: Decimal(1) / 12}  # fmt: skip


class AboveThreshold(Forbidden):
    code = "above_threshold"
    title = "The platform decides on this much"


CAPABILITY = Capability(
    slug=LIMITS,
    name="Limits and budgets",
    sentence="How fast, and for how much money, a tenant's projects, environments and keys may call.",
    means={
        Mode.PLATFORM: "Nobody in a tenant sets limits or budgets; they ask, and the platform decides.",
        Mode.ABOVE: "A tenant's owners set those of its projects, environments and keys up to the threshold.",
        Mode.TENANT: "A tenant's owners set those of its projects, environments and keys as they like.",
    },
    default=Mode.TENANT,
    permission="tenants.manage_tenant",
    kinds=("limits",),
    thresholds=(
        Threshold(Metric.REQUESTS.value, "Requests a minute"),
        Threshold(Metric.TOKENS.value, "Tokens a minute"),
        Threshold(Metric.CONCURRENT.value, "Calls at once"),
        Threshold(SPEND, "Budget a month", unit=settings.CURRENCY),
    ),
    order=40,
)


def measure(facts: Mapping[str, Any], environment_kind: str = "") -> Mapping[str, Any] | None:
    """What a request asks for, by the names of the thresholds; None for a tenant as a whole: that is the platform's."""
    if facts["level"] == "tenant":
        return None
    asked = by_threshold(facts["amounts"])
    if budget := facts["budget"]:
        ends_stop = budget.get("ends_stop", False)  # then no amount bounds anything
        asked[SPEND] = None if ends_stop else a_month(Decimal(budget["amount"]), budget["span"])
    return asked


def by_threshold(amounts: Mapping[str, Any]) -> dict[str, Any]:
    """`amounts` by metric as the thresholds measure them: tokens of prompts and of answers are tokens, and of several
    bounds of them the widest counts (None: none)."""
    measured: dict[str, Any] = {}
    for metric, amount in amounts.items():
        name = Metric.TOKENS.value if metric in OF_TOKENS else metric
        is_wider = name not in measured or amount is None or (measured[name] is not None and amount > measured[name])
        measured[name] = amount if is_wider else measured[name]
    return measured


def a_month(amount: Decimal, span: str) -> Decimal:
    """What a budget of `amount` for each `span` comes to in a month of 31 days."""
    return amount * A_MONTH[Span(span)]


def refuse_above(place: Place, measured: Mapping[str, Any], field: str) -> None:
    """Raise `AboveThreshold` for `field` unless what is `measured` is left to the tenant of `place`; None: without any
    bound."""
    who = standing(LIMITS, place.tenant)
    if who.leaves_to_tenant(measured):
        return
    raise AboveThreshold(
        f"{who.words}: {who.sentence} Ask for it, and it is set when it is approved.",
        way_out=f"/tenants/{place.tenant.slug}/limits/ask/?place={place.path}",
        field=field,
    )
