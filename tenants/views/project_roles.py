"""`/tenants/<slug>/projects/<id>/roles/`: who has which role in one project; giving, changing and ending them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from audit.exporting import exported
from refusals import Refusal
from refusals.errors import Missing
from tenants import finding
from tenants.assigning import give_role, keys_there, member_called, refuse_unseen, take_role
from tenants.custom_roles import roles_of
from tenants.delegation import assignable_in_project, gives_at, require_assignable_in_project, require_endable
from tenants.forms import ProjectRoleForm
from tenants.models import Membership, Project, ProjectRole
from tenants.roles import PROJECT_ROLES, Role
from tenants.views.entering import Inside, enter, posted, text_of
from tenants.views.holders_file import lines_of
from tenants.views.projects import find
from ui.exporting import csv_response
from ui.sorting import ordered

PAGE_SIZE = 50


@require_http_methods(["GET", "POST"])
def project_roles(request: HttpRequest, slug: str, project_id: UUID) -> HttpResponse | StreamingHttpResponse:
    """The list with the form that gives somebody a role."""
    inside = enter(request, slug)
    project = find(inside, project_id)
    roles = assignable_in_project(gives_at(inside.viewer, project))
    form = ProjectRoleForm(request.POST or None, roles=roles)
    if request.method == "POST":
        require_assignable_in_project(gives_at(inside.viewer, project), project)
        if form.is_valid() and (given := _give(inside, project, form)):
            messages.success(request, f"{given.user} is {PROJECT_ROLES[given.role].name} in {project} now.")
            return redirect("tenants:project-roles", slug, project_id)
    text, role = text_of(request, "q"), text_of(request, "role", 20)
    everybody = ProjectRole.objects.filter(project=project).select_related("user", "created_by")
    found = finding.members(everybody, text=text, role=role)
    rows, sort = ordered(found, text_of(request, "sort"), finding.PROJECT_ROLE_SORTS, "since")
    if request.GET.get("format") == "csv":
        head = ("user name", "name", "e-mail", "role", "since", "given by", "active")
        exported(request, "project roles", tenant=slug)
        return csv_response(f"{slug}-{project.slug}-roles.csv", head, lines_of(rows))
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    known = roles_of(inside.tenant)
    return inside.show(
        request, "project_roles", status=422 if form.errors else 200, tab="projects", at=project, project=project,
        form=form, roles=roles, all_roles=PROJECT_ROLES.values(), page=page, shown=_shown(inside, page, roles, known),
        text=text, role=role, sort=sort, from_tenant=_from_tenant(inside, known),
    )  # fmt: skip


def _shown(
    inside: Inside, page: Any, roles: list[Any], known: dict[str, Role]
) -> list[tuple[ProjectRole, Any, Any, bool]]:
    """Each with its role, the role in the tenant, and whether the viewer may change it."""
    people = [each.user_id for each in page.object_list]
    held = dict(
        Membership.objects.filter(tenant=inside.tenant, user__in=people).values_list("user", "role") if people else ()
    )
    given = {role.slug for role in roles}
    return [
        (each, PROJECT_ROLES[each.role], known.get(held.get(each.user_id, "")), each.role in given)
        for each in page.object_list
    ]


def _from_tenant(inside: Inside, known: dict[str, Role]) -> list[tuple[Role, int]]:
    """The roles in the tenant, which reach into every project, and how many people hold each."""
    rows = Membership.objects.filter(tenant=inside.tenant).order_by().values_list("role").annotate(Count("pk"))
    counts = dict(rows)
    return [(role, counts[slug]) for slug, role in known.items() if slug in counts]


def _give(inside: Inside, project: Project, form: ProjectRoleForm) -> ProjectRole | None:
    role = form.cleaned_data["role"]
    try:
        user = member_called(inside.tenant, form.cleaned_data["person"])
        require_assignable_in_project(gives_at(inside.viewer, project), project, role)
        return give_role(project=project, user=user, role=role, by=inside.viewer, seen="")
    except Refusal as refusal:
        form.refused(refusal)
        return None


@require_POST
def change(request: HttpRequest, slug: str, project_id: UUID, role_id: UUID) -> HttpResponse:
    """Give somebody another role in the project, in place of the one that the page showed."""
    inside = enter(request, slug)
    given, role = _find(inside, project_id, role_id), posted(request, "role", 20)
    refuse_unseen(given.project, given.user, given.role, posted(request, "seen", 20) or None)
    require_assignable_in_project(gives_at(inside.viewer, given.project), given.project, given.role, role)
    give_role(project=given.project, user=given.user, role=role, by=inside.viewer, seen=given.role)
    messages.success(request, f"{given.user} is {PROJECT_ROLES[role].name} in {given.project} now.")
    return redirect("tenants:project-roles", slug, project_id)


@require_http_methods(["GET", "POST"])
def end(request: HttpRequest, slug: str, project_id: UUID, role_id: UUID) -> HttpResponse:
    """What ending a role brings about, to be confirmed; sent, it has ended."""
    inside = enter(request, slug)
    given = _find(inside, project_id, role_id)
    require_endable(gives_at(inside.viewer, given.project), inside.viewer, given)
    if request.method == "POST":
        take_role(given=given, by=inside.viewer)
        messages.success(request, f"{given.user} has no role of their own in {given.project} any more.")
        return redirect("tenants:project-roles", slug, project_id)
    membership = Membership.objects.filter(tenant=inside.tenant, user=given.user).first()
    return inside.show(
        request, "end_project_role", tab="projects", at=given.project, given=given, project=given.project,
        role=PROJECT_ROLES[given.role], stays=membership.of_role if membership else None,
        keys=list(keys_there(given)[:50]), is_self=given.user == inside.viewer,
    )  # fmt: skip


def _find(inside: Inside, project_id: UUID, role_id: UUID) -> ProjectRole:
    rows = ProjectRole.objects.filter(tenant=inside.tenant, project=project_id, pk=role_id)
    found = rows.select_related("user", "project__tenant").first()
    if found is None:
        raise Missing(f"There is no such role in a project of {inside.tenant}; somebody may have ended it.")
    return found
