"""Say which classes of data are sent to models from an environment. A call may say otherwise of itself
(`x-atrium-data-class`), within what its grant allows; deployments are chosen by it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from audit.record import record
from tenants.archiving import refuse_archived
from tenants.changes import announce
from tenants.data_classes import checked
from tenants.models import Environment
from tenants.seen import refuse_changed


def facts_of(environment: Environment) -> dict[str, Any]:
    """What is said of it now."""
    return {"data_classes": environment.data_classes}


@transaction.atomic
def state_data(
    *, environment: Environment, data_classes: Iterable[str], by: Any, seen: str | None = None
) -> Environment:
    """What is sent from `environment`; nothing: nobody says. `seen` is a mark of what was shown (`tenants.seen`).
    Raises `Invalid` and `ChangedMeanwhile`. Nothing is written when nothing changed."""
    rows = Environment.objects.select_for_update(of=("self",), no_key=True).select_related("tenant", "project")
    locked = rows.get(pk=environment.pk)
    refuse_archived(locked.tenant, locked.project)
    refuse_changed(seen, facts_of(locked), f"what is sent from {locked.path}")
    before, after = locked.data_classes, checked(data_classes)
    if after == before:
        return locked
    locked.data_classes = after
    locked.save(update_fields=["data_classes"])
    record(
        "environment.data_stated", by=by, subject=locked, tenant=locked.tenant.slug, environment=locked.path,
        before=before, after=after,
    )  # fmt: skip
    announce("tenant", locked.tenant_id)
    return locked
