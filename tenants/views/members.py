"""`/tenants/<slug>/members/`: who is there as what; adding, changing and removing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.postgres.aggregates import ArrayAgg
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.exporting import exported
from refusals import Refusal
from refusals.errors import Missing
from tenants import finding, key_holder
from tenants.arrivals import Invitation, JoinRequest
from tenants.assigning import roles_of_people, with_roles_in_projects
from tenants.custom_roles import name_of, roles_of, with_roles
from tenants.delegation import MANAGE_MEMBERS, assignable, require_assignable, require_removable
from tenants.elevations import Elevation
from tenants.forms import MemberForm
from tenants.memberships import add_member, refuse_unseen, remove_member
from tenants.models import ApiKey, Membership
from tenants.roles import PROJECT_ROLES, Role
from tenants.security.domains import outside
from tenants.timing import holds_now, live_of
from tenants.views.entering import Inside, enter, posted, text_of
from tenants.views.holders_file import lines_of
from ui.exporting import csv_response
from ui.sorting import ordered

PAGE_SIZE = 25
INVITED_SHOWN = 5


@require_http_methods(["GET", "POST"])
def members(request: HttpRequest, slug: str) -> HttpResponse | StreamingHttpResponse:
    """The list with the form that adds somebody."""
    inside = enter(request, slug)
    known = roles_of(inside.tenant)
    roles = assignable(inside.viewer, inside.tenant, inside.held, known)
    form = MemberForm(request.POST or None, roles=roles)
    if request.method == "POST":
        inside.require(MANAGE_MEMBERS)
        if form.is_valid() and (added := _add(inside, form)):
            messages.success(request, f"{added.user} is {name_of(inside.tenant, added.role)} of {inside.tenant}.")
            return redirect("tenants:members", slug)
    text, role = text_of(request, "q"), text_of(request, "role", 20)
    everybody = with_roles_in_projects(
        Membership.objects.filter(tenant=inside.tenant).select_related("user", "created_by")
    )
    found = finding.members(everybody, text=text, role=role)
    found = found.annotate(is_timed=holds_now("user"))
    rows, sort = ordered(found, text_of(request, "sort"), finding.MEMBER_SORTS, "since")
    if request.GET.get("format") == "csv":
        head = ("user name", "name", "e-mail", "role", "since", "added by", "active")
        exported(request, "members", tenant=slug)
        return csv_response(f"{slug}-members.csv", head, lines_of(rows))
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    held_too = _for_a_time(inside, known, page.object_list)
    allowed = {r.slug for r in roles}
    told = Membership.objects.filter(tenant=inside.tenant).aggregate(
        owners=Count("pk", filter=Q(role="owner", user__is_active=True)),
        own=ArrayAgg("pk", filter=Q(user=inside.viewer), default=[]),
    )
    owners = told["owners"]
    unless_last = allowed - {"owner"} if owners == 1 else allowed  # the only owner stays
    others = {each.pk for each in outside(page.object_list, inside.tenant.allowed_email_domains)}
    beside = {m.user_id: [each | {"role_name": PROJECT_ROLES[each["role"]].name} for each in m.in_projects]
              for m in page.object_list}  # fmt: skip
    removable = [m.role in (unless_last if m.user.is_active else allowed) for m in page.object_list]
    shown = [
        (
            m,
            known.get(m.role),
            may_change,
            m.pk in others,
            held_too.get(m.user_id, ()),
            beside.get(m.user_id),
        )
        for m, may_change in zip(page.object_list, removable, strict=True)
    ]
    return inside.show(
        request,
        "members",
        status=422 if form.errors else 200,
        form=form,
        roles=roles,
        all_roles=known.values(),
        page=page,
        shown=shown,
        text=text,
        role=role,
        sort=sort,
        owners=owners,
        own=next(iter(told["own"]), None),
        **_arriving(inside, allowed),
    )


def _for_a_time(
    inside: Inside, known: dict[str, Role], members: Iterable[Any]
) -> dict[UUID, list[tuple[Elevation, Role | None]]]:
    """What members hold beside their own role now."""
    found: dict[UUID, list[tuple[Elevation, Role | None]]] = {}
    people = [member.user_id for member in members if member.is_timed]
    for each in live_of(inside.tenant, people) if people else ():
        found.setdefault(each.user_id, []).append((each, known.get(each.role)))
    return found


def _arriving(inside: Inside, allowed: set[str]) -> dict[str, Any]:
    """Who is on the way in: for who manages members."""
    if not inside.may(MANAGE_MEMBERS):
        return {}
    waiting = Invitation.objects.filter(tenant=inside.tenant).in_state("invited").select_related("created_by")
    invited = with_roles(waiting[: INVITED_SHOWN + 1])
    asking = JoinRequest.objects.filter(tenant=inside.tenant).in_state("waiting").select_related("user")
    return {
        "invited": invited[:INVITED_SHOWN],
        "more_invited": len(invited) > INVITED_SHOWN,
        "asking": asking[:INVITED_SHOWN],
        "may_give": allowed,
    }


def _add(inside: Inside, form: MemberForm) -> Membership | None:
    user, role = form.cleaned_data["person"], form.cleaned_data["role"]
    present = Membership.objects.filter(tenant=inside.tenant, user=user).first()
    if present:
        form.add_error("person", f"{user} is a member already, as {present.role}. Change the role in the list.")
        return None
    try:
        require_assignable(inside.viewer, inside.tenant, inside.held, role)
        return add_member(tenant=inside.tenant, user=user, role=role, by=inside.viewer, seen="", tells=True)
    except Refusal as refusal:
        form.refused(refusal)
        return None


@require_POST
def change_role(request: HttpRequest, slug: str, membership_id: str) -> HttpResponse:
    """Give a member another role, in place of the one that the page showed."""
    inside = enter(request, slug, MANAGE_MEMBERS)
    membership, role = _membership(inside, membership_id), posted(request, "role", 20)
    refuse_unseen(inside.tenant, membership.user, membership.role, posted(request, "seen", 20) or None)
    before = roles_of_people(inside.tenant, [membership.user_id])
    require_assignable(inside.viewer, inside.tenant, inside.held, membership.role, role)
    add_member(
        tenant=inside.tenant, user=membership.user, role=role, by=inside.viewer, seen=membership.role, tells=True
    )
    ended = before and not roles_of_people(inside.tenant, [membership.user_id])
    more = " Their roles in single projects ended with that; give them anew where they are needed." if ended else ""
    messages.success(request, f"{membership.user} is {name_of(inside.tenant, role)} now.{more}")
    return redirect("tenants:members", slug)


@require_GET
def removal(request: HttpRequest, slug: str, membership_id: str) -> HttpResponse:
    """What removing a member brings about, to be confirmed."""
    inside = enter(request, slug)
    membership = _membership(inside, membership_id)
    require_removable(inside.viewer, membership, inside.held)
    issued = ApiKey.objects.filter(tenant=inside.tenant, created_by=membership.user).usable()
    issued = issued.filter(Q(holder=None) | ~Q(holder=membership.user))
    other_owners = Membership.objects.filter(tenant=inside.tenant, role="owner", user__is_active=True)
    return inside.show(
        request,
        "removal",
        membership=membership,
        role=membership.of_role,
        in_projects=roles_of_people(inside.tenant, [membership.user_id]).get(membership.user_id, []),
        keys=list(issued.select_related("environment__project")[:20]),
        stopping=list(key_holder.held_by(membership.user, inside.tenant)[:50]),
        is_last_owner=membership.role == "owner" and not other_owners.exclude(pk=membership.pk).exists(),
        is_self=membership.user == inside.viewer,
    )


@require_POST
def remove(request: HttpRequest, slug: str, membership_id: str) -> HttpResponse:
    """Take a member out."""
    inside = enter(request, slug)
    membership = _membership(inside, membership_id)
    require_removable(inside.viewer, membership, inside.held)
    user = membership.user
    remove_member(membership=membership, by=inside.viewer)
    if user == inside.viewer:
        messages.success(request, f"You are no longer a member of {inside.tenant}.")
        return redirect("tenants:list")
    messages.success(request, f"{user} is no longer a member of {inside.tenant}.")
    return redirect("tenants:members", slug)


def _membership(inside: Inside, membership_id: str) -> Membership:
    rows = Membership.objects.filter(tenant=inside.tenant, pk=membership_id)
    found = rows.select_related("user", "tenant").first()
    if found is None:
        raise Missing(f"There is no such member of {inside.tenant}; somebody may have removed them.")
    return found
