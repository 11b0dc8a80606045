"""`/tenants/<slug>/`: what is in it, what needs attention, who is there, what is next."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from tenants import sections
from tenants.attention import concerns, counted
from tenants.awaiting import asked_of, questions
from tenants.custom_roles import with_roles
from tenants.delegation import MANAGE_MEMBERS, MANAGE_TENANT
from tenants.models import Environment, Project
from tenants.views.entering import Inside, enter, optional_address

PEOPLE_SHOWN = 8


@dataclass(frozen=True)
class Shown:
    """One figure in one cell."""

    name: str
    icon: str
    kind: str
    amount: int | Decimal
    href: str


@dataclass(frozen=True)
class Cell:
    """One environment in the grid."""

    environment: Environment
    figures: list[Shown]


@require_GET
def overview(request: HttpRequest, slug: str) -> HttpResponse:
    """The overview."""
    inside = enter(request, slug)
    tenant = inside.tenant
    members = list(tenant.memberships.select_related("user").order_by("created_at")[: PEOPLE_SHOWN + 1])
    shown = [(m.user, m.of_role.name) for m in with_roles(members[:PEOPLE_SHOWN]) if m.of_role]
    owners = sum(m.role == "owner" and m.user.is_active for m in members) if len(members) <= PEOPLE_SHOWN else None
    rows, is_archived = grid(inside), tenant.archived_at is not None
    figures, may_answer = counted(tenant), inside.may(MANAGE_MEMBERS) or inside.may(MANAGE_TENANT)
    found = figures.annotate(**asked_of(inside.viewer)).get() if may_answer else figures.get()
    attention = [*(questions(found, inside.viewer, inside.held) if may_answer else []), *concerns(found, owners=owners)]
    return inside.show(
        request,
        "overview",
        rows=rows,
        kinds=Environment.Kind.labels,
        concerns=[] if is_archived else attention,
        people=shown,
        more_people=len(members) > PEOPLE_SHOWN,
        may_issue=inside.may_anywhere("tenants.manage_keys") and not is_archived,
        next_steps=[] if is_archived else next_steps(inside, rows, len(members)),
        is_archived=is_archived,
        leaving=optional_address("access:offboard", slug) if tenant.leaving_since else None,
        has_projects=vars(found)["has_projects"],
        currency=settings.CURRENCY,
    )


def grid(inside: Inside) -> list[tuple[Project, list[Cell]]]:
    """Each project with its environments in the order development, test, production, and those of their figures that
    the person may see there."""
    tenant = inside.tenant
    columns = [(figure, figure.of(tenant)) for figure in sections.figures(inside.holds.anywhere)]
    order = list(Environment.Kind.values)
    rows: dict[Project, list[Cell]] = {}
    found = Environment.objects.filter(tenant=tenant, project__archived_at=None).select_related("project")
    for environment in found.order_by("project__name", "project"):  # no project is without environments
        environment.tenant = tenant
        path = environment.path
        shown = [
            Shown(f.name, f.icon, f.kind, amounts.get(environment.pk, 0), f.page(path))
            for f, amounts in columns
            if inside.may(f.permission, at=environment)
        ]
        rows.setdefault(environment.project, []).append(Cell(environment, shown))
    for cells in rows.values():
        cells.sort(key=lambda cell: order.index(cell.environment.kind))
    return list(rows.items())


def next_steps(inside: Inside, rows: list[tuple[Project, list[Cell]]], members: int) -> list[tuple[str, str, str]]:
    """What the person could do next to have the tenant at work: text, icon, address."""
    slug, steps = inside.tenant.slug, []
    amounts: dict[str, int | Decimal] = {}
    for _, cells in rows:
        for cell in cells:
            for figure in cell.figures:
                amounts[figure.name] = amounts.get(figure.name, 0) + figure.amount
    if not rows and inside.may("tenants.manage_tenant"):
        steps.append(("Create the first project", "folder-plus", f"/tenants/{slug}/projects/#new"))
    if members < 2 and inside.may("tenants.manage_members"):
        steps.append(("Add the people who will build", "user-plus", f"/tenants/{slug}/members/#add"))
    catalog = optional_address("catalog:list")
    if rows and not amounts.get("Grants") and inside.may_anywhere("tenants.request_access") and catalog:
        steps.append(("Find a model and request access", "category", catalog))
    if rows and not amounts.get("Keys") and inside.may_anywhere("tenants.manage_keys"):
        steps.append(("Issue the first key", "key", f"/tenants/{slug}/keys/issue/"))
    return steps
