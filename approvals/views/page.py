"""The page of a request: what is asked, whose step it is, conversation, evidence, history; and its verbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from approvals.attachments.attaching import clears_documents
from approvals.commenting import comment
from approvals.conversation import conversation, history
from approvals.deciders import is_before
from approvals.differences import changes_of
from approvals.durations import typical
from approvals.evidence.forms import EvidenceForm
from approvals.evidence.standing import standing
from approvals.forms import CommentForm, ReasonForm, RevisionForm, VoteForm
from approvals.listing import turn_of, with_reviews
from approvals.models import Request, Vote
from approvals.next_step import next_step
from approvals.scoping import find_request, requests_for
from approvals.separation import is_own
from approvals.states import (
    APPROVED_STATES,
    CAME_BACK_STATES,
    CHANGEABLE_STATES,
    OPEN_STATES,
    TABLE,
    State,
    Verb,
)  # fmt: skip
from approvals.subjects import kind_of
from approvals.suspending import may_suspend
from approvals.viewer import viewer_of
from approvals.voting import ChecklistOpen, has_veto, vote
from approvals.withdraw import may_withdraw, withdraw
from refusals.errors import Conflict, Invalid, Missing
from tenants import once
from tenants.models import User


@dataclass(frozen=True)
class Queue:
    """A reviewer's queue as seen from one of its requests: the next that waits for them, if any."""

    following: Request | None


SAID = {
    Vote.Verdict.APPROVE: "You approved R-{number}.",
    Vote.Verdict.REFUSE: "You refused R-{number}.",
    Vote.Verdict.SEND_BACK: "You sent R-{number} back.",
}
TABS = ("conversation", "evidence", "history")


@require_GET
def page(request: HttpRequest, number: int) -> HttpResponse:
    """The request with the tab in `?tab=`."""
    return shown(request, number)


@require_POST
def cast_vote(request: HttpRequest, number: int) -> HttpResponse:
    """Approve or refuse in the stage that is open."""
    viewer = viewer_of(request)
    found = find_request(viewer, number)
    demands = kind_of(found.subject_kind).demands
    demanded = demands(request.POST) if demands and request.POST.get("verdict") == Vote.Verdict.APPROVE else None
    key = _uuid(request.POST.get("review"))
    review = found.reviews.select_related("board", "request__tenant").filter(pk=key).first() if key else None
    if review is None:
        raise Missing("There is no such review of this request.")
    form = VoteForm(request.POST, checklist=review.checklist)
    if not form.is_valid() or (demanded is not None and not demanded.is_valid()):
        return shown(request, number, vote_form=form, demand_form=demanded, status=422)
    conditions = demanded.conditions.as_json() if demanded is not None else None  # type: ignore[attr-defined]
    try:
        cast = vote(review=review, by=viewer, conditions=conditions, **form.cleaned_data)
    except ChecklistOpen as open_still:
        form.add_error("checked", open_still.sentence)
        return shown(request, number, vote_form=form, demand_form=demanded, status=422)
    except Invalid as refused:
        if demanded is None:
            raise
        demanded.add_error(refused.field if refused.field in demanded.fields else None, refused.sentence)
        return shown(request, number, vote_form=form, demand_form=demanded, status=422)
    except Conflict as too_late:
        # Two tabs, a double click, somebody faster: the page shows how things stand now, and keeps what was typed.
        messages.warning(request, too_late.sentence)
        written = form.cleaned_data["comment"]
        if not review.votes.filter(voter=viewer, comment=written.strip()).exists():
            messages.info(
                request, "What you wrote is in the box below the conversation. Send it as a comment, if you like."
            )
            return shown(request, number, comment_form=CommentForm(initial={"text": written}), status=too_late.status)
    else:
        messages.success(request, SAID[Vote.Verdict(cast.verdict)].format(number=number))
    return redirect(found)


@require_POST
def say(request: HttpRequest, number: int) -> HttpResponse:
    """Add a comment."""
    viewer, form = viewer_of(request), CommentForm(request.POST)
    found = find_request(viewer, number)
    if not form.is_valid():
        return shown(request, number, comment_form=form, status=422)
    try:
        with transaction.atomic():
            once.claim_form(user=viewer, token=form.cleaned_data["once"], path=request.path)
            comment(request=found, text=form.cleaned_data["text"], by=viewer)
    except once.SentAlready:
        messages.info(request, "This comment was sent already. It stands here once.")
    return redirect(found)


@require_POST
def take_back(request: HttpRequest, number: int) -> HttpResponse:
    """Withdraw the request."""
    viewer = viewer_of(request)
    found = find_request(viewer, number)
    try:
        withdraw(request=found, by=viewer)
    except Conflict as too_late:
        messages.warning(request, too_late.sentence)
    else:
        messages.success(request, f"R-{number} is {'thrown away' if found.state == State.DRAFT else 'withdrawn'}.")
    return redirect(found)


def shown(
    request: HttpRequest,
    number: int,
    *,
    revision_form: Form | None = None,
    vote_form: VoteForm | None = None,
    demand_form: Form | None = None,
    comment_form: CommentForm | None = None,
    evidence_form: EvidenceForm | None = None,
    tab: str = "",
    status: int = 200,
) -> HttpResponse:
    """The page, with forms that were sent and not taken in place of fresh ones; `tab`: the part to show, else the one
    that the address names. Raises `Missing`."""
    viewer = viewer_of(request)
    rows = with_reviews(requests_for(viewer)).select_related("decision").prefetch_related("revisions")
    found = rows.filter(number=number).first()
    if found is None:
        raise Missing(f"There is no request R-{number}, or it is not yours to see.")
    tab = tab or request.GET.get("tab", "")
    tab = tab if tab in TABS else TABS[0]
    kind = kind_of(found.subject_kind)
    environment_kind = found.environment.kind if found.environment else ""
    came_back = found.state in CAME_BACK_STATES and found.requester_id == viewer.pk
    again = kind.again(found) if came_back else ""
    may_change = found.state in CHANGEABLE_STATES and found.requester_id == viewer.pk
    step = next_step(found, viewer)
    context: dict[str, Any] = {
        "asked": found,
        "kind": kind,
        "step": step,
        "tab": tab,
        "said": conversation(found),
        "evidence": standing(found, _record(found)) if tab == "evidence" else None,
        "evidence_form": (evidence_form or EvidenceForm(initial={"once": once.new_token()}, request=found))
        if tab == "evidence" and found.state in OPEN_STATES
        else None,
        "documents": list(found.attachments.select_related("uploaded_by")) if tab == "evidence" else [],
        "clears_documents": tab == "evidence" and clears_documents(found, viewer),
        "entries": history(found) if tab == "history" else [],
        "glance": kind.glance(found),
        "forecast": kind.forecast(found) if found.state == State.IN_REVIEW else [],
        "subject_page": kind.page(found),
        "again": again,
        "is_approved": found.state in APPROVED_STATES,
        "is_open": found.state in OPEN_STATES,
        "reviews": [review for review in found.reviews.all() if review.round == found.round],
        "changes": changes_of(found),
        "revision_form": (revision_form or revision_form_of(found)) if may_change and not again else None,
        "queue": _queue(found, viewer),
        "typical": typical(found.subject_kind, [environment_kind]).get(environment_kind)
        if found.state == State.IN_REVIEW
        else None,
        "may_withdraw": (State(found.state), Verb.WITHDRAW) in TABLE and may_withdraw(found, viewer),
        "may_suspend": found.state in APPROVED_STATES and may_suspend(found, viewer),
        "may_resume": found.state == State.SUSPENDED and may_suspend(found, viewer),
        "reason_form": ReasonForm(),
        "has_veto": step.review is not None and has_veto(step.review, viewer),
        "vote_form": vote_form or VoteForm(checklist=step.review.checklist if step.review else ()),
        "demand_form": demand_form or (kind.demands() if kind.demands else None),
        "comment_form": comment_form or CommentForm(initial={"once": once.new_token()}),
    }
    if context["queue"]:
        request.stands_under = reverse("approvals:board")  # type: ignore[attr-defined]  # the shell reads it
    return render(request, "approvals/request.html", context, status=status)


def revision_form_of(found: Request, data: Any = None) -> Form:
    """The form in which its author changes what is asked, filled with how it stands."""
    made = kind_of(found.subject_kind).revision_form
    form: Form = made(found, data) if made else RevisionForm(data, initial={"reason": found.reason})
    return form


def _queue(found: Request, viewer: User) -> Queue | None:
    """The way back to the board and on to the next request, for who decides on this one, on a board or for a tenant."""
    if not any(is_before(review, viewer) for review in found.reviews.all()) or is_own(found, viewer):
        return None
    waiting = turn_of(viewer).exclude(pk=found.pk)
    return Queue(waiting.filter(number__gt=found.number).first() or waiting.first())


def _record(found: Request) -> dict[str, Any] | None:
    return found.decision.record if hasattr(found, "decision") else None


def _uuid(text: str | None) -> str | None:
    try:
        return str(UUID(text or ""))
    except ValueError:
        return None
