"""The page that puts up to five models side by side."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from catalog import comparing, search, steps
from catalog.models import Model, Route
from catalog.shelf import listed


@require_GET
def compare(request: HttpRequest) -> HttpResponse:
    """`/catalog/compare/?m=a&m=b`: unknown names are said, more than five are cut."""
    asked = list(dict.fromkeys(slug[:160] for slug in request.GET.getlist("m") if slug))
    add = request.GET.get("add", "").strip()
    if add and add not in asked:
        asked.append(add[:160])
    known = dict(Model.objects.filter(slug__in=asked).values_list("slug", "pk"))
    by_route = Route.objects.filter(slug__in=[slug for slug in asked if slug not in known])
    known.update({slug: key for slug, key in by_route.values_list("slug", "model_id") if key not in known.values()})
    slugs = [slug for slug in asked if slug in known]
    keys = [known[slug] for slug in slugs[: comparing.MOST]]
    found = listed(keys)
    rows = search.rows_of(request.user, [found[key] for key in keys if key in found])  # type: ignore[arg-type]
    routes = Route.objects.filter(model__in=[row.model for row in rows], is_enabled=True).order_by("slug")
    served = {route.model_id: route.slug for route in sorted(routes, key=lambda route: -len(route.slug))}
    return render(
        request,
        "catalog/compare.html",
        {
            "rows": rows,
            "facts": comparing.table(rows) if rows else [],
            "unknown": [slug for slug in asked if slug not in known],
            "cut": slugs[comparing.MOST :],
            "most": comparing.MOST,
            "columns": [(row, _without(slugs, row.model.slug), served.get(row.model.pk, "")) for row in rows],
            "playable": [served[row.model.pk] for row in rows if row.model.pk in served][:4],
            "playground": steps.address("playground:new"),
            "only_differences": request.GET.get("differences") == "1",
        },
    )


def _without(slugs: list[str], slug: str) -> str:
    """The query with `slug` taken away."""
    return "&".join(f"m={each}" for each in slugs if each != slug)
