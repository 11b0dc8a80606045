"""Set an approved team up: step by step, each once, whatever process dies in between.

The tenant and its owner are created with the decision itself, so that the short name is theirs. The rest is done by a
job (`run`): each step in a transaction of its own, which also writes down that it is done. A worker that dies leaves
whole steps behind; whoever goes on begins with the first that is not done. A beat (`left_behind`) sends again what
nobody has worked on for a minute.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from access.granting import RouteDisabled, grant
from access.models import Onboarding
from access.onboarding.forms import LEVELS, plain_names
from approvals.models import Request
from audit.record import SYSTEM, record
from catalog.models import Route
from refusals import Refusal
from refusals.errors import Conflict
from tenants.invite import AddressNotUnderstood, InvitedAlready, invite
from tenants.memberships import MemberAlready, add_member
from tenants.models import Environment, Tenant, User
from tenants.notifications import notify
from tenants.own_addresses import people_by_address
from tenants.scope import everything, only, widen
from tenants.scoping import people_above_who_may
from tenants.structure import SlugTaken, create_project, create_tenant

State = Onboarding.State
AT_WORK: dict[str, str] = {State.FAILED: "failed", State.PROVISIONING: "running"}  # the first part that is not done
SILENT_AFTER = dt.timedelta(seconds=60)


class NotFailed(Conflict):
    """It is under way, or done."""

    code = "not_failed"
    title = "There is nothing to try again"


class TenantGone(Conflict):
    code = "tenant_gone"
    title = "The tenant is gone"


@dataclass(frozen=True)
class Part:
    """A step of the setting up: its name in `progress`, what people read, and what it does; its result in words."""

    slug: str
    title: str
    do: Callable[[Onboarding, Tenant], str]


def begin(request: Request, *, by: Any) -> Onboarding:
    """Create the tenant with its owner and ask a worker for the rest; called in the transaction of the decision.

    Raises `SlugTaken`. A request from before there was a wizard gets the onboarding that it lacks.
    """
    facts = request.facts
    tenant = create_tenant(
        slug=facts["slug"],
        name=facts["name"],
        cost_centre=facts["cost_centre"],
        owner=request.requester,
        is_demonstration=request.is_demonstration,
        by=by,
    )
    with only(tenant, because="a tenant that was just decided on is set up"):
        Request.objects.filter(pk=request.pk).update(tenant=tenant)
        onboarding, _ = Onboarding.objects.select_for_update().get_or_create(
            request=request, defaults={"requester": request.requester, "answers": _answers_of(request)}
        )
        onboarding.tenant, onboarding.state, onboarding.error = tenant, State.PROVISIONING, ""
        onboarding.progress = [_line("tenant", f"{tenant} with its owner, {request.requester}")]
        onboarding.changed_at = timezone.now()
        onboarding.save()
    request.tenant = tenant
    widen([tenant.pk], "a tenant that was just decided on")
    _ask(onboarding)
    return onboarding


@everything("a worker sets up a tenant that was decided on")
def run(pk: Any) -> Onboarding | None:
    """Do what is not done yet. None when there is nothing to do. What stops it is written down, told, and not raised:
    somebody has to decide whether to try again or to take it back."""
    onboarding = Onboarding.objects.filter(pk=pk, state=State.PROVISIONING).first()
    while onboarding is not None and onboarding.state == State.PROVISIONING:
        try:
            onboarding = _next_step(onboarding)
        except Refusal as refusal:
            return _failed(onboarding, refusal.sentence)
        except Exception as error:
            said = str(error).strip().partition("\n")[0]
            _failed(onboarding, f"{type(error).__name__}: {said}")
            raise
    return onboarding


@transaction.atomic
def _next_step(onboarding: Onboarding) -> Onboarding:
    kept = _locked(onboarding)
    if kept.state != State.PROVISIONING:
        return kept
    done = {line["step"] for line in kept.progress}
    part, tenant = next((part for part in PARTS if part.slug not in done), None), kept.tenant
    if tenant is None:
        raise TenantGone("Somebody removed the tenant while it was set up. Take it back and send the answers again.")
    if part is None:
        return _ready(kept, tenant)
    with only(tenant, because="a tenant that was decided on is set up"):
        kept.progress = [*kept.progress, _line(part.slug, part.do(kept, tenant))]
        kept.heard_at = timezone.now()
        kept.save(update_fields=["progress", "heard_at"])
    return kept


@transaction.atomic
def retry(*, onboarding: Onboarding, by: Any) -> Onboarding:
    """Go on with what failed. Raises `NotFailed`."""
    kept = _locked(onboarding)
    if kept.state != State.FAILED:
        raise NotFailed("It is under way or done already.")
    kept.state, kept.error, kept.heard_at = State.PROVISIONING, "", None
    kept.save(update_fields=["state", "error", "heard_at"])
    record("onboarding.retried", by=by, subject=kept, tenant=kept.tenant.slug if kept.tenant else "")
    _ask(kept)
    return kept


@everything("what a dead worker left is looked for in every tenant")
def left_behind() -> list[Onboarding]:
    """Send again what nobody has worked on for a while: the worker died, or the queue was away at the time."""
    since = timezone.now() - SILENT_AFTER
    rows = Onboarding.objects.filter(state=State.PROVISIONING, changed_at__lt=since)
    found = list(rows.filter(Q(heard_at=None) | Q(heard_at__lt=since)))
    for onboarding in found:
        _ask(onboarding)
    return found


def steps(onboarding: Onboarding) -> list[dict[str, Any]]:
    """Every part with its state (`done`, `running`, `failed`, `waiting`) and, once it is done, its result."""
    lines = {line["step"]: line for line in onboarding.progress}
    shown, is_next = [], True
    for part in PARTS:
        line = lines.get(part.slug)
        state = "done" if line else "waiting"
        if line is None and is_next:
            state, is_next = AT_WORK.get(onboarding.state, state), False
        shown.append(
            {"title": part.title, "state": state, "words": line["words"] if line else "", "on": state == "running"}
        )
    return shown


def _ready(kept: Onboarding, tenant: Tenant) -> Onboarding:
    kept.state, kept.changed_at = State.READY, timezone.now()
    kept.save(update_fields=["state", "changed_at"])
    record("onboarding.ready", by=SYSTEM, subject=kept, tenant=tenant.slug)
    notify(
        [kept.requester],
        title=f"{tenant} is ready",
        body="Five things to do next, beginning with your first key.",
        path=reverse("access:welcome", args=[tenant.slug]),
        tenant=tenant,
    )
    return kept


@transaction.atomic
def _failed(onboarding: Onboarding, why: str) -> Onboarding:
    kept = _locked(onboarding)
    if kept.state != State.PROVISIONING:
        return kept
    kept.state, kept.error = State.FAILED, why[:300]
    kept.save(update_fields=["state", "error"])
    record(
        "onboarding.failed", by=SYSTEM, subject=kept, tenant=kept.tenant.slug if kept.tenant else "", error=kept.error
    )
    people = {kept.requester, *people_above_who_may("tenants.add_tenant")}
    notify(
        people, title=f"Setting up {kept} stopped", body=kept.error, path=kept.get_absolute_url(), tenant=kept.tenant
    )
    return kept


def _locked(onboarding: Onboarding) -> Onboarding:
    rows = Onboarding.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("tenant", "request", "requester").get(pk=onboarding.pk)


def _ask(onboarding: Onboarding) -> None:
    from access.tasks import provision  # tasks need this module

    key = str(onboarding.pk)
    transaction.on_commit(lambda: provision.delay(key), robust=True)


def _line(step: str, words: str) -> dict[str, str]:
    return {"step": step, "at": timezone.now().isoformat(), "words": words}


def _answers_of(request: Request) -> dict[str, Any]:
    """The answers that a request from before the wizard holds."""
    facts = request.facts
    return {
        "team": {"name": facts["name"], "slug": facts["slug"], "cost_centre": facts["cost_centre"]},
        "use-case": {
            "project_name": facts.get("project_name", ""),
            "project_slug": facts.get("project_slug", ""),
            "purpose": request.reason,
        },
    }  # fmt: skip


# --- the parts: each may be begun again, and finds what it did before -----------------------------------------------


def _tenant(onboarding: Onboarding, tenant: Tenant) -> str:
    return str(tenant)  # created with the decision


def _project(onboarding: Onboarding, tenant: Tenant) -> str:
    case = onboarding.answers["use-case"]
    if not case["project_slug"]:
        return "no use case was named"
    try:
        made = create_project(
            tenant=tenant, slug=case["project_slug"], name=case["project_name"], purpose=case["purpose"], by=SYSTEM
        )
    except SlugTaken:
        return f"{case['project_name']} was there already"
    return f"{made}, with development, test and production"


def _people(onboarding: Onboarding, tenant: Tenant) -> str:
    """Who is named by user name, or by an address that is surely theirs, becomes a member; others are invited.

    The invitations' mails leave when this step is done for good: with its transaction.
    """
    named = [(row["person"], row["role"]) for row in onboarding.answers.get("people", {}).get("people", ())]
    owners = people_by_address(name.lower() for name, _ in named if "@" in name)
    added, invited = [], []
    for name, role in named:
        known = owners.get(name.lower()) or User.objects.filter(username=name, is_active=True).first()
        if known == onboarding.requester:
            continue
        try:
            if known is None:
                invited.append(invite(tenant=tenant, email=name, role=role, by=onboarding.requester).invitation.email)
            else:
                add_member(tenant=tenant, user=known, role=role, by=onboarding.requester, seen="")
                added.append(str(known))
                notify([known], title=f"You are in {tenant} now", path=tenant.get_absolute_url(), tenant=tenant)
        except (MemberAlready, InvitedAlready, AddressNotUnderstood):
            continue  # somebody was faster, or the account has gone since
    told = [f"{verb} {', '.join(who)}" for verb, who in (("added", added), ("invited", invited)) if who]
    return "; ".join(told) or "nobody else was named"


def _access(onboarding: Onboarding, tenant: Tenant) -> str:
    """A grant for each model in each environment that the board approved, on the record of its decision."""
    wanted = onboarding.answers.get("models", {"routes": [], "environments": []})
    case = onboarding.answers["use-case"]
    places = Environment.objects.filter(
        tenant=tenant, project__slug=case["project_slug"], kind__in=wanted["environments"]
    ).select_related("tenant", "project")
    decision = onboarding.request.decision if onboarding.request else None
    given, refused = [], []
    for route in Route.objects.filter(slug__in=wanted["routes"]).select_related("model").order_by("slug"):
        try:
            for environment in places:
                grant(
                    environment=environment, route=route, decision=decision, purpose=case["purpose"],
                    expires_at=decision.valid_until if decision else None, by=SYSTEM,
                )  # fmt: skip
            given.append(route.slug)
        except RouteDisabled:
            refused.append(route.slug)
    words = f"{', '.join(given)} in {', '.join(wanted['environments'])}" if given else "no model was asked for"
    return f"{words}; switched off meanwhile: {', '.join(refused)}" if refused else words


def _keys(onboarding: Onboarding, tenant: Tenant) -> str:
    """A key is shown once, to a person, so nobody makes one here: it waits to be collected."""
    return "wait to be collected on the welcome page, one for each environment"


def _isolation(onboarding: Onboarding, tenant: Tenant) -> str:
    level = onboarding.answers.get("isolation", {}).get("level", "shared")
    if level == "shared":
        return "shared, held apart in code and database"
    words = plain_names([level], LEVELS).lower()
    notify(
        people_above_who_may("tenants.add_tenant"),
        title=f"{tenant} was approved with {words}",
        body="The tenant works in the shared installation until you have set up its own.",
        path=tenant.get_absolute_url(),
        tenant=tenant,
    )
    return f"{words} is set up by the platform team, who were told; until then it works shared"


PARTS: tuple[Part, ...] = (
    Part("tenant", "The tenant and its owner", _tenant),
    Part("project", "The project and its environments", _project),
    Part("people", "Members in their roles", _people),
    Part("access", "Access to models", _access),
    Part("keys", "First keys", _keys),
    Part("isolation", "Isolation", _isolation),
)
