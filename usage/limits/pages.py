"""`/tenants/<slug>/limits/`: how fast and for how much money each part of a tenant may call, and why; changing it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.delegation.standing import standing as who_decides
from approvals.delegation.tables import Mode
from audit.exporting import exported
from refusals import Refusal
from tenants.views.entering import Inside, enter, posted, text_of
from ui.exporting import csv_response
from ui.formatting import money
from usage.limits.authority import ABOVE, may_set, require_setter, setting_as
from usage.limits.budgets import remove_budget, set_budget
from usage.limits.delegated import LIMITS
from usage.limits.forms import BudgetForm, LimitsForm, WeightForm
from usage.limits.places import Place, find_place, of_tenant
from usage.limits.setting import set_limits
from usage.limits.table import Line, line, table
from usage.limits.tables import Span
from usage.limits.weighing import require_weigher, set_weight

SEE_SPEND = "tenants.view_usage"


@require_GET
def limits(request: HttpRequest, slug: str) -> HttpResponse | StreamingHttpResponse:
    """The table: every place of the tenant, what applies there and why."""
    inside = enter(request, slug)
    lines = table(inside.tenant, spent=partial(inside.may, SEE_SPEND))
    if request.GET.get("format") == "csv":
        exported(request, "limits", tenant=slug)
        head = ("place", "limit", "set here", "applies", "set at", "why")
        return csv_response(f"{slug}-limits.csv", head, _rows(lines))
    who = who_decides(LIMITS, inside.tenant)
    is_left = who.mode != Mode.PLATFORM
    shown = [
        (
            each,
            may_set(inside.viewer, each.place, inside.holds.at, is_left=is_left),
            inside.may("tenants.request_access", at=each.place.row),
        )
        for each in lines
    ]
    return _show(
        request, inside, "limits", lines=shown, whole=lines[0], may_whole=shown[0][1], who=who,
        sees_spend=inside.may_anywhere(SEE_SPEND),
    )  # fmt: skip


@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, slug: str) -> HttpResponse:
    """`?place=…`: the limits of one place as a form, its budgets beside it."""
    inside = enter(request, slug)
    place = _place(inside, text_of(request, "place", 200))
    require_setter(inside.viewer, place)
    told = line(place, spent=inside.may(SEE_SPEND, at=place.row))
    form = LimitsForm(request.POST if request.method == "POST" else None, applying=told.limits)
    if request.method == "POST" and form.is_valid():
        try:
            with setting_as(inside.viewer, place, amounts=form.amounts()):
                set_limits(place=place, amounts=form.amounts(), by=inside.viewer)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, f"The limits of {place.words} are saved. The gateway keeps to them from now on.")
            return redirect(_address(place))
    return _change(request, inside, told, form, _budget_form(told), status=422 if form.errors else 200)


@require_POST
def weigh(request: HttpRequest, slug: str) -> HttpResponse:
    """Set the tenant's weight where calls wait."""
    inside = enter(request, slug)
    require_weigher(inside.viewer)
    place = of_tenant(inside.tenant)
    form = WeightForm(request.POST)
    if form.is_valid():
        try:
            set_weight(tenant=inside.tenant, weight=form.cleaned_data["weight"], by=inside.viewer)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, f"{inside.tenant} has the weight {form.cleaned_data['weight']} from now on.")
            return redirect(_address(place))
    told = line(place, spent=inside.may(SEE_SPEND, at=place.row))
    shown = LimitsForm(applying=told.limits)
    return _change(request, inside, told, shown, _budget_form(told), weight_form=form, status=422)


@require_POST
def budget(request: HttpRequest, slug: str) -> HttpResponse:
    """`?place=…`: give the place a budget."""
    inside = enter(request, slug)
    place = _place(inside, text_of(request, "place", 200))
    require_setter(inside.viewer, place)
    form = BudgetForm(request.POST)
    if form.is_valid():
        try:
            asked = (form.cleaned_data["amount"], form.cleaned_data["span"], form.cleaned_data["is_hard"])
            with setting_as(inside.viewer, place, budget=asked):
                made = set_budget(place=place, by=inside.viewer, **form.cleaned_data)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            amount = money(made.amount, made.currency)
            messages.success(request, f"{amount} {Span(made.span).label.lower()} is the budget of {place.words} now.")
            return redirect(_address(place))
    told = line(place, spent=inside.may(SEE_SPEND, at=place.row))
    return _change(request, inside, told, LimitsForm(applying=told.limits), form, status=422)


@require_POST
def remove(request: HttpRequest, slug: str) -> HttpResponse:
    """`?place=…`: take a budget away."""
    inside = enter(request, slug)
    place = _place(inside, text_of(request, "place", 200))
    require_setter(inside.viewer, place)
    named = posted(request, "span", 10)
    span = named if named in Span.values else Span.MONTH
    with setting_as(inside.viewer, place, budget=(None, span, False)):
        remove_budget(place=place, span=span, by=inside.viewer)
    messages.success(request, "The budget is removed.")
    return redirect(_address(place))


def _budget_form(told: Line) -> BudgetForm:
    """As the place's budget is, where it has one."""
    if not told.budgets:
        return BudgetForm()
    budget = told.budgets[0].budget
    return BudgetForm(
        initial={
            "amount": f"{budget.amount.normalize():f}",
            "span": budget.span,
            "is_hard": "true" if budget.is_hard else "false",
            "warnings": ", ".join(map(str, budget.warn_at)),
        }
    )


def _place(inside: Inside, path: str) -> Place:
    return find_place(inside.viewer, path or inside.tenant.slug, inside.tenant)


def _address(place: Place) -> str:
    return f"{reverse('usage:change-limits', args=[place.tenant.slug])}?place={place.path}"


def _change(
    request: HttpRequest,
    inside: Inside,
    told: Line,
    form: LimitsForm,
    budget_form: BudgetForm,
    *,
    status: int,
    weight_form: WeightForm | None = None,
) -> HttpResponse:
    shown: dict[str, Any] = {"told": told, "place": told.place, "form": form, "budget_form": budget_form}
    if told.place.level == "tenant" and inside.viewer.has_perm(ABOVE):
        shown["weight_form"] = weight_form or WeightForm(initial={"weight": inside.tenant.weight})
    return _show(request, inside, "change_limits", status=status, currency=settings.CURRENCY, **shown)


def _show(
    request: HttpRequest, inside: Inside, name: str, *, status: int = 200, place: Place | None = None, **context: object
) -> HttpResponse:
    framed = inside.framed("limits", at=place.row if place else None)
    return render(request, f"usage/{name}.html", framed | {"place": place} | context, status=status)


def _rows(lines: list[Line]) -> Iterator[tuple[object, ...]]:
    for each in lines:
        for told in each.limits:
            yield (each.place.path, told.label, told.own, told.amount, told.source.path if told.source else "",
                   told.sentence)  # fmt: skip
        for standing in each.budgets:
            budget = standing.budget
            yield (each.place.path, f"Budget {Span(budget.span).label.lower()}", budget.amount, budget.amount,
                   each.place.path, f"{standing.spent.normalize():f} {budget.currency} spent since {standing.begins}; "
                   + ("calls are stopped when it is spent" if budget.is_hard else "warns"))  # fmt: skip
