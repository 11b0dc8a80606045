"""What is told to a tenant's programs, written in the transaction of what happened: neither exists without the other.

Every verb writes the audit in its own transaction (`audit.record`), so the audit's entries of a tenant are what is
told: whoever adds a verb to `events` needs nothing else.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from audit.models import Entry
from audit.sentences import kind_in_words, sentence
from notices.webhooks.events import EVENTS, TEST
from notices.webhooks.tables import Delivery, Endpoint, Event
from tenants.models import User
from tenants.scope import everything


@everything("events of a tenant are written by whoever brings them about")
def write_event(entry: Entry) -> None:
    """Write `entry` for every address of its tenant that wants to hear of it."""
    if not entry.tenant or entry.verb not in EVENTS:
        return
    of_tenant = Q(tenant__slug=entry.tenant)
    if entry.subject_kind == "tenant":  # its short name may just have changed
        of_tenant |= Q(tenant=entry.subject_id)
    endpoints = list(Endpoint.objects.filter(of_tenant, events__contains=[entry.verb], switched_off_at=None))
    if endpoints:
        event = Event(tenant_id=endpoints[0].tenant_id, kind=entry.verb, at=entry.at, told=_told(entry))
        event.save(force_insert=True)
        Delivery.objects.bulk_create(Delivery(tenant_id=e.tenant_id, endpoint=e, event=event) for e in endpoints)


def write_test(endpoint: Endpoint, by: User) -> Delivery:
    """An event that says that it is a test, for one address alone."""
    told = {"sentence": f"{by} tests this webhook.", "who": {"kind": "user", "label": str(by)}}
    event = Event.objects.create(tenant_id=endpoint.tenant_id, kind=TEST, told=told)
    return Delivery.objects.create(tenant_id=endpoint.tenant_id, endpoint=endpoint, event=event)


def body_of(event: Event) -> dict[str, Any]:
    """The body as it is sent, whenever it is sent. `event` is read with its tenant."""
    return {
        "id": message_id(event),
        "kind": event.kind,
        "tenant": event.tenant.slug,
        "time": event.at.isoformat(),
        "data": event.told,
    }


def message_id(event: Event) -> str:
    """What a receiver knows a message by; the same at every try and replay."""
    return f"msg_{event.pk.hex}"


def _told(entry: Entry) -> dict[str, Any]:
    """The entry as the tenant's own audit shows it; facts of the audit hold no secrets."""
    subject = {
        "kind": kind_in_words(entry.subject_kind), "id": entry.subject_id, "label": entry.subject_label
    }  # fmt: skip
    return {
        "sentence": f"{entry.actor_label} {sentence(entry.verb)} {entry.subject_label}".strip(),
        "who": {"kind": entry.actor_kind, "label": entry.actor_label},
        "subject": subject,
        "facts": entry.facts,
    }
