"""The bell, the switcher and the theme: the small answers of the shell."""

from __future__ import annotations

from typing import cast

from django.db.models import Case, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from portal import notifications_page
from portal.context import THEMES
from tenants.models import Environment, Notification, User
from tenants.notifications import find, mark_read
from tenants.scoping import visible
from tenants.where import choose, chosen

MAX_SHOWN = 12
MAX_CHOICES = 60
IN_THE_USUAL_ORDER = Case(*(When(kind=kind, then=n) for n, kind in enumerate(Environment.Kind.values)))


def back(request: HttpRequest) -> HttpResponseRedirect:
    """To the page the person came from, when it is ours; else home."""
    target = request.POST.get("next") or request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}):
        target = "/"
    return HttpResponseRedirect(target)


def _viewer(request: HttpRequest) -> User:
    return cast("User", request.user)  # `SignInRequired` lets nobody else through


@require_GET
def bell(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The newest notifications for the menu; all of them as a page."""
    if not request.headers.get("HX-Request"):
        return notifications_page.show(request, _viewer(request))
    notes = _viewer(request).notifications.all()[:MAX_SHOWN]
    any_unread = find(_viewer(request), unread=True).exists()
    return render(request, "portal/bell.html#menu", {"notes": notes, "any_unread": any_unread})


@require_GET
def follow(request: HttpRequest, note_id: str) -> HttpResponse:
    """Open what a notification is about; it is read from then on."""
    note = get_object_or_404(Notification, pk=note_id, user=_viewer(request))
    mark_read(Notification.objects.filter(pk=note.pk))
    target = note.path if url_has_allowed_host_and_scheme(note.path, None) else "/notifications/"
    return HttpResponseRedirect(target or "/notifications/")


@require_POST
def read_one(request: HttpRequest, note_id: str) -> HttpResponse:
    """Mark one notification as read without opening what it is about."""
    note = get_object_or_404(Notification, pk=note_id, user=_viewer(request))
    mark_read(Notification.objects.filter(pk=note.pk))
    return back(request)


@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark every notification as read."""
    mark_read(Notification.objects.filter(user=_viewer(request)))
    return back(request)


@require_GET
def switcher(request: HttpRequest) -> HttpResponse:
    """The environments to choose from, by tenant and project."""
    text = request.GET.get("q", "").replace("\x00", "").strip()
    found = visible(_viewer(request), Environment.objects.select_related("tenant", "project"))
    found = found.order_by("tenant__name", "project__name", IN_THE_USUAL_ORDER)
    if text:
        found = found.filter(project__name__icontains=text) | found.filter(tenant__name__icontains=text)
    rows = list(found[: MAX_CHOICES + 1])
    template = "portal/switcher.html#choices" if request.headers.get("HX-Request") else "portal/switcher.html"
    context = {
        "environments": rows[:MAX_CHOICES],
        "more": len(rows) > MAX_CHOICES,
        "text": text,
        "chosen": (chosen(request) or {"path": None})["path"],
    }
    return render(request, template, context)


@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Work in another environment from now on."""
    choose(request, _viewer(request), request.POST.get("path", ""))
    return back(request)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the theme with the person and in a cookie, which also serves the sign-in page."""
    wanted = request.POST.get("theme", "")
    response = back(request)
    if wanted in {code for code, _, _ in THEMES}:
        User.objects.filter(pk=_viewer(request).pk).update(theme=wanted)
        response.set_cookie("atrium_theme", wanted, max_age=31_536_000, samesite="Lax")
    return response
