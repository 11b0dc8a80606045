"""Ask for other limits or another budget than one may set oneself: the subject kind `limits`, decided and then set."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction

from approvals.evidence.collectors import Collector
from approvals.models import Decision, Request
from approvals.policy_conditions import Traits
from approvals.subjects import Evidence, SubjectKind, facts_stay
from approvals.submit import submit
from refusals.errors import Conflict, Invalid
from tenants.archiving import refuse_archived
from tenants.models import ApiKey, Environment, Project, Tenant, User
from tenants.scoping import require
from ui.formatting import exact_count, money
from usage.limits.budgets import ends_stop, set_budget
from usage.limits.delegated import LIMITS, a_month, measure
from usage.limits.effective import UNITS, effective, held_limits
from usage.limits.places import Place, of_environment, of_key, of_project, of_tenant
from usage.limits.setting import limits_at, set_limits
from usage.limits.spending import spending
from usage.limits.tables import LARGEST_LIMIT, Budget, Metric, Span

KIND = "limits"
REQUEST = "tenants.request_access"


class NothingAsked(Invalid):
    code = "nothing_asked"


class PlaceGone(Conflict):
    code = "place_gone"
    title = "What it was asked for is gone"


@transaction.atomic
def request_limits(
    *,
    place: Place,
    amounts: Mapping[str, int],
    budget: Decimal | None = None,
    span: str = Span.MONTH,
    is_hard: bool = False,
    reason: str,
    by: User,
) -> Request:
    """Ask that the limits `amounts` (by metric) and a `budget` of `span` are set at `place`.

    Raises `Missing` or `Forbidden` (needs `tenants.request_access` there), `NothingAsked`, `Invalid`, `TenantArchived`,
    `ProjectArchived` and the refusals of `approvals.submit`.
    """
    require(by, REQUEST, place.row)
    refuse_archived(place.tenant, place.project)
    now = limits_at(place)
    wanted = {metric: amount for metric, amount in amounts.items() if now.get(metric) != amount}
    for metric, amount in wanted.items():
        if not 1 <= amount <= LARGEST_LIMIT:
            raise Invalid(f"Use a whole number from 1 to {exact_count(LARGEST_LIMIT)}.", field=Metric(metric).value)
    if not wanted and budget is None:
        raise NothingAsked(f"Name a limit or a budget that differs from what {place.words} has now.")
    facts: dict[str, Any] = {
        "place": place.path,
        "level": place.level,
        "place_id": str(place.id),
        "amounts": wanted,
        "before": now,
        "budget": {
            "amount": f"{budget:f}",
            "span": str(span),
            "is_hard": is_hard,
            "ends_stop": ends_stop(place, span, is_hard=is_hard),
        }
        if budget is not None
        else None,
    }
    return submit(
        subject_kind=KIND,
        subject_key=f"{place.level}:{place.id}",
        title=f"{_asked_in_words(facts)} for {place.words}",
        reason=reason,
        facts=facts,
        tenant=place.tenant,
        environment=place.environment,
        by=by,
    )


def _cost_a_month(facts: Mapping[str, Any]) -> Decimal | None:
    asked = facts.get("budget")
    return a_month(Decimal(asked["amount"]), asked["span"]) if asked else None


def _asked_in_words(facts: Mapping[str, Any]) -> str:
    told = [f"{exact_count(amount)} {UNITS[metric]}" for metric, amount in facts["amounts"].items()]
    if asked := facts["budget"]:
        kind = "a hard budget" if asked["is_hard"] else "a budget"
        told.append(f"{kind} of {money(Decimal(asked['amount']), settings.CURRENCY)} {_span(asked).lower()}")
    return ", ".join(told)


def _span(asked: Mapping[str, Any]) -> str:
    return str(Span(asked["span"]).label)


def place_of_request(request: Request) -> Place | None:
    """The place as it is now; None when it is gone, or belongs to another tenant since."""
    rows: Any = {
        "tenant": lambda pk: Tenant.objects.filter(pk=pk),
        "project": lambda pk: Project.objects.filter(pk=pk, tenant=request.tenant).select_related("tenant"),
        "environment": lambda pk: Environment.objects.filter(pk=pk, tenant=request.tenant).select_related(
            "project__tenant"
        ),
        "key": lambda pk: ApiKey.objects.filter(pk=pk, tenant=request.tenant).select_related(
            "environment__project__tenant"
        ),
    }
    makes: Any = {"tenant": of_tenant, "project": of_project, "environment": of_environment, "key": of_key}
    level = request.facts["level"]
    found = rows[level](request.facts["place_id"]).first()
    return makes[level](found) if found is not None else None


def _revise(request: Request, facts: Mapping[str, Any], by: User) -> Mapping[str, Any]:
    place = place_of_request(request)
    if place is None:
        raise PlaceGone(f"{request.facts['place']} is not there any more, so nothing can be set. Withdraw the request.")
    require(by, REQUEST, place.row)
    return facts_stay(request, facts, by)


def _lock(request: Request) -> None:
    if request.tenant is not None:
        Tenant.objects.select_for_update(no_key=True).get(pk=request.tenant.pk)


def _set(request: Request, decision: Decision, by: Any) -> None:
    place = place_of_request(request)
    if place is None:
        raise PlaceGone(f"{request.facts['place']} is not there any more, so nothing can be set. Refuse the request.")
    set_limits(place=place, amounts=request.facts["amounts"], by=by)
    if asked := request.facts["budget"]:
        set_budget(place=place, amount=Decimal(asked["amount"]), span=asked["span"], is_hard=asked["is_hard"], by=by)


def _evidence(request: Request) -> list[Evidence]:
    facts, place = request.facts, place_of_request(request)
    told = [Evidence("Asked for", _asked_in_words(facts), "Requester"), Evidence("Where", facts["place"], "Requester")]
    if place is None:
        return [*told, Evidence("The place", "is not there any more", "Tenants")]
    held = held_limits(place.tenant.pk)
    told += [Evidence(f"{each.label} now", each.sentence, "Limits") for each in effective(place, held)]
    for above in place.chain[1:]:
        for metric in facts["amounts"]:
            bound = held.get(above.id, {}).get(metric)
            if bound is not None and bound < facts["amounts"][metric]:
                words = f"{above.words} allows {exact_count(bound)} {UNITS[metric]}, which stays the bound"
                told.append(Evidence("Bound above", words, "Limits"))
    budgets = list(Budget.objects.filter(**place.attached))
    for standing in spending(budgets).values():
        spent = money(standing.spent, standing.budget.currency)
        told.append(Evidence(f"Budget {standing.budget.get_span_display().lower()} now",
                             f"{standing.budget}, of which {spent} is spent", "Ledger"))  # fmt: skip
    return told


def _page(request: Request) -> str:
    return f"/tenants/{request.tenant.slug}/limits/" if request.tenant else ""


KIND_OF_LIMITS = SubjectKind(
    slug=KIND,
    name="Limits and budgets",
    effect="The limits and budgets are set as they were asked for, in force within a second.",
    on_approved=_set,
    lock=_lock,
    collectors=(
        Collector(
            "limits",
            "Limits and budgets",
            "What is asked for, what applies now and what bounds it from above.",
            dt.timedelta(days=1),
            _evidence,
        ),
    ),
    revise=_revise,
    page=_page,
    traits=lambda facts: Traits(cost_a_month=_cost_a_month(facts)),
    is_replaced=False,  # one may be about a limit, the next about a budget
    capability=LIMITS,
    measure=measure,
    looks_at=(
        "Does the use of the last weeks explain what is asked?",
        "Can the deployments behind it serve that much, beside everybody else?",
        "What would it cost at most, and who answers for it?",
    ),
)
