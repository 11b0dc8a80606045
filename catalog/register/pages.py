"""`/platform/register/`: every model in use, for the platform team and auditors; as page, CSV and on paper."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from audit.exporting import exported
from catalog.authority import PERMISSION
from catalog.lifecycle.states import Lifecycle
from catalog.register.duties import DUTIES
from catalog.register.rows import REVIEWS, SORTS, Asked, Row, choose
from catalog.register.rows import everything as every_row
from catalog.risk.pages import categories
from refusals.errors import Forbidden
from tenants.risk.tiers import TIERS, WORDS, rules
from tenants.views.entering import text_of
from ui.exporting import csv_response

PAGE_SIZE = 50
AUDITORS = "audit.search_entry"
FILTERS = ("lifecycle", "tier", "gap", "review", "category")
HEAD = (
    "model", "version", "name", "made by", "owner", "risk tier", "reasons", "rules", "lifecycle", "since", "ends on",
    "providers and regions", "tenants", "environments", "in production", "held by", "last decision", "next review",
    "card edition", "card sha256", "gaps", "frameworks",
)  # fmt: skip


def require_reader(person: Any) -> None:
    """Raise `Forbidden` unless `person` may read who holds which model everywhere."""
    if not (person.has_perm(PERMISSION) or person.has_perm(AUDITORS)):
        raise Forbidden(
            "The register tells of every tenant's models. The platform team and auditors read it.",
            permission=AUDITORS,
        )


@require_GET
def register(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The register by `?q=`, `?lifecycle=`, `?tier=`, `?gap=`, `?review=`, `?category=` and `?sort=`; `?format=csv`,
    and `?paper=1` with all rows on one page."""
    require_reader(request.user)
    asked = Asked(text_of(request, "q"), *(text_of(request, name, 60) for name in (*FILTERS, "sort")))
    everything = every_row(request.user)
    rows = choose(everything, asked)
    if request.GET.get("format") == "csv":
        exported(request, "model register")
        return csv_response("model-register.csv", HEAD, (line(row) for row in rows))
    size = max(len(rows), 1) if request.GET.get("paper") == "1" else PAGE_SIZE
    context = {
        "page": Paginator(rows, size).get_page(request.GET.get("page")),
        "asked": asked,
        "sort": asked.sort if asked.sort.removeprefix("-") in SORTS else "",
        "tiers": [(each, WORDS[each], sum(row.risk.tier == each for row in everything)) for each in reversed(TIERS)],
        "lives": [(each.value, each.label) for each in Lifecycle],
        "reviews": list(REVIEWS.items()),
        "gaps": Counter(gap for row in everything for gap in row.gaps).most_common(8),
        "categories": categories(),
        "duties": DUTIES,
        "total": len(everything),
        "version": rules().version,
    }
    return render(request, "catalog/register.html", context)


def line(row: Row) -> tuple[object, ...]:
    """A row of the file."""
    version, edition = row.version, row.edition
    return (
        version.model.slug, version.label, version.model.name, version.model.developer,
        version.owner.username if version.owner else "", row.risk.tier, " ".join(row.risk.reasons), row.risk.version,
        version.lifecycle, version.lifecycle_since, version.ends_on, "; ".join(row.places), row.counts.tenants,
        row.counts.environments, row.counts.production, "; ".join(row.held.environments), row.last_decision,
        version.next_review_on, edition.number if edition else "", edition.sha256 if edition else "",
        "; ".join(row.gaps), "; ".join(each.words for each in row.risk.maps),
    )  # fmt: skip
