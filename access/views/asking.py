"""Ask for access to a route: the form with who will decide, how long that takes and what they look at beside it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from access.asking import (
    ACCESS,
    HELD_TO,
    KIND,
    environments_to_ask_for,
    request_access,
    subject_key,
)
from access.forms import AccessForm
from access.models import Grant
from access.widening import last_grants
from approvals.models import Request
from approvals.next_step import waits_for
from approvals.outlook import Outlook, outlooks
from approvals.states import OPEN_STATES, State
from approvals.submit import OpenRequestExists
from approvals.viewer import viewer_of
from catalog.models import Model, Route
from refusals.errors import Conflict, Invalid, Missing
from tenants.models import Environment, Tenant
from tenants.where import chosen


def ask(request: HttpRequest, route: str) -> HttpResponse:
    """`/requests/new/access/<route>/?environment=tenant/project/kind`."""
    viewer = viewer_of(request)
    wanted = Route.objects.select_related("model").filter(slug=route, is_enabled=True).first()
    if wanted is None:
        return _not_served(request, route)
    environments = environments_to_ask_for(viewer)
    if not environments:
        return render(request, "access/no_tenant.html", {"route": wanted})
    waiting, suspended = _asked_before(wanted, environments)
    if request.method == "GET" and (asked := waiting.get(request.GET.get("environment", ""))):
        messages.info(request, f"This was asked for already: {waits_for(asked)}.")
        return redirect(asked)
    grants = last_grants(environments, wanted)
    taken = _taken(waiting, grants)
    preset = _preset(request, environments, taken)
    held = grants.get(preset.path) if preset else None
    form = AccessForm(
        request.POST or None,
        environments=environments,
        taken=taken,
        held=held.demanded if held else None,
        initial={"environment": preset.path if preset else ""},
    )
    status, is_draft = 200, request.POST.get("do") == "draft"
    if request.method == "POST" and form.is_valid():
        try:
            sent = request_access(
                route=wanted, by=viewer, conditions=form.conditions, is_draft=is_draft, **form.cleaned_data
            )
        except OpenRequestExists as earlier:
            messages.info(request, earlier.sentence)
            return redirect(earlier.way_out)
        except (Conflict, Invalid) as refused:
            form.add_error(_field(refused), refused.sentence)
        else:
            kept = f"Kept as R-{sent.number}. Nobody else sees it until you send it."
            messages.success(request, kept if is_draft else f"Your request is sent as R-{sent.number}.")
            return redirect(sent)
    if form.errors:
        status = 422
    context: dict[str, Any] = {
        "route": wanted,
        "form": form,
        "outlooks": _outlooks(environments, held, preset if preset and preset.path in suspended else None),
        "held": held if held and not held.demanded.is_empty else None,
        "kind": ACCESS,
    }
    return render(request, "access/ask.html", context, status=status)


def _not_served(request: HttpRequest, route: str) -> HttpResponse:
    """To the model that is meant by `route`, with why it cannot be asked for. Raises `Missing` where there is none."""
    model = Model.objects.filter(Q(routes__slug=route) | Q(slug=route)).first()
    if model is None:
        query = urlencode({"q": route})
        raise Missing(f"There is no route “{route}”. Look for it in the catalog.", way_out=f"/catalog/?{query}")
    messages.info(request, f"{model} is listed but not served here, so there is nothing to ask access to yet.")
    return redirect(model)


def _asked_before(route: Route, environments: list[Environment]) -> tuple[dict[str, Request], set[str]]:
    """The open requests for the route, by the path of the environment that they are for; and the paths of those whose
    approval is suspended."""
    by_key = {subject_key(environment, route): environment.path for environment in environments}
    found = Request.objects.filter(
        subject_kind=KIND, subject_key__in=list(by_key), state__in=[*OPEN_STATES, State.SUSPENDED]
    )
    suspended = {by_key[request.subject_key] for request in found if request.state == State.SUSPENDED}
    return {by_key[request.subject_key]: request for request in found if request.state in OPEN_STATES}, suspended


def _taken(waiting: dict[str, Request], grants: dict[str, Grant]) -> dict[str, str]:
    """Environments that hold the grant already or asked for it, with the words that say so."""
    return {
        **{path: f"asked for in R-{request.number}" for path, request in waiting.items()},
        **{path: "granted" for path, grant in grants.items() if grant.is_in_force},
    }


def _preset(request: HttpRequest, environments: list[Environment], taken: dict[str, str]) -> Environment | None:
    """The environment named in the address, else the one worked in, else the only free one."""
    by_path = {environment.path: environment for environment in environments}
    where = chosen(request)
    for wished in (request.GET.get("environment", ""), where["path"] if where else ""):
        if wished in by_path:
            return by_path[wished]
    free = [environment for path, environment in by_path.items() if path not in taken]
    return free[0] if len(free) == 1 else None


def _outlooks(environments: list[Environment], held: Grant | None, suspended: Environment | None) -> list[Outlook]:
    """Of each kind of environment; of its own alone where more than `held` allows is asked for, or `suspended` is."""
    if held is not None and not held.demanded.is_empty:
        environment = held.environment
        return outlooks(KIND, {environment.kind: [environment.tenant]}, facts={HELD_TO: held.demanded.as_json()})
    if suspended is not None:
        return outlooks(KIND, {suspended.kind: [suspended.tenant]}, may_be_left=False)
    return outlooks(KIND, {kind: _tenants(environments, kind) for kind in _kinds(environments)})


def _kinds(environments: list[Environment]) -> list[str]:
    present = {environment.kind for environment in environments}
    return [kind for kind in Environment.Kind.values if kind in present]


def _tenants(environments: list[Environment], kind: str) -> list[Tenant]:
    """Of those environments that are of this kind, each tenant once."""
    return list({each.tenant.pk: each.tenant for each in environments if each.kind == kind}.values())


def _field(refused: Conflict | Invalid) -> str | None:
    return {"environment": "environment", "reason": "purpose"}.get(refused.field)
