"""`/tenants/<slug>/invitations/lists/`: many people invited at once: read, looked through, confirmed, watched.

A worker does what takes long; the page asks each second how far it is.
"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from refusals import Refusal
from refusals.errors import Missing
from tenants import invite_many
from tenants.arrivals import InvitationBatch
from tenants.delegation import MANAGE_MEMBERS, assignable
from tenants.forms_of_arrival import ListForm
from tenants.invitation_list import PROBLEMS
from tenants.views.entering import Inside, enter, text_of

PAGE_SIZE = 100


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, slug: str) -> HttpResponse:
    """The form for a list; what was read is shown before anybody is invited."""
    inside = enter(request, slug, MANAGE_MEMBERS)
    form = ListForm(
        request.POST or None, request.FILES or None, roles=assignable(inside.viewer, inside.tenant, inside.held)
    )
    if request.method == "POST" and form.is_valid():
        try:
            made = invite_many.plan(
                tenant=inside.tenant, lines=form.lines, default_role=form.cleaned_data["role"], by=inside.viewer
            )
        except Refusal as refusal:
            form.refused(refusal)
        else:
            return redirect("tenants:invitation-list", slug, made.pk)
    return inside.show(request, "invitation_list_new", status=422 if form.errors else 200, tab="members", form=form)


@require_GET
def one(request: HttpRequest, slug: str, batch_id: UUID) -> HttpResponse:
    """How far the reading is, what would happen to each line, then how far inviting and sending are."""
    inside = enter(request, slug, MANAGE_MEMBERS)
    batch = find(inside, batch_id)
    rows, wanted = invite_many.rows_of(batch), text_of(request, "show", 20)
    counted = dict.fromkeys(PROBLEMS, 0)
    for row in rows:
        if not row.is_good:
            counted[row.outcome] += 1
    if wanted == "good":
        rows = [row for row in rows if row.is_good]
    elif wanted:
        rows = [row for row in rows if row.outcome == wanted]
    context = inside.framed("members") | {
        "batch": batch,
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "show": wanted,
        "problems": [(code, word, counted[code]) for code, word in PROBLEMS.items() if counted[code]],
    }
    template = "tenants/invitation_list.html"
    return render(request, f"{template}#progress" if request.headers.get("HX-Request") else template, context)


@require_POST
def confirm(request: HttpRequest, slug: str, batch_id: UUID) -> HttpResponse:
    """Let everybody of the list be invited who can be."""
    inside = enter(request, slug, MANAGE_MEMBERS)
    invite_many.confirm(batch=find(inside, batch_id), by=inside.viewer)
    return redirect("tenants:invitation-list", slug, batch_id)


@require_POST
def cancel(request: HttpRequest, slug: str, batch_id: UUID) -> HttpResponse:
    """Forget the list, or stop sending."""
    inside = enter(request, slug, MANAGE_MEMBERS)
    ended = invite_many.cancel(batch=find(inside, batch_id), by=inside.viewer)
    messages.success(request, "Stopped. Who has no mail yet is not invited.")
    return redirect("tenants:invitation-list", slug, ended.pk)


def find(inside: Inside, batch_id: UUID) -> InvitationBatch:
    """The list of the tenant. Raises `Missing`."""
    rows = InvitationBatch.objects.filter(tenant=inside.tenant, pk=batch_id).defer("rows")
    found = rows.select_related("created_by").first()
    if found is None:
        raise Missing(f"There is no such list of {inside.tenant}; one that nobody confirmed is forgotten after a day.")
    return found
