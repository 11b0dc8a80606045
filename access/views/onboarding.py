"""Bring a team: the wizard's pages, from the first question to the tenant that is ready."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from access.models import Onboarding
from access.onboarding import drafting, provisioning, taking_back
from access.onboarding.estimating import estimate
from access.onboarding.forms import TERMS, Page
from access.onboarding.pages import BY_SLUG, STEPS, Step, after, unanswered
from access.onboarding.reading import find_for, read_out
from access.onboarding.sending import KIND, send
from access.onboarding.subject import ONBOARDING
from approvals.outlook import outlooks
from approvals.viewer import viewer_of
from refusals import Refusal
from refusals.errors import Missing
from tenants.risk.tiers import USE_CASE, assess

CHECK = "check"


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """`/tenants/new/`: what it is and what one has begun; a POST begins another."""
    viewer = viewer_of(request)
    if request.method == "POST":
        return redirect(drafting.begin(by=viewer))
    mine = Onboarding.objects.filter(requester=viewer).select_related("request", "tenant")[: drafting.MOST_DRAFTS]
    return render(request, "access/onboarding/new.html", {"mine": mine, "steps": STEPS} | _aside({}))


@require_GET
def overview(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`/tenants/new/<id>/`: the list of pages while it is a draft, what became of it afterwards."""
    found = find_for(viewer_of(request), pk)
    if found.state not in (Onboarding.State.DRAFT, Onboarding.State.SENT):
        return _progress(request, found)
    listed = [(step, step.is_answered(found.answers), step.slug in found.begun) for step in STEPS]
    context = {
        "onboarding": found,
        "listed": listed,
        "read": read_out(found),
        "estimate": estimate(found.answers),
        "missing": unanswered(found.answers),
        "mine": _is_mine(request, found),
    }
    return render(request, "access/onboarding/overview.html", context | _aside(found.answers))


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, pk: UUID, step: str) -> HttpResponse:
    """`/tenants/new/<id>/<page>/`: one page; what was sent is kept."""
    found, asked = drafting.find(viewer_of(request), pk), BY_SLUG.get(step)
    if asked is None:
        raise Missing("There is no such page.")
    if not found.is_editable:
        return redirect(found)
    is_searching = step == "models" and "find" in request.POST  # what is ticked goes along
    wanted = "" if request.POST.get("find") == "all" else request.POST.get("q", "").replace("\x00", "")[:80]
    more = {"text": wanted} if step == "models" else {}
    if is_searching:
        form = drafting.form_as_typed(asked, found, request.POST, **more)
    else:
        form = drafting.form_for(asked, found, request.POST if request.method == "POST" else None, **more)
    if request.method == "POST" and not is_searching and (on := _kept(request, found, asked, form)):
        return on
    context = {
        "onboarding": found,
        "step": asked,
        "number": STEPS.index(asked) + 1,
        "steps": len(STEPS),
        "form": form,
        "terms": TERMS,
        "estimate": estimate(found.answers),
    } | more
    return render(
        request, "access/onboarding/page.html", context | _aside(found.answers), status=422 if form.errors else 200
    )


def _kept(request: HttpRequest, found: Onboarding, asked: Step, form: Page) -> HttpResponse | None:
    """Keep what was sent, and where to go then; None where the page has to be shown again with what is wrong."""
    if not form.is_valid():
        if "back" in request.POST and not drafting.typed_on(form):
            return redirect(found)
        kept = drafting.keep_begun(onboarding=found, step=asked, form=form)
        if "back" not in request.POST or asked.slug not in kept.begun:
            return None
        messages.info(request, f"“{asked.title}” is kept as you left it. It has to be completed before you send.")
        return redirect(kept)
    kept = drafting.answer(onboarding=found, step=asked, form=form)
    if "stay" in request.POST:
        return redirect("access:onboarding-page", kept.pk, asked.slug)
    following = after(asked)
    if "back" in request.POST or following is None or not unanswered(kept.answers):
        return redirect(kept)
    return redirect("access:onboarding-page", kept.pk, following.slug)


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`/tenants/new/<id>/check/`: every answer to read once more; a POST sends them to the board."""
    viewer = viewer_of(request)
    found = drafting.find(viewer, pk)
    refusal = None
    if not found.is_editable:
        return redirect(found)
    if request.method == "POST":
        try:
            sent = send(onboarding=found, by=viewer)
        except Refusal as refused:
            refusal = refused
        else:
            messages.success(request, f"Your request is sent as R-{sent.number}.")
            return redirect(sent)
    context = {
        "onboarding": found,
        "read": read_out(found),
        "missing": unanswered(found.answers),
        "estimate": estimate(found.answers),
        "refusal": refusal,
    } | _aside(found.answers)
    return render(request, "access/onboarding/check.html", context, status=409 if refusal else 200)


@require_POST
def discard(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Throw a draft away."""
    drafting.discard(onboarding=drafting.find(viewer_of(request), pk))
    messages.success(request, "The draft is gone.")
    return redirect("access:new-tenant")


@require_POST
def retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Go on with a setting up that stopped."""
    found = find_for(viewer_of(request), pk)
    provisioning.retry(onboarding=found, by=viewer_of(request))
    return redirect(found)


@require_POST
def take_back(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Remove what a setting up that stopped has made."""
    found = find_for(viewer_of(request), pk)
    taking_back.take_back(onboarding=found, by=viewer_of(request))
    messages.success(request, "Everything that it made is gone; the answers are kept.")
    return redirect(found if _is_mine(request, found) else "tenants:list")


def _progress(request: HttpRequest, found: Onboarding) -> HttpResponse:
    shown = provisioning.steps(found)
    context = {
        "onboarding": found,
        "steps": shown,
        "total": len(shown),
        "done": sum(step["state"] == "done" for step in shown),
        "is_under_way": found.state == Onboarding.State.PROVISIONING,
    }
    template = "access/onboarding/progress.html"
    return render(request, f"{template}#track" if request.headers.get("HX-Request") else template, context)


def _is_mine(request: HttpRequest, onboarding: Onboarding) -> bool:
    return onboarding.requester_id == viewer_of(request).pk


def _aside(answers: dict[str, Any]) -> dict[str, Any]:
    """What stands beside every page: the tier as it emerges, and who will decide."""
    case = answers.get("use-case")
    risk = assess(USE_CASE, case) if case else None
    expected = outlooks(KIND, {"": [None]}, facts={"risk_tier": risk.tier} if risk else {})
    return {"risk": risk, "outlooks": expected, "kind": ONBOARDING}
