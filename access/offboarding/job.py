"""Go on with a leaving: pack the archive, wait, erase part by part, and write the certificate; each step once, whatever
process dies in between."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from access.offboarding.beginning import ask
from access.offboarding.erasing import STAYING, Part, parts
from access.offboarding.exporting import pack
from access.offboarding.tables import Offboarding
from audit.record import SYSTEM, record
from refusals.errors import Conflict
from tenants.changes import announce
from tenants.notifications import notify
from tenants.scope import everything
from tenants.scoping import people_above_who_may

State = Offboarding.State
SILENT_AFTER = dt.timedelta(seconds=60)
AUDIT = "the audit of what was done is chained and cannot be changed"


class NothingStopped(Conflict):
    code = "not_failed"
    title = "There is nothing to try again"


@everything("a tenant that leaves is packed or erased")
def run(pk: Any) -> Offboarding | None:
    """Do what is to be done now. What stops it is written down and told; mistakes are raised too."""
    found: Offboarding | None = Offboarding.objects.filter(pk=pk).first()
    while found is not None and found.state in (State.EXPORTING, State.ERASING):
        try:
            found = _next_step(found)
        except Exception as error:
            _failed(found, f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")
            raise
    return found


@transaction.atomic
def _next_step(offboarding: Offboarding) -> Offboarding:
    kept = _locked(offboarding)
    if kept.state == State.EXPORTING:
        rows = pack(kept)
        kept.state, kept.heard_at = State.WAITING, timezone.now()
        kept.save()
        record("tenant.packed", by=SYSTEM, subject=kept.tenant, tenant=kept.slug, sha256=kept.export_sha256,
               rows=sum(rows.values()))  # fmt: skip
        _tell(kept, f"The archive of {kept.name} is ready", f"Until {kept.erase_after:%-d %B %Y} it can be taken.")
        return kept
    if kept.state != State.ERASING:
        return kept
    done = {line["part"] for line in kept.progress}
    part: Part | None = next((part for part in parts() if part.slug not in done), None)
    if part is None:
        return _erased(kept)
    count = part.do(kept)
    kept.progress = [*kept.progress, {"part": part.slug, "title": part.title, "rows": count,
                                      "at": timezone.now().isoformat()}]  # fmt: skip
    kept.heard_at = timezone.now()
    kept.save(update_fields=["progress", "heard_at"])
    return kept


@everything("tenants whose time is over are looked for")
def due() -> int:
    """Begin to erase those whose time has come, and go on with what nobody has worked on for a while; how many."""
    now = timezone.now()
    for found in Offboarding.objects.filter(state=State.WAITING, erase_after__lte=now):
        with transaction.atomic():
            kept = _locked(found)
            if kept.state == State.WAITING:
                kept.state, kept.heard_at = State.ERASING, None
                kept.save(update_fields=["state", "heard_at"])
                record("tenant.erasing", by=SYSTEM, subject=kept.tenant, tenant=kept.slug)
    silent = Q(heard_at=None) | Q(heard_at__lt=now - SILENT_AFTER)
    left = list(Offboarding.objects.filter(silent, state__in=(State.EXPORTING, State.ERASING)))
    for found in left:
        ask(found)
    return len(left)


@transaction.atomic
def retry(*, offboarding: Offboarding, by: Any) -> Offboarding:
    """Go on with what stopped. Raises `NothingStopped`."""
    kept = _locked(offboarding)
    if kept.state != State.FAILED:
        raise NothingStopped("It is under way or done.")
    kept.state = State.ERASING if kept.export_sha256 and timezone.now() >= kept.erase_after else State.EXPORTING
    kept.error, kept.heard_at = "", None
    kept.save(update_fields=["state", "error", "heard_at"])
    record("tenant.leaving_retried", by=by, subject=kept.tenant, tenant=kept.slug)
    ask(kept)
    return kept


def _kept() -> list[str]:
    """What stays, by the reason why."""
    named: dict[str, list[str]] = defaultdict(list)
    for label, why in STAYING.items():
        if label != "access.ExportPiece":
            named[why].append(str(apps.get_model(label)._meta.verbose_name_plural))
    return sorted(f"{', '.join(names)}: {why}" for why, names in named.items())


def _erased(kept: Offboarding) -> Offboarding:
    kept.state, kept.ended_at = State.ERASED, timezone.now()
    kept.certificate = {
        "tenant": kept.slug,
        "name": kept.name,
        "requested_at": kept.requested_at.isoformat(),
        "requested_by": str(kept.requested_by or "Atrium"),
        "reason": kept.reason,
        "archive_sha256": kept.export_sha256,
        "erased_at": kept.ended_at.isoformat(),
        "erased": [{"what": line["title"], "rows": line["rows"], "at": line["at"]} for line in kept.progress],
        "kept": [*_kept(), AUDIT],
    }
    kept.save()
    record("tenant.erased", by=SYSTEM, subject=kept, tenant=kept.slug, certificate=kept.certificate)
    notify(
        {kept.requested_by, *people_above_who_may("tenants.add_tenant")} - {None},  # type: ignore[arg-type]
        kind="tenant",
        title=f"{kept.name} is erased",
        body="The certificate says what went and what is kept.",
        path=kept.get_absolute_url(),
    )
    announce("tenant")
    return kept


@transaction.atomic
def _failed(offboarding: Offboarding, why: str) -> None:
    kept = _locked(offboarding)
    if kept.state in (State.EXPORTING, State.ERASING):
        kept.state, kept.error = State.FAILED, why[:300]
        kept.save(update_fields=["state", "error"])
        record("tenant.leaving_stopped", by=SYSTEM, subject=kept.tenant, tenant=kept.slug, error=kept.error)
        _tell(kept, f"The leaving of {kept.name} stopped", kept.error)


def _locked(offboarding: Offboarding) -> Offboarding:
    rows = Offboarding.objects.select_for_update(of=("self",)).select_related("tenant", "requested_by")
    return rows.get(pk=offboarding.pk)


def _tell(kept: Offboarding, title: str, body: str) -> None:
    people = {kept.requested_by, *people_above_who_may("tenants.add_tenant")} - {None}
    path = f"/tenants/{kept.slug}/offboarding/"
    notify(people, kind="tenant", title=title, body=body, path=path, tenant=kept.tenant)  # type: ignore[arg-type]
