"""`/tenants/<slug>/roles/`: who can do what in a tenant and why, and the roles that it makes for itself."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from refusals import Refusal
from refusals.errors import Missing
from tenants import role_making, scoping, sections
from tenants.custom_roles import roles_of
from tenants.delegation import MANAGE_TENANT, assignable, gives
from tenants.explaining import explain
from tenants.forms import WhyForm
from tenants.forms_of_roles import RetireRoleForm, RoleForm
from tenants.models import CustomRole, Membership, Project, ProjectRole
from tenants.roles import PLATFORM_ROLES, PROJECT_PERMISSIONS, PROJECT_ROLES, TENANT_ROLES, Role
from tenants.views.entering import Inside, enter, text_of

MATRIX = (
    "tenants.view_tenant",  # which every role gives
    "tenants.use_models",
    "tenants.request_access",
    "tenants.view_usage",
    "tenants.read_content",
    "tenants.manage_keys",
    "tenants.manage_members",
    "tenants.manage_tenant",
    "tenants.view_tenant_audit",
)
SHOWN = 20  # of the people who have a role


@require_GET
def roles(request: HttpRequest, slug: str) -> HttpResponse:
    """Who can do what: the matrix of the built-in roles and the tenant's own, and the way to ask why."""
    inside = enter(request, slug)
    own = list(CustomRole.objects.filter(tenant=inside.tenant))
    known = TENANT_ROLES | {each.slug: each.role for each in own}
    mine = Membership.objects.filter(tenant=inside.tenant, user=inside.viewer).values_list("role", flat=True).first()
    appointed = set(inside.viewer.appointments.values_list("role", flat=True))
    above = [role for role in PLATFORM_ROLES.values() if role.slug in appointed]
    rows = [(scoping.words(p), p, [p in role.permissions for role in known.values()], p in inside.held) for p in MATRIX]
    words = dict(Project._meta.permissions)
    return inside.show(
        request,
        "roles",
        roles=known.values(),
        own=own if inside.may(MANAGE_TENANT) else (),
        rows=rows,
        mine=known.get(mine or ""),
        above=above,
        project_roles=PROJECT_ROLES.values(),
        project_rows=[
            (words[p.partition(".")[2]], p, [p in role.permissions for role in PROJECT_ROLES.values()])
            for p in MATRIX
            if p in PROJECT_PERMISSIONS
        ],
        own_in_projects=list(
            ProjectRole.objects.filter(tenant=inside.tenant, user=inside.viewer).select_related("project")
        ),
        form=_why(inside),
        deciders=sections.deciders(inside.tenant),
    )


@require_GET
def why(request: HttpRequest, slug: str) -> HttpResponse:
    """Why somebody may do something in the tenant, or may not: oneself, and for who manages members everybody."""
    inside = enter(request, slug)
    form, told = _why(inside, request.GET or None), None
    if form.is_valid():
        person = form.cleaned_data.get("person") or inside.viewer
        told = explain(person, form.cleaned_data["permission"], form.cleaned_data["project"] or inside.tenant)
    return inside.show(request, "why", tab="roles", form=form, told=told)


def _why(inside: Inside, asked: QueryDict | None = None) -> WhyForm:
    return WhyForm(
        asked,
        permissions=list(MATRIX),
        projects=Project.objects.filter(tenant=inside.tenant).select_related("tenant"),
        about_others=inside.may("tenants.manage_members"),
    )


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, slug: str) -> HttpResponse:
    """The form of a new role, begun from another one with `?like=`."""
    inside = enter(request, slug, MANAGE_TENANT)
    like = roles_of(inside.tenant).get(text_of(request, "like", 20), TENANT_ROLES["viewer"])
    form = RoleForm(
        request.POST or None, permissions=_givable(inside), is_new=True, initial={"permissions": list(like.permissions)}
    )
    if request.method == "POST" and form.is_valid():
        try:
            made = role_making.make(tenant=inside.tenant, by=inside.viewer, **form.cleaned_data)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, f"{made} is a role of {inside.tenant} now. Give it to somebody.")
            return redirect("tenants:roles", slug)
    return inside.show(request, "role_new", status=422 if form.errors else 200, tab="roles", form=form)


@require_http_methods(["GET", "POST"])
def role(request: HttpRequest, slug: str, role_id: UUID) -> HttpResponse:
    """One role: what it may, to change; who has it; and the way to retire it."""
    inside = enter(request, slug, MANAGE_TENANT)
    found = find(inside, role_id)
    now = {"name": found.name, "sentence": found.sentence, "permissions": found.permissions, "seen": found.version}
    shown = [p for p in MATRIX[1:] if p in gives(inside.viewer, inside.tenant) or p in found.permissions]
    form = RoleForm(request.POST or None, permissions=shown, is_new=False, initial=now)
    if request.method == "POST" and form.is_valid():
        try:
            changed = role_making.change(role=found, by=inside.viewer, **form.cleaned_data)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, f"{changed} is saved; whoever has it holds it so from now on.")
            return redirect("tenants:role", slug, role_id)
    return _show(request, inside, found, form, RetireRoleForm(roles=_others(inside, found)), bool(form.errors))


@require_POST
def retire(request: HttpRequest, slug: str, role_id: UUID) -> HttpResponse:
    """End a role; who has it gets the one that was chosen."""
    inside = enter(request, slug, MANAGE_TENANT)
    found = find(inside, role_id)
    form = RetireRoleForm(request.POST, roles=_others(inside, found))
    if form.is_valid():
        try:
            role_making.retire(role=found, by=inside.viewer, move_to=form.cleaned_data["move_to"])
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, f"{found} is no role of {inside.tenant} any more.")
            return redirect("tenants:roles", slug)
    now = {"name": found.name, "sentence": found.sentence, "permissions": found.permissions, "seen": found.version}
    unchanged = RoleForm(permissions=MATRIX[1:], is_new=False, initial=now)
    return _show(request, inside, found, unchanged, form, is_refused=True)


def find(inside: Inside, role_id: UUID) -> CustomRole:
    """The role of this tenant. Raises `Missing`."""
    found = CustomRole.objects.select_related("tenant").filter(tenant=inside.tenant, pk=role_id).first()
    if found is None:
        raise Missing(f"There is no such role of {inside.tenant}; somebody may have retired it.")
    return found


def _givable(inside: Inside) -> list[str]:
    held = gives(inside.viewer, inside.tenant)
    return [permission for permission in MATRIX[1:] if permission in held]


def _others(inside: Inside, found: CustomRole) -> list[Role]:
    return [r for r in assignable(inside.viewer, inside.tenant, inside.held) if r.slug not in (found.slug, "owner")]


def _show(
    request: HttpRequest, inside: Inside, found: CustomRole, form: RoleForm, ending: RetireRoleForm, is_refused: bool
) -> HttpResponse:
    holders = role_making.holders(found)
    return inside.show(
        request, "role", status=422 if is_refused else 200, tab="roles", role=found, form=form, ending=ending,
        holders=holders[:SHOWN], count=holders.count(),
    )  # fmt: skip
