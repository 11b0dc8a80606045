"""Set an approved team up: step by step, each once, whatever process dies in between.

The tenant and its owner are created with the decision itself, so that the short name is theirs. The rest is done by a
job (`run`): each step in a transaction of its own, which also writes down that it is done. A worker that dies leaves
whole steps behind; whoever goes on begins with the first that is not done. A beat (`left_behind`) sends again what
nobody has worked on for a minute.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from access.models import Onboarding
from access.onboarding.parts import PARTS
from approvals.models import Request
from audit.record import SYSTEM, record
from refusals import Refusal
from refusals.errors import Conflict
from tenants.models import Tenant
from tenants.notifications import notify
from tenants.scope import everything, only, widen
from tenants.scoping import people_above_who_may
from tenants.structure import create_tenant

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
        onboarding = _of(request)
        onboarding.request = request
        onboarding.answers = facts.get("answers", onboarding.answers)  # as they were decided on
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


def _of(request: Request) -> Onboarding:
    """That of `request`, locked. One that is decided as it is sent is not linked yet, so the request names it."""
    rows = Onboarding.objects.select_for_update(of=("self",))
    named = Q(pk=request.facts.get("onboarding"), requester=request.requester)
    found = rows.filter(request=request).first() or rows.filter(named).first()
    return found or Onboarding.objects.create(
        request=request, requester=request.requester, answers=_answers_of(request)
    )


def _ready(kept: Onboarding, tenant: Tenant) -> Onboarding:
    kept.state, kept.changed_at = State.READY, timezone.now()
    kept.save(update_fields=["state", "changed_at"])
    record("onboarding.ready", by=SYSTEM, subject=kept, tenant=tenant.slug)
    notify(
        [kept.requester],
        kind="onboarding",
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
        people,
        kind="onboarding",
        title=f"Setting up {kept} stopped",
        body=kept.error,
        path=kept.get_absolute_url(),
        tenant=kept.tenant,
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
