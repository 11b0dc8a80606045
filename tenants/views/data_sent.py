"""Which data is sent to models from each environment of a project, said on the project's page."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from refusals.errors import Invalid
from tenants.data_sent import state_data
from tenants.delegation import MANAGE_TENANT
from tenants.models import Environment
from tenants.seen import ChangedMeanwhile
from tenants.views.entering import enter
from tenants.views.projects import find


@require_POST
def state(request: HttpRequest, slug: str, project_id: UUID) -> HttpResponse:
    """`/tenants/<slug>/projects/<key>/data/`: the boxes of one environment, named by `kind`."""
    inside = enter(request, slug)
    project = find(inside, project_id)
    inside.require(MANAGE_TENANT, at=project)
    environment = Environment.objects.filter(project=project, kind=request.POST.get("kind", "")[:12]).first()
    if environment is None:
        messages.error(request, "Choose one of the project's environments.")
        return redirect("tenants:project", slug, project_id)
    try:
        said = state_data(
            environment=environment, data_classes=request.POST.getlist("data_classes")[:20], by=inside.viewer,
            seen=request.POST.get("seen", "")[:64],
        )  # fmt: skip
    except ChangedMeanwhile:
        messages.error(
            request,
            f"Somebody else changed what is sent from {environment.kind} after you had opened this page, so nothing of "
            "yours was saved. Below it is as it is now: change that, if it is still what you want.",
        )
    except Invalid as refusal:
        messages.error(request, refusal.sentence)
    else:
        held = ", ".join(said.data_classes) or "nothing in particular"
        messages.success(request, f"From {environment.kind} of {project} is sent: {held}.")
    return redirect("tenants:project", slug, project_id)
