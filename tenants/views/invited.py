"""`/invitations/`: what a person is invited to, and the page that an invitation's link opens."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from refusals import Refusal
from tenants import invite as verbs
from tenants.archiving import refuse_archived
from tenants.arrivals import Invitation
from tenants.models import User
from tenants.views.entering import viewer_of

IN_SESSION = "invitation"  # the keyed hash of the link's secret: an account can be made where sign-up is closed


@require_GET
def mine(request: HttpRequest) -> HttpResponse:
    """The invitations that wait for the person."""
    return render(request, "tenants/my_invitations.html", {"waiting": verbs.waiting_for(viewer_of(request))})


@login_not_required
@require_GET
@never_cache
def opened(request: HttpRequest, token: str) -> HttpResponse:
    """What a link leads to: an invitation to answer, or why it cannot be. Looking uses nothing up.

    Whose it is, and where it leads, is told to who has signed in as the invited: a link may come into other hands.
    """
    try:
        invitation = verbs.by_secret(token)
    except Refusal as refusal:
        return _refused(request, refusal)
    if invitation.state != "invited":
        return _refused(request, verbs.over(invitation))
    try:
        if isinstance(request.user, User):
            verbs.refuse_stranger(invitation, request.user)
            refuse_archived(invitation.tenant)
    except Refusal as refusal:
        return _refused(request, refusal, here=request.path)
    request.session[IN_SESSION] = invitation.secret_hash
    return render(request, "tenants/invitation.html", {"invitation": invitation, "here": request.path})


@require_POST
def accept(request: HttpRequest, invitation_id: str) -> HttpResponse:
    """Become a member."""
    invitation = verbs.find_own(viewer_of(request), invitation_id)
    verbs.accept(invitation=invitation, by=viewer_of(request))
    request.session.pop(IN_SESSION, None)
    messages.success(request, f"Welcome: you are a member of {invitation.tenant} now.")
    return redirect(invitation.tenant)


@require_POST
def decline(request: HttpRequest, invitation_id: str) -> HttpResponse:
    """Answer no."""
    invitation = verbs.find_own(viewer_of(request), invitation_id)
    verbs.decline(invitation=invitation, by=viewer_of(request))
    request.session.pop(IN_SESSION, None)
    messages.success(request, "The invitation is declined, and who invited you is told.")
    return redirect(reverse("tenants:my-invitations"))


def pending(request: HttpRequest) -> Invitation | None:
    """The invitation whose link was opened in this session, as long as it can be accepted."""
    kept = request.session.get(IN_SESSION) if hasattr(request, "session") else None
    return verbs.by_hash(kept) if kept else None


def _refused(request: HttpRequest, refusal: Refusal, here: str = "") -> HttpResponse:
    return render(request, "tenants/invitation_refused.html", {"refusal": refusal, "here": here}, status=refusal.status)
