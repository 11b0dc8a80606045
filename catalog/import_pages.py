"""The platform team's pages of imports: every run, starting one, watching it, what it changed."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from catalog.authority import require_manager
from catalog.importing import jobs
from catalog.importing.run import SOURCES, STEPS
from catalog.models import ImportRun
from refusals.errors import Missing

PAGE_SIZE = 50


@require_http_methods(["GET", "POST"])
def imports(request: HttpRequest) -> HttpResponse:
    """`/platform/catalog/`: the runs, newest first; a POST starts one and leads to where it can be watched."""
    require_manager(request.user)
    if request.method == "POST":
        return redirect("catalog:import", jobs.start(by=request.user).pk)
    page = Paginator(ImportRun.objects.all(), PAGE_SIZE).get_page(request.GET.get("page"))
    last = ImportRun.objects.filter(state=ImportRun.State.SUCCEEDED).first()
    context = {
        "page": page,
        "sources": SOURCES,
        "is_new": last is None or last.sources != SOURCES,
        "is_under_way": any(not run.is_over for run in page),
    }
    template = "catalog/imports.html#runs" if request.headers.get("HX-Request") else "catalog/imports.html"
    return render(request, template, context)


@require_GET
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """How far an import is, then what it changed."""
    require_manager(request.user)
    template = "catalog/import.html#result" if request.headers.get("HX-Request") else "catalog/import.html"
    return render(request, template, {"run": _find(pk), "steps": len(STEPS)})


@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop an import."""
    require_manager(request.user)
    jobs.cancel(run=_find(pk), by=request.user)
    return redirect("catalog:import", pk)


def _find(pk: int) -> ImportRun:
    found = ImportRun.objects.filter(pk=pk).first()
    if found is None:
        raise Missing("There is no such import.")
    return found
