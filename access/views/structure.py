"""`/tenants/<slug>/structure/`: a tenant's structure as a file: taken, changed, looked at as a plan, applied."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from access.applying.applying import apply as bring_about
from access.applying.exporting import export
from access.applying.forms import FileForm
from access.applying.planning import plan
from access.applying.reading import read
from access.applying.showing import lines
from access.applying.steps import Plan, PlanIsStale
from audit.exporting import exported
from refusals.problems import FileNotUnderstood
from tenants.delegation import MANAGE_MEMBERS
from tenants.views.entering import Inside, enter, posted


@require_http_methods(["GET", "POST"])
def structure(request: HttpRequest, slug: str) -> HttpResponse:
    """The file as the tenant stands, to change; a POST shows what it would do."""
    inside = enter(request, slug, MANAGE_MEMBERS)
    if request.method == "GET":
        return _form(request, inside, FileForm(initial={"text": export(inside.tenant)}))
    if "edit" in request.POST:  # back from the plan, with what was typed
        return _form(
            request, inside, FileForm(initial={name: request.POST.get(name, "") for name in ("text", "prune")})
        )
    form = FileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _form(request, inside, form)
    content = form.content
    try:
        document = read(content)
        seen = plan(document=document, tenant=inside.tenant, prune=form.cleaned_data["prune"], by=inside.viewer)
    except FileNotUnderstood as wrong:
        return _form(request, inside, form, wrong)
    text = content if isinstance(content, str) else content.decode("utf-8-sig")
    return _plan(request, inside, seen, text)


@require_POST
def apply(request: HttpRequest, slug: str) -> HttpResponse:
    """Do what was seen; where it would be another plan by now, show that one instead."""
    inside = enter(request, slug, MANAGE_MEMBERS)
    form = FileForm(request.POST)
    if not form.is_valid():
        return _form(request, inside, form)
    text, prune = str(form.cleaned_data["text"]), form.cleaned_data["prune"]
    try:
        document = read(text)
        done = bring_about(
            document=document, tenant=inside.tenant, prune=prune, fingerprint=posted(request, "fingerprint", 64),
            by=inside.viewer,
        )  # fmt: skip
    except FileNotUnderstood as wrong:
        return _form(request, inside, form, wrong)
    except PlanIsStale as stale:
        seen = plan(document=document, tenant=inside.tenant, prune=prune, by=inside.viewer)
        return _plan(request, inside, seen, text, stale)
    messages.success(request, f"The file is applied. {done.sentence}")
    return redirect("access:structure", slug)


@require_GET
def download(request: HttpRequest, slug: str) -> HttpResponse:
    """The file itself."""
    inside = enter(request, slug, MANAGE_MEMBERS)
    exported(request, "structure", tenant=slug, form="YAML")
    answer = HttpResponse(export(inside.tenant), content_type="application/yaml; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{slug}.yaml"'
    return answer


def _form(request: HttpRequest, inside: Inside, form: FileForm, wrong: FileNotUnderstood | None = None) -> HttpResponse:
    context = inside.framed("settings") | {"form": form, "problems": wrong.problems if wrong else []}
    status = 422 if wrong or form.errors else 200
    return render(request, "access/structure.html", context, status=status)


def _plan(
    request: HttpRequest, inside: Inside, seen: Plan, text: str, stale: PlanIsStale | None = None
) -> HttpResponse:
    context = inside.framed("settings") | {"plan": seen, "lines": list(lines(seen)), "text": text, "stale": stale}
    return render(request, "access/structure_plan.html", context, status=409 if stale else 200)
