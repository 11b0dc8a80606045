"""`/tenants/<slug>/projects/<id>/move/`: give a project to another tenant, after a look at everything that it does."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from refusals import Refusal
from refusals.errors import Forbidden, Missing
from tenants import moving
from tenants.delegation import MANAGE_TENANT, ForATime
from tenants.views.entering import enter, posted, text_of
from tenants.views.projects import find

NOT_TYPED = "Type the short name exactly, so that nothing moves by mistake."


@require_http_methods(["GET", "POST"])
def move(request: HttpRequest, slug: str, project_id: UUID) -> HttpResponse:
    """Choose the tenant, see what would happen, type the project's short name to do it."""
    inside = enter(request, slug, MANAGE_TENANT)
    project = find(inside, project_id)
    wanted = posted(request, "to", 40) if request.method == "POST" else text_of(request, "to", 40)
    refusal, error, target, shown = None, "", None, None
    try:
        if wanted:
            target = moving.find_target(inside.viewer, project, wanted)
            shown = moving.preview(project, target)
        if request.method == "POST" and target is not None:
            if posted(request, "confirm_name") == project.slug:
                made = moving.move_project(project=project, to=target, by=inside.viewer)
                messages.success(request, f"{made} is in {target} now.")
                return redirect("tenants:projects", target.slug)
            error = NOT_TYPED
    except ForATime as refused:
        refusal = refused.sentence
    except (Missing, Forbidden):
        refusal = f"There is no tenant “{wanted}” that you manage."
    except Refusal as refused:
        refusal = refused.sentence
    failed = refusal or error or request.method == "POST"
    return inside.show(
        request, "move", status=422 if failed else 200, tab="projects", project=project, error=error, refusal=refusal,
        targets=moving.targets(inside.viewer, project), target=target, shown=shown,
    )  # fmt: skip
