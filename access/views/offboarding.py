"""`/tenants/<slug>/offboarding/`: how a tenant leaves, its archive, its content, the certificate of its erasure."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from access.offboarding import beginning, job
from access.offboarding.erasing import parts
from access.offboarding.exporting import pieces
from access.offboarding.finding import certificate_for, latest, open_one
from access.offboarding.forms import LeaveForm
from access.offboarding.preview import concerned
from audit.exporting import exported
from refusals import Refusal
from refusals.errors import Missing
from tenants.views.entering import enter, viewer_of
from ui.streaming import StreamsUnderAsgi
from usage.bodies.packing import holds_content, take_contents
from usage.bodies.reading import READ

MANAGE = "tenants.manage_tenant"


@require_http_methods(["GET", "POST"])
def offboarding(request: HttpRequest, slug: str) -> HttpResponse:
    """What leaving would concern, as a form; once it leaves, how far that is."""
    inside = enter(request, slug, MANAGE)
    found = latest(inside.tenant)
    form = LeaveForm(request.POST if request.method == "POST" else None, slug=slug)
    if request.method == "POST" and form.is_valid():
        try:
            beginning.begin(tenant=inside.tenant, reason=form.cleaned_data["reason"], by=inside.viewer)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, f"{inside.tenant} leaves. Its keys are revoked; the archive is being packed.")
            return redirect("access:offboard", slug)
    is_leaving = found is not None and found.is_open
    done = {line["part"]: line for line in found.progress} if found is not None else {}
    context = {
        "found": found if is_leaving else None,
        "form": form,
        "concerned": None if is_leaving else concerned(inside.tenant),
        "steps": [(part.title, done.get(part.slug)) for part in parts()] if done else [],
        "days": settings.ERASE_AFTER_DAYS,
        "takes_content": is_leaving and inside.may(READ) and holds_content(inside.tenant),
    }
    return render(
        request, "access/offboarding/tenant.html", inside.framed("settings") | context,
        status=422 if form.errors else 200,
    )  # fmt: skip


@require_POST
def call_off(request: HttpRequest, slug: str) -> HttpResponse:
    """Keep the tenant."""
    inside = enter(request, slug, MANAGE)
    beginning.call_off(offboarding=open_one(inside.tenant), by=inside.viewer)
    messages.success(request, f"{inside.tenant} stays. Restore it to work in it again; its keys stay revoked.")
    return redirect("tenants:settings", slug)


@require_POST
def retry(request: HttpRequest, slug: str) -> HttpResponse:
    """Go on with what stopped."""
    inside = enter(request, slug, MANAGE)
    job.retry(offboarding=open_one(inside.tenant), by=inside.viewer)
    messages.success(request, "It goes on.")
    return redirect("access:offboard", slug)


@require_GET
def archive(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """The archive as one file."""
    inside = enter(request, slug, MANAGE)
    found = open_one(inside.tenant)
    if not found.export_sha256:
        raise Missing("The archive is being packed. It can be taken in a moment.")
    exported(request, "everything", tenant=slug, form="Archive")
    answer = StreamsUnderAsgi(pieces(found), content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="{slug}.zip"'
    answer["Content-Length"] = str(found.export_bytes)
    return answer


@never_cache
@require_GET
def content(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """What was asked and answered, as JSON lines, for who may read it. That it was taken is written down."""
    inside = enter(request, slug, READ)
    open_one(inside.tenant)
    answer = StreamsUnderAsgi(take_contents(tenant=inside.tenant, by=inside.viewer), content_type="application/jsonl")
    answer["Content-Disposition"] = f'attachment; filename="{slug}-content.jsonl"'
    return answer


@require_GET
def certificate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`/offboardings/<id>/`: what became of a tenant that left; what there was none of is named in one line."""
    found = certificate_for(viewer_of(request), pk)
    lines = [(line["what"].removeprefix("Erase "), line["rows"]) for line in found.certificate.get("erased", [])]
    context = {
        "found": found,
        "gone": [(what, rows) for what, rows in lines if rows],
        "none": [what for what, rows in lines if not rows],
    }
    return render(request, "access/offboarding/certificate.html", context)
