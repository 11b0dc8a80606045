"""The grants of a tenant: what its environments may call, who decided it, until when; and their revocation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from access import finding
from access.forms import RevokeForm
from access.granting import RevokedAlready, revoke
from access.models import Grant
from approvals.viewer import viewer_of
from audit.exporting import exported
from refusals.errors import Missing
from tenants.models import Environment, Tenant
from tenants.scoping import find_tenant, require, visible
from tenants.views.entering import enter
from ui.exporting import csv_response, in_batches
from ui.sorting import ordered

MANAGE = "tenants.manage_tenant"
PAGE_SIZE = 50


@require_GET
def grants(request: HttpRequest, slug: str) -> HttpResponse:
    """`/tenants/<slug>/grants/?show=active|ended|all&kind=production&q=…`."""
    inside = enter(request, slug)
    tenant = inside.tenant
    rows, sort = _ordered(request, tenant)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "page": page,
        "sort": sort,
        "show": _show(request),
        "kind": request.GET.get("kind", ""),
        "kinds": Environment.Kind.choices,
        "text": _text(request),
        "may_revoke": inside.may_anywhere(MANAGE),
        "may_end": {each.pk for each in page.object_list if inside.may(MANAGE, at=each.environment)},
        "any": page.paginator.count or tenant.grants.exists(),
    }
    return render(request, "access/grants.html", inside.framed("grants") | context)


@require_GET
def export(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """The same rows as CSV."""
    tenant = find_tenant(viewer_of(request), slug)
    exported(request, "grants", tenant=tenant.slug)
    head = (
        "model",
        "route",
        "environment",
        "state",
        "granted (UTC)",
        "expires (UTC)",
        "revoked (UTC)",
        "decided by",
        "request",
        "purpose",
        "conditions",
    )
    return csv_response(f"grants-{tenant.slug}.csv", head, _lines(_ordered(request, tenant)[0]))


@require_POST
def end(request: HttpRequest, slug: str, grant_id: UUID) -> HttpResponse:
    """Revoke a grant."""
    viewer = viewer_of(request)
    found = visible(viewer, Grant.objects.select_related("environment__tenant", "environment__project", "route__model"))
    grant = found.filter(pk=grant_id, tenant__slug=slug).first()
    if grant is None:
        raise Missing("There is no such grant, or it belongs to another tenant.")
    require(viewer, MANAGE, grant.environment)
    form = RevokeForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was changed: say why the grant ends.")
        return redirect("access:grants", slug)
    try:
        revoke(grant=grant, by=viewer, reason=form.cleaned_data["reason"])
    except RevokedAlready as late:
        messages.info(request, late.sentence)
    else:
        messages.success(request, f"{grant.environment} can no longer call {grant.route}.")
    return redirect("access:grants", slug)


def _show(request: HttpRequest) -> str:
    show = request.GET.get("show", "")
    return show if show in finding.SHOWN else finding.SHOWN[0]


def _text(request: HttpRequest) -> str:
    return request.GET.get("q", "").replace("\x00", "").strip()[:200]


def _ordered(request: HttpRequest, tenant: Tenant) -> tuple[QuerySet[Grant], str]:
    return ordered(_found(request, tenant), request.GET.get("sort", ""), finding.SORTS, "-granted")


def _found(request: HttpRequest, tenant: Tenant) -> QuerySet[Grant]:
    rows = Grant.objects.filter(tenant=tenant).select_related(
        "environment__project", "environment__tenant", "route__model", "decision__request", "revoked_by"
    )
    kind = request.GET.get("kind", "")
    return finding.grants(
        rows,
        show=_show(request),
        kind=kind if kind in Environment.Kind.values else "",
        text=_text(request),
    )


def _lines(rows: QuerySet[Grant]) -> Iterator[tuple[object, ...]]:
    for grant in in_batches(rows):
        yield (
            grant.route.model.name,
            grant.route.slug,
            grant.environment.path,
            grant.state,
            *(f"{at:%Y-%m-%d %H:%M:%S}" if at else "" for at in (grant.granted_at, grant.expires_at, grant.revoked_at)),
            ", ".join(grant.decided_by),
            f"R-{grant.decision.request.number}" if grant.decision else "",
            grant.purpose,
            "; ".join(grant.demanded.sentences),
        )
