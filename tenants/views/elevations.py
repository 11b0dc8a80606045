"""`/tenants/<slug>/elevations/`: what people hold for a time, asking for it, deciding, and standing in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from refusals import Refusal
from refusals.errors import Missing
from tenants import elevating, standing_in, timing
from tenants.archiving import refuse_archived
from tenants.custom_roles import roles_of
from tenants.delegation import MANAGE_MEMBERS, assignable
from tenants.elevations import OPEN, Elevation
from tenants.forms_of_elevation import ElevationForm, StandInForm
from tenants.holding import lasting
from tenants.models import Membership
from tenants.roles import strength
from tenants.views.entering import Inside, enter, posted

SHOWN = 50  # of those that are over
OPEN_SHOWN = 500
NOW = ("running", "planned", "waiting")


@require_GET
def elevations(request: HttpRequest, slug: str) -> HttpResponse:
    """What is held for a time now, what is planned or asked for, and what was."""
    inside = enter(request, slug)
    rows = Elevation.objects.filter(tenant=inside.tenant)
    rows = rows.select_related("tenant", "user", "absent", "created_by", "answered_by")
    if not inside.may(MANAGE_MEMBERS):  # who holds what is known to every member, who asks for what is not
        rows = rows.filter(Q(user=inside.viewer) | Q(pk__in=Elevation.objects.given().values("pk")))
    known = roles_of(inside.tenant)
    allowed = {role.slug for role in assignable(inside.viewer, inside.tenant, inside.held, known)}
    still = list(rows.open()[:OPEN_SHOWN])
    behind = elevating.roles_behind(still)
    shown = [(each, known.get(each.role), each.state, _may(inside, each, behind[each.pk] in allowed)) for each in still]
    over = [(each, known.get(each.role), each.state) for each in rows.exclude(OPEN)[:SHOWN]]
    return inside.show(
        request,
        "elevations",
        tab="members",
        now=[each for each in shown if each[2] in NOW],
        earlier=[each[:3] for each in shown if each[2] not in NOW] + over,
        is_member=Membership.objects.filter(tenant=inside.tenant, user=inside.viewer).exists(),
    )


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask for a role for a time, or give it to somebody."""
    inside = enter(request, slug)
    if request.method == "POST":
        refuse_archived(inside.tenant)
    known = roles_of(inside.tenant)
    own = lasting(inside.tenant, [inside.viewer.pk]).get(inside.viewer.pk)
    gives = assignable(inside.viewer, inside.tenant, inside.held, known)
    stronger = [role for role in known.values() if own is not None and not role.permissions <= own]
    roles = sorted({role.slug: role for role in [*stronger, *gives]}.values(), key=strength)  # the least first
    form = ElevationForm(request.POST or None, roles=roles, for_others=bool(gives))
    if request.method == "POST" and form.is_valid():
        try:
            made = _made(inside, form)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            told = "is given" if made.granted_at else "is asked for; who may give it is told"
            messages.success(request, f"{made}: it {told}.")
            return redirect("tenants:elevations", slug)
    status = 422 if form.errors else 200
    return inside.show(request, "elevation_new", status=status, tab="members", form=form, gives=bool(gives))


@require_http_methods(["GET", "POST"])
def stand_in(request: HttpRequest, slug: str) -> HttpResponse:
    """Name who stands in while one is away."""
    inside = enter(request, slug)
    if request.method == "POST":
        refuse_archived(inside.tenant)
    people = standing_in.candidates(inside.tenant, inside.viewer)
    form = StandInForm(request.POST or None, people=people)
    if request.method == "POST" and form.is_valid():
        starts_at, ends_at = form.period
        given = {"person": form.cleaned_data["person"], "reason": form.cleaned_data["reason"]}
        try:
            made = standing_in.name_stand_in(
                tenant=inside.tenant, starts_at=starts_at, ends_at=ends_at, by=inside.viewer, **given
            )
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, f"{made.user} stands in for you.")
            return redirect("tenants:elevations", slug)
    return inside.show(
        request, "stand_in", status=422 if form.errors else 200, tab="members", form=form, has_people=bool(people)
    )


@require_POST
def grant(request: HttpRequest, slug: str, elevation_id: UUID) -> HttpResponse:
    """Let it begin."""
    return _done(request, slug, elevation_id, elevating.grant, "holds it from now on")


@require_POST
def decline(request: HttpRequest, slug: str, elevation_id: UUID) -> HttpResponse:
    """Do not give it."""
    return _done(request, slug, elevation_id, elevating.decline, "was told why", reason=posted(request, "reason", 501))


@require_POST
def withdraw(request: HttpRequest, slug: str, elevation_id: UUID) -> HttpResponse:
    """Take back what one asked for."""
    return _done(request, slug, elevation_id, elevating.withdraw, "no longer asks")


@require_POST
def end(request: HttpRequest, slug: str, elevation_id: UUID) -> HttpResponse:
    """End it before its time."""
    inside = enter(request, slug)
    elevating.require_ender(inside.viewer, find(inside, elevation_id))
    return _done(request, slug, elevation_id, timing.end, "holds it no more")


def find(inside: Inside, elevation_id: UUID) -> Elevation:
    """The elevation of this tenant. Raises `Missing`."""
    rows = Elevation.objects.select_related("tenant", "user", "absent")
    found = rows.filter(tenant=inside.tenant, pk=elevation_id).first()
    if found is None:
        raise Missing(f"There is no such elevation in {inside.tenant}.")
    return found


def _done(
    request: HttpRequest, slug: str, elevation_id: UUID, verb: Callable[..., Elevation], told: str, **more: Any
) -> HttpResponse:
    inside = enter(request, slug)
    done = verb(elevation=find(inside, elevation_id), by=inside.viewer, **more)
    messages.success(request, f"{done.user} {told}.")
    return redirect("tenants:elevations", slug)


def _made(inside: Inside, form: ElevationForm) -> Elevation:
    given = {name: form.cleaned_data[name] for name in ("role", "hours", "reason")}
    person = form.cleaned_data.get("person")
    if person is None:
        return elevating.ask(tenant=inside.tenant, by=inside.viewer, **given)
    return elevating.give(tenant=inside.tenant, user=person, by=inside.viewer, **given)


def _may(inside: Inside, elevation: Elevation, may_give: bool) -> dict[str, bool]:
    """What the viewer, who may give the role behind it or not, can do about it."""
    own, state = elevation.user_id == inside.viewer.pk, elevation.state
    gives = state in NOW and may_give
    ends = own or elevation.absent_id == inside.viewer.pk or gives
    waits, given = state == "waiting", state in ("running", "planned")
    return {"answer": waits and not own and gives, "withdraw": waits and own, "end": given and ends}
