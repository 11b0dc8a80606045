"""The pages of the audit, for those who may search it: the list, one entry with its neighbours, and verifying."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from itertools import chain
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from audit import verifications
from audit.exporting import exported
from audit.hashing import COLUMNS, entry_hash
from audit.models import DayHead, Entry, Verification
from audit.search import Asked, SearchNotUnderstood, asked_of, find, verbs
from audit.sentences import sentence
from refusals.errors import Forbidden, Missing
from ui.exporting import csv_response
from ui.keyset import batches, is_oldest_first, page_of

CHIPS = {"q": "Search", "verb": "What", "subject": "About", "since": "From", "until": "To"}  # others by their name
PERMISSION = "audit.search_entry"


def require_searcher(viewer: Any) -> None:
    """Raise `Forbidden` unless `viewer` may search the audit."""
    if not viewer.has_perm(PERMISSION):
        raise Forbidden(
            "The audit is searched by auditors and the platform team. Somebody of the platform team can appoint you. "
            "What was done in a tenant of yours is shown on the tenant's own page.",
            permission=PERMISSION,
        )


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """`/platform/audit/`."""
    require_searcher(request.user)
    asked, problem = _asked(request)
    context = {
        "asked": asked,
        "problem": problem,
        "page": page_of(find(asked), request.GET, moment="at"),
        "chips": [(_chip(name, value), _without(request, name)) for name, value in asked.in_force.items()],
        "verbs": [(verb, sentence(verb)) for verb in verbs()],
        "latest": Verification.objects.first(),
    }
    return render(request, "audit/search.html", context)


@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The entries that fit as CSV, with their hashes, so that a file can be checked against the chain."""
    require_searcher(request.user)
    exported(request, "audit")
    rows = find(asked_of(request.GET))
    return csv_response("audit.csv", [*COLUMNS, "hash"], _rows(rows, oldest_first=is_oldest_first(request.GET)))


@require_GET
def entry(request: HttpRequest, day: str, sequence: int) -> HttpResponse:
    """`/platform/audit/<day>/<sequence>/`: everything an entry says and how it hangs in its chain."""
    require_searcher(request.user)
    found = Entry.objects.filter(day=_day(day), sequence=sequence).first()
    if found is None:
        raise Missing(f"There is no entry {sequence} of {day}.")
    around = Entry.objects.filter(Q(day=found.day, sequence__in=[sequence - 1, sequence + 1]))
    beside = {other.sequence: other for other in around}
    context = {
        "entry": found,
        "facts": json.dumps(found.facts, indent=2, ensure_ascii=False, sort_keys=True) if found.facts else "",
        "is_whole": entry_hash(found) == found.hash,
        "before": beside.get(sequence - 1) or _last_before(found),
        "after": beside.get(sequence + 1)
        or Entry.objects.filter(day__gt=found.day).order_by("day", "sequence").first(),
        "head": DayHead.objects.filter(day=found.day).first(),
    }
    return render(request, "audit/entry.html", context)


@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """Ask a worker to verify the whole audit and lead to where it can be watched."""
    require_searcher(request.user)
    return redirect("audit:verification", pk=verifications.start(by=request.user).pk)


@require_GET
def verification(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far a verification is, then what it found."""
    require_searcher(request.user)
    template = "audit/verification.html#result" if request.headers.get("HX-Request") else "audit/verification.html"
    return render(request, template, {"verification": _verification(pk)})


@require_POST
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Stop a verification."""
    require_searcher(request.user)
    verifications.cancel(verification=_verification(pk), by=request.user)
    return redirect("audit:verification", pk=pk)


def _verification(pk: UUID) -> Verification:
    found = Verification.objects.filter(pk=pk).first()
    if found is None:
        raise Missing("There is no such verification.")
    return found


def _asked(request: HttpRequest) -> tuple[Asked, str]:
    try:
        return asked_of(request.GET), ""
    except SearchNotUnderstood as refusal:
        left = request.GET.copy()
        left.pop(refusal.field, None)
        return asked_of(left), refusal.sentence


def _chip(name: str, value: str) -> str:
    """A filter in force, in words."""
    shown = sentence(value) if name == "verb" and not value.endswith(".") else value
    return f"{CHIPS.get(name, name.capitalize())}: {shown}"


def _without(request: HttpRequest, name: str) -> str:
    left = request.GET.copy()
    for gone in (name, "before", "after"):
        left.pop(gone, None)
    return f"?{left.urlencode()}"


def _last_before(entry: Entry) -> Entry | None:
    return (
        Entry.objects.filter(day__lt=entry.day).order_by("-day", "-sequence").first() if entry.sequence == 1 else None
    )


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise Missing(f"There is no day “{text}”.") from error


def _rows(rows: QuerySet[Entry], *, oldest_first: bool) -> Iterator[list[Any]]:
    for found in chain.from_iterable(batches(rows, moment="at", oldest_first=oldest_first)):
        values = {name: getattr(found, name) for name in [*COLUMNS, "hash"]}
        values["facts"] = json.dumps(found.facts, ensure_ascii=False, sort_keys=True)
        yield list(values.values())
