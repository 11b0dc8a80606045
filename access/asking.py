"""Ask for an environment's access to a route: the subject kind `access`, its evidence and its effect."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, cast
from uuid import UUID

from django.db import transaction

from access.conditions import NONE, Conditions, read
from access.conditions_form import ConditionsForm
from access.evidence import COLLECTORS
from access.fingerprint import fingerprint
from access.forecasting import forecast
from access.granting import RouteDisabled, grant, lock_environment
from access.imposing import impose, together, told
from access.keys.capability import LEVELS
from access.retirement import refuse_retired
from access.revising import AccessRevisionForm, give_again, take_back, wanted
from access.widening import held_at_a_glance, last_grant, refuse_wider
from approvals.delegation.capabilities import Capability, Threshold
from approvals.delegation.tables import Mode
from approvals.models import Decision, Request
from approvals.policy_conditions import Traits
from approvals.states import OPEN_STATES
from approvals.subjects import Evidence, SubjectKind
from approvals.submit import submit
from catalog.models import Route
from refusals.errors import Conflict
from tenants.archiving import refuse_archived
from tenants.models import Environment, User
from tenants.scoping import require, visible

KIND = "access"
HELD_TO = "held_to"  # the fact that more is asked for than these conditions allow, which were decided before

MODELS = Capability(
    slug="models",
    name="Access to models",
    sentence="Which environment may call which model.",
    means={
        Mode.PLATFORM: "Boards decide on every access, as the policies say.",
        Mode.ABOVE: "A tenant's owners decide for environments up to the threshold, boards for the others and on more "
        "than a grant's conditions allow.",
        Mode.TENANT: "A tenant's owners decide on access, boards on more than a grant's conditions allow.",
    },
    default=Mode.PLATFORM,
    permission="tenants.manage_tenant",
    kinds=(KIND,),
    thresholds=(Threshold("environment", "Up to", levels=LEVELS),),
    order=20,
)


class GrantedAlready(Conflict):
    code = "granted_already"
    title = "There is access already"


def subject_key(environment: Environment, route: Route) -> str:
    """What names this access among all: the keys of the environment and the route."""
    return f"{environment.pk}:{route.pk}"


def open_requests(environment_id: UUID, routes: Iterable[Route]) -> dict[UUID, Request]:
    """The requests that wait for a decision on access of an environment to `routes`, by the route's key."""
    by_key = {f"{environment_id}:{route.pk}": route.pk for route in routes}
    found = Request.objects.filter(subject_kind=KIND, subject_key__in=list(by_key), state__in=OPEN_STATES)
    return {by_key[request.subject_key]: request for request in found.prefetch_related("reviews__board")}


def environments_to_ask_for(viewer: User) -> list[Environment]:
    """Those that `viewer` may request access for, by tenant, project and kind."""
    rows = Environment.objects.select_related("tenant", "project").order_by("tenant__name", "project__name", "kind")
    rows = rows.filter(tenant__archived_at=None, project__archived_at=None)
    return list(visible(viewer, rows, "tenants.request_access"))


@transaction.atomic
def request_access(
    *,
    environment: Environment,
    route: Route,
    purpose: str,
    by: User,
    expected_calls_per_day: int | None = None,
    conditions: Conditions = NONE,
    is_draft: bool = False,
    at: dt.datetime | None = None,
) -> Request:
    """Ask that `environment` may call `route`, within `conditions` that the team itself keeps to. Who has access
    already may ask for more than its conditions allow; the platform decides on that, also where access
    is left to the tenant. A draft (`is_draft`) is kept for `by` alone.

    Raises `Missing` or `Forbidden` (needs `tenants.request_access`), `RouteDisabled`, `ModelRetired`,
    `GrantedAlready` and the refusals of `approvals.submit`. `at` dates demonstration data back.
    """
    facts = _facts(environment, route, conditions, expected_calls_per_day, by)
    return submit(
        subject_kind=KIND,
        subject_key=subject_key(environment, route),
        title=f"{environment.project.name} asks to use {_named(route)} in {environment.kind}",
        reason=purpose,
        facts=facts,
        tenant=environment.tenant,
        environment=environment,
        is_draft=is_draft,
        by=by,
        at=at,
    )


def _facts(
    environment: Environment, route: Route, conditions: Conditions, expected_calls_per_day: int | None, by: User
) -> dict[str, Any]:
    """What a request of `by` states. Raises why it cannot be asked for."""
    require(by, "tenants.request_access", environment)
    refuse_archived(environment.tenant, environment.project)
    if not route.is_enabled:
        raise RouteDisabled(f"{route} is switched off by the platform team, so access cannot be requested.")
    refuse_retired(route)
    held = last_grant(environment.pk, route.pk)
    is_wider = held is not None and not conditions.is_within(held.demanded)
    if held is not None and held.is_in_force and not is_wider:
        raise GrantedAlready(
            f"{environment} may call {route} already"
            f"{f', until {held.expires_at:%d %b %Y}' if held.expires_at else ''}. You can use it now.",
            way_out=route.model.get_absolute_url(),
            field="environment",
        )
    return {
        "route": route.slug,
        "route_id": route.pk,
        "model": route.model.slug,
        "environment": environment.path,
        "expected_calls_per_day": expected_calls_per_day,
        **({} if conditions.is_empty else {"conditions": conditions.as_json()}),
        **({HELD_TO: held.demanded.as_json()} if held is not None and is_wider else {}),
    }


def _traits(facts: Mapping[str, Any]) -> Traits:
    """What it keeps to; the data that is said of the environment is added where that is known."""
    kept = read(facts.get("conditions") or {}).as_json()
    return Traits(data_classes=frozenset(kept.get("data_classes", ())), regions=frozenset(kept.get("regions", ())))


def _revise(request: Request, facts: Mapping[str, Any], by: User) -> Mapping[str, Any]:
    calls, conditions = wanted(request, facts)
    return _facts(_environment(request), route_of(request), conditions, calls, by)


def _named(route: Route) -> str:
    name = route.model.name
    return name if route.model.routes.count() == 1 else f"{name} ({route.slug})"


def route_of(request: Request) -> Route:
    """The route that an access request is about."""
    return Route.objects.select_related("model").get(pk=request.subject_key.partition(":")[2])


def _environment(request: Request) -> Environment:
    return Environment.objects.select_related("tenant", "project").get(pk=cast(UUID, request.environment_id))


def _lock(request: Request) -> None:
    lock_environment(_environment(request))


def _give(request: Request, decision: Decision, by: Any) -> None:
    environment, route, conditions = _environment(request), route_of(request), together(request)
    if request.policy_id is None:
        refuse_wider(environment, route, conditions)
    grant(
        environment=environment,
        route=route,
        decision=decision,
        purpose=request.reason,
        conditions=conditions,
        expires_at=decision.valid_until,
        by=by,
    )


def _page(request: Request) -> str:
    route = Route.objects.select_related("model").filter(pk=request.subject_key.partition(":")[2]).first()
    return route.model.get_absolute_url() if route else ""


def _measure(facts: Mapping[str, Any], environment_kind: str) -> Mapping[str, Any] | None:
    """None where more is asked than the last grant's conditions allow."""
    return None if facts.get(HELD_TO) else {"environment": environment_kind}


def _came_of(decision: Decision) -> list[Evidence]:
    """The grants that it made, and what each demands of calls."""
    told = []
    for made in decision.grants.select_related("environment__project", "environment__tenant", "route"):
        until = f" until {made.expires_at:%Y-%m-%d}" if made.expires_at and made.is_in_force else ""
        page = f"/tenants/{made.environment.tenant.slug}/grants/{made.pk}/"
        words = f"{made.environment.path} may call {made.route.slug}: {made.state}{until}"
        told.append(Evidence("Grant", words, "Grants", path=page))
        told += [Evidence("Demanded of every call", sentence, "Grants") for sentence in made.demanded.sentences]
    return told


ACCESS = SubjectKind(
    slug=KIND,
    name="Access to a model",
    effect="The environment may call the model at once, with its own keys and in the playground.",
    on_approved=_give,
    lock=_lock,
    collectors=COLLECTORS,
    fingerprint=fingerprint,
    glance=lambda request: [*told(request), *held_at_a_glance(request)],
    demands=ConditionsForm,
    impose=impose,
    revise=_revise,
    traits=_traits,
    revision_form=AccessRevisionForm,
    on_suspended=take_back,
    on_resumed=give_again,
    ends_with_validity=True,  # its grant has the same end
    forecast=forecast,
    came_of=_came_of,
    page=_page,
    looks_at=(
        "Is the purpose clear, and does it fit the environment?",
        "Is the model fit for the data that will be sent to it: provider, region, licence?",
        "What will the expected volume cost, and who answers for it?",
        "Is the model kept, or will it be retired soon?",
    ),
    capability=MODELS.slug,
    measure=_measure,
)
