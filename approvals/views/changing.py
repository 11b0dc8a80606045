"""Change and send a draft or what was sent back; suspend an approval and resume it."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from approvals.forms import ReasonForm
from approvals.models import Request
from approvals.scoping import find_request
from approvals.sending import change, require_requester, send
from approvals.suspending import resume, suspend
from approvals.viewer import viewer_of
from approvals.views.page import revision_form_of, shown
from refusals import Refusal
from refusals.errors import Conflict, Invalid


@require_POST
def change_request(request: HttpRequest, number: int) -> HttpResponse:
    """Save what was changed; with `do=send` also send it."""
    viewer = viewer_of(request)
    found = find_request(viewer, number)
    require_requester(found, viewer)
    form = revision_form_of(found, request.POST)
    if not form.is_valid():
        return shown(request, number, revision_form=form, status=422)
    facts = getattr(form, "facts", None)
    try:
        saved = change(request=found, reason=form.cleaned_data["reason"], facts=facts, by=viewer)
        if request.POST.get("do") == "send":
            send(request=saved, by=viewer)
    except (Conflict, Invalid) as refused:
        return _told(request, number, form, refused)
    is_sent = request.POST.get("do") == "send"
    messages.success(request, f"R-{number} is sent." if is_sent else f"R-{number} is saved. It is not sent yet.")
    return redirect(found)


@require_POST
def suspend_approval(request: HttpRequest, number: int) -> HttpResponse:
    """Take back for a time what the approval gave."""
    return _with_reason(request, number, suspend, f"The approval of R-{number} is suspended.")


@require_POST
def resume_approval(request: HttpRequest, number: int) -> HttpResponse:
    """Give it once more."""
    return _with_reason(request, number, resume, f"The approval of R-{number} is resumed.")


def _told(request: HttpRequest, number: int, form: Form, refused: Refusal) -> HttpResponse:
    """What was typed stands there still, where the request can be changed still; why it was refused is told anyway."""
    if isinstance(refused, Conflict):
        messages.warning(request, refused.sentence)
    else:
        form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)
    return shown(request, number, revision_form=form, status=refused.status)


def _with_reason(request: HttpRequest, number: int, verb: Callable[..., Request], done: str) -> HttpResponse:
    viewer, form = viewer_of(request), ReasonForm(request.POST)
    found = find_request(viewer, number)
    given = form.cleaned_data["reason"] if form.is_valid() else ""
    try:
        verb(request=found, reason=given, by=viewer)
    except (Conflict, Invalid) as refused:
        messages.warning(request, refused.sentence)
        return shown(request, number, status=refused.status)
    messages.success(request, done)
    return redirect(found)
