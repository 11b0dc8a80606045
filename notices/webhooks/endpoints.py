"""Add an address that hears of events, change it, give it a new secret, switch it off and on, remove it.

Who may (`tenants.manage_tenant`) is asked before. A secret is returned once and kept encrypted, as what signs must be
read again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.record import record
from notices.webhooks.addresses import check_url
from notices.webhooks.events import EVENTS
from notices.webhooks.signing import new_secret
from notices.webhooks.tables import Delivery, Endpoint
from refusals.errors import Conflict, Invalid
from tenants.archiving import refuse_archived
from tenants.credentials import decrypt, encrypt, rotated
from tenants.models import Tenant
from tenants.scope import everything

MOST = 20  # of a tenant
OVERLAP = dt.timedelta(hours=24)


class EventsNotAcceptable(Invalid):
    code = "events_not_acceptable"


class WebhookThereAlready(Conflict):
    code = "webhook_there_already"
    title = "This address is there already"


class TooManyWebhooks(Conflict):
    code = "too_many_webhooks"
    title = "There are too many webhooks"


@transaction.atomic
def add(*, tenant: Tenant, url: str, events: Iterable[str], by: Any, description: str = "") -> tuple[Endpoint, str]:
    """A new address of `tenant` and its secret, which is shown this once.

    Raises `UrlNotAcceptable`, `EventsNotAcceptable`, `WebhookThereAlready`, `TooManyWebhooks`, `TenantArchived`.
    """
    locked = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    refuse_archived(locked)
    url, wanted = check_url(url), _known(events)
    there = Endpoint.objects.filter(tenant=locked)
    if there.filter(url=url).exists():
        raise _there(url)
    if there.count() >= MOST:
        raise TooManyWebhooks(f"{tenant} has {MOST} webhooks, as many as there may be. Remove one first.")
    secret = new_secret()
    made = Endpoint.objects.create(
        tenant=locked, url=url, events=wanted, description=_clean(description), secret=encrypt(secret),
        created_by=by if getattr(by, "pk", None) else None,
    )  # fmt: skip
    record("webhook.added", by=by, subject=made, tenant=locked.slug, url=url, events=wanted)
    return made, secret


@transaction.atomic
def change(
    *, endpoint: Endpoint, by: Any, url: str | None = None, events: Iterable[str] | None = None,
    description: str | None = None,
) -> Endpoint:  # fmt: skip
    """Change what is given of `endpoint`. Raises as `add` does."""
    locked = lock(endpoint)
    before = {"url": locked.url, "events": locked.events, "description": locked.description}
    if url is not None:
        locked.url = check_url(url)
        if Endpoint.objects.filter(tenant=locked.tenant_id, url=locked.url).exclude(pk=locked.pk).exists():
            raise _there(locked.url)
    if events is not None:
        locked.events = _known(events)
    if description is not None:
        locked.description = _clean(description)
    after = {"url": locked.url, "events": locked.events, "description": locked.description}
    changed: dict[str, Any] = {
        name: {"before": before[name], "after": value} for name, value in after.items() if before[name] != value
    }
    if changed:
        locked.save(update_fields=list(changed))
        record("webhook.changed", by=by, subject=locked, tenant=locked.tenant.slug, **changed)
    return locked


@transaction.atomic
def rotate(*, endpoint: Endpoint, by: Any) -> tuple[Endpoint, str]:
    """A new secret, shown this once. The one before signs beside it for `OVERLAP`, one before that no more."""
    locked, secret = lock(endpoint), new_secret()
    locked.earlier_secret, locked.earlier_until = bytes(locked.secret), timezone.now() + OVERLAP
    locked.secret = encrypt(secret)
    locked.save(update_fields=["secret", "earlier_secret", "earlier_until"])
    record("webhook.secret_replaced", by=by, subject=locked, tenant=locked.tenant.slug)
    return locked, secret


@transaction.atomic
def switch_off(*, endpoint: Endpoint, by: Any, because: str = "") -> Endpoint:
    """Nothing is sent to `endpoint` any more, and nothing new is kept for it; a second time changes nothing."""
    locked = lock(endpoint, even_archived=True)
    if locked.switched_off_at is None:
        locked.switched_off_at, locked.switched_off_because = timezone.now(), because[:200]
        locked.save(update_fields=["switched_off_at", "switched_off_because"])
        record("webhook.switched_off", by=by, subject=locked, tenant=locked.tenant.slug, because=because)
    return locked


@transaction.atomic
def switch_on(*, endpoint: Endpoint, by: Any) -> Endpoint:
    """Send to `endpoint` again, what waits first; a second time changes nothing."""
    locked = lock(endpoint)
    if locked.switched_off_at is not None:
        locked.switched_off_at, locked.switched_off_because, locked.failing_since = None, "", None
        locked.save(update_fields=["switched_off_at", "switched_off_because", "failing_since"])
        Delivery.objects.filter(endpoint=locked, state="pending").update(due_at=timezone.now())
        record("webhook.switched_on", by=by, subject=locked, tenant=locked.tenant.slug)
    return locked


@transaction.atomic
def remove(*, endpoint: Endpoint, by: Any) -> None:
    """Remove `endpoint` with the log of its deliveries."""
    locked = lock(endpoint, even_archived=True)
    record("webhook.removed", by=by, subject=locked, tenant=locked.tenant.slug, url=locked.url)
    locked.delete()


def secrets_of(endpoint: Endpoint) -> list[str]:
    """What signs for `endpoint` now, the newest first."""
    kept = [endpoint.secret]
    if endpoint.has_earlier_secret and endpoint.earlier_secret is not None:
        kept.append(endpoint.earlier_secret)
    return [decrypt(bytes(token)) for token in kept]


@everything("secrets of every tenant are kept under a newer key")
@transaction.atomic
def encrypt_again(*, by: Any) -> int:
    """Encrypt every secret again with the newest of `ATRIUM_CREDENTIAL_KEYS`; of how many webhooks."""
    rows = list(Endpoint.objects.select_for_update(no_key=True))
    for endpoint in rows:
        earlier = endpoint.earlier_secret
        endpoint.secret = rotated(bytes(endpoint.secret))
        endpoint.earlier_secret = rotated(bytes(earlier)) if earlier and endpoint.has_earlier_secret else None
        endpoint.save(update_fields=["secret", "earlier_secret"])
    if rows:
        record("webhook.secrets_rotated", by=by, subject_kind="webhook", subject_label="every webhook", count=len(rows))
    return len(rows)


def lock(endpoint: Endpoint, *, even_archived: bool = False) -> Endpoint:
    rows = Endpoint.objects.select_for_update(of=("self",), no_key=True).select_related("tenant")
    locked = rows.get(pk=endpoint.pk)
    if not even_archived:
        refuse_archived(locked.tenant)
    return locked


def _known(events: Iterable[str]) -> list[str]:
    wanted = sorted(set(events))
    unknown = [event for event in wanted if event not in EVENTS]
    if unknown or not wanted:
        told = f"There is no event “{unknown[0][:40]}”." if unknown else "Choose at least one event."
        raise EventsNotAcceptable(f"{told} Known are {', '.join(EVENTS)}." if unknown else told, field="events")
    return wanted


def _clean(text: str) -> str:
    return " ".join(text.replace("\x00", "").split())[:120]


def _there(url: str) -> WebhookThereAlready:
    return WebhookThereAlready(f"Events are sent to {url} already. Change that webhook instead.", field="url")
