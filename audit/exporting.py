"""Data that leaves as a file leaves a trace: who took what, with which filters."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest

from audit.record import record


def exported(request: HttpRequest, what: str, *, tenant: str = "", form: str = "CSV") -> None:
    """Write `export.taken` for a file of `what` ("calls", "usage", …) asked for with the filters of the address."""
    person: Any = request.user
    filters = {name: ", ".join(request.GET.getlist(name))[:200] for name in list(request.GET)[:30]}
    with transaction.atomic():
        record(
            "export.taken", by=person, subject_kind="export", subject_id=what, subject_label=f"{form} of {what}",
            tenant=tenant, path=request.path, filters=filters,
        )  # fmt: skip
