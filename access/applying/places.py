"""The steps for limits and budgets of one place, and for what is kept of its calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from access.applying.authority import Authority
from access.applying.content import content_steps
from access.applying.schema import BudgetPart, PlacePart
from access.applying.steps import Change, Step
from tenants.models import ApiKey, Environment, Project, Tenant
from usage.limits.budgets import remove_budget, set_budget
from usage.limits.places import Place, of_environment, of_key, of_project, of_tenant
from usage.limits.setting import set_limits
from usage.limits.tables import Metric, Span


@dataclass(frozen=True, slots=True)
class Where:
    """A place by its names, which it has also before it is made; `place` is it for asking who may."""

    place: Place
    project: str = ""
    kind: str = ""
    prefix: str = ""

    @property
    def name(self) -> str:
        return f"{self.place.path} of {self.place.above.path}" if self.prefix and self.place.above else self.place.path

    def found(self, tenant: Tenant) -> Place:
        """The place as it is in the tables now."""
        if self.prefix:
            return of_key(ApiKey.objects.select_related("environment__project__tenant").get(
                tenant=tenant, prefix=self.prefix))  # fmt: skip
        if self.kind:
            rows = Environment.objects.select_related("project__tenant")
            return of_environment(rows.get(tenant=tenant, project__slug=self.project, kind=self.kind))
        if self.project:
            return of_project(Project.objects.select_related("tenant").get(tenant=tenant, slug=self.project))
        return of_tenant(tenant)


def place_steps(where: Where, wanted: PlacePart, now: PlacePart, prune: bool, authority: Authority) -> list[Step]:
    """What is to be set and (`prune`) taken away at one place."""
    found = [*_limits(where, wanted, now, prune), *_budgets(where, wanted, now, prune)]
    bounds = [
        Step(action, kind, where.name, changes, perform, authority.over_limits(where.place, **asked))
        for action, kind, changes, perform, asked in found
    ]
    return bounds + content_steps(where, wanted, now, authority)


def unlisted_at(where: Where, wanted: PlacePart, now: PlacePart) -> list[str]:
    """What is set there and the file, which speaks of it, does not name."""
    names = []
    if wanted.limits is not None:
        missing = [str(Metric(name).label).lower() for name in now.limits or {} if name not in wanted.limits]
        names += [f"the limit of {name} at {where.name}" for name in missing]
    if wanted.budgets is not None:
        gone = [str(Span(span).label).lower() for span in now.budgets or {} if span not in wanted.budgets]
        names += [f"the budget for {span} at {where.name}" for span in gone]
    return names


def _limits(where: Where, wanted: PlacePart, now: PlacePart, prune: bool) -> Iterator[Any]:
    if wanted.limits is None:
        return
    before = now.limits or {}
    after: dict[str, int | None] = {
        name: amount for name, amount in wanted.limits.items() if before.get(name) != amount
    }
    if prune:
        after |= dict.fromkeys(before.keys() - wanted.limits.keys())
    if not after:
        return
    changes = tuple(Change(name, before.get(name), after[name]) for name in Metric.values if name in after)
    action = _action({change.before for change in changes}, {change.after for change in changes})
    asked = {"amounts": after}
    yield action, "limits", changes, lambda tenant, by: set_limits(place=where.found(tenant), **asked, by=by), asked


def _budgets(where: Where, wanted: PlacePart, now: PlacePart, prune: bool) -> Iterator[Any]:
    if wanted.budgets is None:
        return
    before = now.budgets or {}
    for span, asked in wanted.budgets.items():
        held = before.get(span)
        budget = replace(asked, is_hard=bool(held and held.is_hard)) if asked.is_hard is None else asked
        changes = tuple(_changes(span, held, budget))
        if changes:
            asked_for = {"budget": (budget.amount, span, bool(budget.is_hard))}
            yield "change" if held else "create", "budget", changes, _setting(where, span, budget), asked_for
    for span in before if prune else ():
        if span not in wanted.budgets:
            gone = {"budget": (None, span, False)}
            yield "remove", "budget", tuple(_changes(span, before[span], None)), _removing(where, span), gone


def _changes(span: str, before: BudgetPart | None, after: BudgetPart | None) -> Iterator[Change]:
    was, becomes = _told(span, before), _told(span, after)
    if before and after and after.warn_at is None:
        becomes["warnings"] = was["warnings"]
    for name in was | becomes:
        if was.get(name) != becomes.get(name):
            yield Change(name, was.get(name), becomes.get(name))


def _told(span: str, budget: BudgetPart | None) -> dict[str, Any]:
    if budget is None:
        return {}
    told: dict[str, Any] = {
        f"amount for {str(Span(span).label).lower()}": f"{budget.amount.normalize():f}",
        "when it is spent": "calls are stopped" if budget.is_hard else "people are told",
    }
    if budget.warn_at is not None:
        told["warnings"] = ", ".join(f"{percent} %" for percent in budget.warn_at) or "none"
    return told


def _setting(where: Where, span: str, budget: BudgetPart) -> Any:
    return lambda tenant, by: set_budget(
        place=where.found(tenant), span=span, amount=budget.amount, is_hard=bool(budget.is_hard),
        warnings=budget.warn_at, by=by,
    )  # fmt: skip


def _removing(where: Where, span: str) -> Any:
    return lambda tenant, by: remove_budget(place=where.found(tenant), span=span, by=by)


def _action(before: set[int | None], after: set[int | None]) -> str:
    if before == {None}:
        return "create"
    return "remove" if after == {None} else "change"
