"""`/platform/people/`: everybody who has an account, their roles above tenants, switched on or off."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from audit.exporting import exported
from refusals.errors import Missing
from tenants import finding
from tenants.activation import activate, deactivate, left_without_owner
from tenants.custom_roles import with_roles
from tenants.key_holder import held_by
from tenants.memberships import appoint, dismiss
from tenants.models import Appointment, PersonalToken, User
from tenants.roles import PLATFORM_ROLES
from tenants.views.entering import above, optional_address, posted, text_of
from ui.exporting import csv_response, in_batches
from ui.sorting import ordered

PAGE_SIZE = 50
SEE, CHANGE = "tenants.view_user", "tenants.change_user"


@require_GET
def people(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The list: search, filters, pages, CSV."""
    above(request, SEE)
    text, role, state = text_of(request, "q"), text_of(request, "role", 20), text_of(request, "state", 10)
    active = {"active": True, "inactive": False}.get(state)
    rows, sort = ordered(
        finding.people(text=text, role=role, active=active), text_of(request, "sort"), finding.PEOPLE_SORTS, "username"
    )
    rows = rows.prefetch_related("appointments")
    if request.GET.get("format") == "csv":
        head = ("user name", "name", "e-mail", "roles above tenants", "active", "last sign-in", "since")
        lines = (
            (u.username, str(u), u.email, " ".join(a.role for a in u.appointments.all()), u.is_active, u.last_login,
             u.date_joined)
            for u in in_batches(rows)
        )  # fmt: skip
        exported(request, "people")
        return csv_response("atrium-people.csv", head, lines)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    shown = [(u, [PLATFORM_ROLES[a.role].name for a in u.appointments.all() if a.role in PLATFORM_ROLES]) for u in page]
    context = {
        "page": page, "shown": shown, "text": text, "role": role, "state": state, "sort": sort,
        "roles": PLATFORM_ROLES.values(),
    }  # fmt: skip
    return render(request, "tenants/people.html", context)


@require_GET
def person(request: HttpRequest, username: str) -> HttpResponse:
    """One person: what they hold and where, and what can be done about it."""
    viewer = above(request, SEE)
    user = _user(username)
    appointments = {a.role: a for a in user.appointments.select_related("created_by")}
    memberships = user.memberships.select_related("tenant").order_by("tenant__name")
    context = {
        "person": user,
        "roles": [(role, appointments.get(role.slug)) for role in PLATFORM_ROLES.values()],
        "memberships": [(m, m.of_role) for m in with_roles(memberships)],
        "tokens": PersonalToken.objects.filter(user=user, revoked_at=None).count(),
        "keys": held_by(user).count(),
        "ownerless": left_without_owner(user),
        "may_change": viewer.has_perm(CHANGE),
        "is_self": user == viewer,
        "boards": optional_address("approvals:boards"),
        "usage": optional_address("usage:calls"),
    }
    return render(request, "tenants/person.html", context)


@require_POST
def appointment(request: HttpRequest, username: str) -> HttpResponse:
    """Give a role above tenants, or take it (`take=1`)."""
    viewer, user, role = above(request, CHANGE), _user(username), posted(request, "role", 20)
    held = Appointment.objects.filter(user=user, role=role).select_related("user").first()
    if not request.POST.get("take"):
        appoint(user=user, role=role, by=viewer)
        messages.success(request, f"{user} is {PLATFORM_ROLES[role].name} now.")
    elif held:
        dismiss(appointment=held, by=viewer)
        messages.success(request, f"{user} is no longer {PLATFORM_ROLES[role].name}.")
    return redirect("tenants:person", username)


@require_POST
def activation(request: HttpRequest, username: str) -> HttpResponse:
    """Switch a person off, or on again (`on=1`)."""
    viewer, user = above(request, CHANGE), _user(username)
    if request.POST.get("on"):
        activate(user=user, by=viewer)
        messages.success(request, f"{user} can sign in again.")
    else:
        deactivate(user=user, by=viewer, reason=posted(request, "reason"))
        messages.success(request, f"{user} is switched off; sessions and tokens are dead.")
    return redirect("tenants:person", username)


def _user(username: str) -> User:
    found = User.objects.filter(username=username.replace("\x00", "")).first()
    if found is None:
        raise Missing(f"Nobody is called “{username}”.")
    return found
