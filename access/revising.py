"""Change what access is asked for before it is (once more) sent, and take its grant back for a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from access.conditions import Conditions, read
from access.conditions_form import ConditionsForm
from access.forms import MOST_CALLS, calls_field, purpose_field
from access.granting import grant, revoke
from access.models import Grant
from approvals.models import Decision, Request
from approvals.subjects import FactsStay
from catalog.models import Route
from refusals.errors import Invalid

CHANGEABLE = {"expected_calls_per_day", "conditions"}


class AccessRevisionForm(ConditionsForm):
    """What a request for access says beside its route and environment, filled with how it stands; `facts` are its
    facts once it is valid."""

    reason = purpose_field("What is it for?")
    expected_calls_per_day = calls_field()

    def __init__(self, request: Request, data: Any = None) -> None:
        super().__init__(
            data,
            held=read(request.facts.get("conditions") or {}),
            initial={
                "reason": request.reason,
                "expected_calls_per_day": request.facts.get("expected_calls_per_day"),
            },
        )

    @property
    def own_fields(self) -> list[forms.BoundField]:
        """Those that are shown as they are; the others have a template of their own."""
        return [self["reason"], self["expected_calls_per_day"]]

    @property
    def facts(self) -> dict[str, Any]:
        """What is asked for, as the kind's facts have it."""
        calls = self.cleaned_data["expected_calls_per_day"]
        return {"expected_calls_per_day": calls, "conditions": self.conditions.as_json()}


def wanted(request: Request, facts: Mapping[str, Any]) -> tuple[int | None, Conditions]:
    """Expected calls a day and conditions, as `facts` would change those of `request`. Raises `Invalid`."""
    if other := sorted(facts.keys() - CHANGEABLE):
        raise FactsStay(
            f"“{other[0][:80]}” of this request cannot be changed, only {' and '.join(sorted(CHANGEABLE))}.",
            field="facts",
        )
    given = {name: request.facts.get(name) for name in CHANGEABLE} | dict(facts)
    calls = given["expected_calls_per_day"]
    if calls is not None and (isinstance(calls, bool) or not isinstance(calls, int) or not 1 <= calls <= MOST_CALLS):
        raise Invalid(f"The expected calls a day are a number from 1 to {MOST_CALLS:,}.", field="facts")
    conditions = given["conditions"] or {}
    if not isinstance(conditions, Mapping):
        raise Invalid("The conditions are an object, as `conditions` of a grant says it.", field="facts")
    return calls, read(conditions)


def take_back(request: Request, decision: Decision, by: Any, reason: str) -> None:
    """Revoke the grant that the decision gave, where it is in force still."""
    for given in Grant.objects.filter(decision=decision, revoked_at=None).select_related(
        "environment__tenant", "environment__project", "route__model", "decision__request__requester"
    ):
        revoke(grant=given, by=by, reason=reason)
        Grant.objects.filter(pk=given.pk).update(is_suspended=True)


def give_again(request: Request, decision: Decision, by: Any) -> None:
    """Give once more what the suspension took, with its route, conditions and end; not what somebody had revoked before
    it, and not in the place of what was given since. Raises `RouteDisabled`."""
    taken = Grant.objects.filter(decision=decision, is_suspended=True)
    for last in list(taken.select_related("environment__tenant", "environment__project", "route")):
        Grant.objects.filter(pk=last.pk).update(is_suspended=False)
        if Grant.objects.in_force().filter(environment=last.environment, route=last.route).exists():
            continue
        grant(
            environment=last.environment,
            route=Route.objects.get(pk=last.route_id),
            decision=decision,
            purpose=last.purpose,
            conditions=last.demanded,
            expires_at=decision.valid_until,
            by=by,
        )
