"""Deliver what waits: one at a time for each address, tried again with growing pauses, given up after days.

Delivery is at least once, by the same `webhook-id`: a worker that dies while it waits for an answer leaves an attempt
without an end, and the next one sends again. Nobody else delivers to an address while one is at work on it.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from audit.record import SYSTEM, record
from notices.webhooks import endpoints, sending
from notices.webhooks.outbox import body_of, message_id, write_test
from notices.webhooks.signing import signature
from notices.webhooks.tables import Attempt, Delivery, Endpoint, Event
from refusals.errors import Conflict
from tenants.models import User
from tenants.notifications import notify
from tenants.scope import everything, only
from tenants.scoping import members_who_may

State = Delivery.State
BUSY_S = 60  # longer than a slice with its last request; after it a dead worker's address is taken up
SLICE_S = 25
PAUSES = tuple(
    dt.timedelta(**{unit: amount})
    for amount, unit in (
        (10, "seconds"), (1, "minutes"), (5, "minutes"), (30, "minutes"), (2, "hours"), (8, "hours"), (24, "hours")
    )
)  # fmt: skip
LONGEST_PAUSE = dt.timedelta(hours=24)  # whatever an answer asks for
GIVEN_UP_AFTER = dt.timedelta(days=3)
GONE = 410
KEPT_FOR = dt.timedelta(days=30)


class SwitchedOff(Conflict):
    code = "webhook_switched_off"
    title = "This webhook is switched off"


@everything("addresses of every tenant are looked through")
def waiting() -> list[str]:
    """The keys of addresses that something waits for and nobody delivers to."""
    now = timezone.now()
    due = Delivery.objects.filter(_free("endpoint__"), state=State.PENDING, due_at__lte=now)
    return [str(key) for key in due.order_by().values_list("endpoint", flat=True).distinct()]


@everything("whose address it is is looked up")
def deliver(key: str) -> int:
    """Deliver what waits for the address, while there is time and it takes what it is sent; how many it took."""
    endpoint = _occupy(UUID(key))
    if endpoint is None:
        return 0
    until, taken = time.monotonic() + SLICE_S, 0
    with only(endpoint.tenant, because="events of one tenant are delivered"):
        try:
            while time.monotonic() < until and (delivery := _next(endpoint)) and _try(endpoint, delivery):
                taken += 1
        finally:
            Endpoint.objects.filter(pk=endpoint.pk).update(busy_until=None)
    return taken


@transaction.atomic
def test(*, endpoint: Endpoint, by: User) -> Delivery:
    """Send an event that says that it is a test. Raises `SwitchedOff`."""
    made = write_test(_listening(endpoint), by)
    record("webhook.tested", by=by, subject=endpoint, tenant=endpoint.tenant.slug)
    _soon(endpoint)
    return made


@transaction.atomic
def replay(*, delivery: Delivery, by: User) -> Delivery:
    """Send the same event again under the same id, whatever became of it. Raises `SwitchedOff`."""
    endpoint = _listening(delivery.endpoint)
    locked = Delivery.objects.select_for_update(of=("self",), no_key=True).select_related("event").get(pk=delivery.pk)
    locked.state, locked.due_at, locked.tries, locked.finished_at = State.PENDING, timezone.now(), 0, None
    locked.save(update_fields=["state", "due_at", "tries", "finished_at"])
    record(
        "webhook.replayed", by=by, subject=endpoint, tenant=endpoint.tenant.slug, event=message_id(locked.event),
        kind=locked.event.kind,
    )  # fmt: skip
    _soon(endpoint)
    return locked


@everything("events of every tenant are cleared away")
def forget() -> int:
    """Forget deliveries that ended long ago, and events that none is left of."""
    long_ago = timezone.now() - KEPT_FOR
    over = ~Q(state=State.PENDING) | ~Q(endpoint__switched_off_at=None)
    gone = Delivery.objects.filter(over, due_at__lt=long_ago).delete()[0]
    return gone + Event.objects.filter(at__lt=long_ago, deliveries=None).delete()[0]


def _free(path: str = "") -> Q:
    """The condition that an address is to be delivered to, and nobody does."""
    at_rest = Q(**{f"{path}busy_until": None}) | Q(**{f"{path}busy_until__lt": timezone.now()})
    return at_rest & Q(**{f"{path}switched_off_at": None})


def _occupy(key: UUID) -> Endpoint | None:
    """The address, for us alone; None where it is switched off, gone, or somebody is at work on it."""
    busy = timezone.now() + dt.timedelta(seconds=BUSY_S)
    if not Endpoint.objects.filter(_free(), pk=key).update(busy_until=busy):
        return None
    return Endpoint.objects.select_related("tenant").filter(pk=key).first()


def _next(endpoint: Endpoint) -> Delivery | None:
    due = Delivery.objects.filter(endpoint=endpoint, state=State.PENDING, due_at__lte=timezone.now())
    return due.select_related("event__tenant").order_by("due_at", "pk").first()


def _try(endpoint: Endpoint, delivery: Delivery) -> bool:
    """Send once; whether it was taken. That it was begun is written before, how it ended after."""
    if not Endpoint.objects.filter(pk=endpoint.pk, switched_off_at=None).exists():
        return False  # meanwhile
    with transaction.atomic():
        attempt = Attempt.objects.create(delivery=delivery)
        Delivery.objects.filter(pk=delivery.pk).update(tries=F("tries") + 1)
    body = json.dumps(body_of(delivery.event), separators=(",", ":"), ensure_ascii=False).encode()
    name, now = message_id(delivery.event), int(timezone.now().timestamp())
    signed = [signature(secret, message_id=name, timestamp=now, body=body) for secret in endpoints.secrets_of(endpoint)]
    answer = sending.send(
        endpoint.url,
        body,
        {
            "content-type": "application/json",
            "user-agent": "Atrium",
            "webhook-id": name,
            "webhook-timestamp": str(now),
            "webhook-signature": " ".join(signed),
        },
    )
    with transaction.atomic():
        Attempt.objects.filter(pk=attempt.pk).update(
            duration_ms=answer.duration_ms, status=answer.status, answer=answer.excerpt, error=answer.error
        )
        _note(endpoint, delivery.tries + 1, delivery, answer)
    return answer.is_taken


def _note(endpoint: Endpoint, tries: int, delivery: Delivery, answer: sending.Answer) -> None:
    now = timezone.now()
    rows = Delivery.objects.filter(pk=delivery.pk)
    kept = Endpoint.objects.select_for_update(no_key=True).filter(pk=endpoint.pk).first()
    if kept is None:  # removed meanwhile, with its deliveries
        return
    if answer.is_taken:
        rows.update(state=State.DELIVERED, finished_at=now)
        if kept.failing_since:
            Endpoint.objects.filter(pk=kept.pk).update(failing_since=None)
        return
    if tries > len(PAUSES):
        rows.update(state=State.FAILED, finished_at=now)
    else:
        asked = min(answer.retry_after or dt.timedelta(), LONGEST_PAUSE)
        rows.update(due_at=now + max(PAUSES[tries - 1], asked))
    since = kept.failing_since or now
    Endpoint.objects.filter(pk=kept.pk).update(failing_since=since)
    if answer.status == GONE:
        _give_up(endpoint, "It answered 410: nobody listens there any more.")
    elif now - since >= GIVEN_UP_AFTER:
        _give_up(endpoint, f"It took nothing for {GIVEN_UP_AFTER.days} days.")


def _give_up(endpoint: Endpoint, why: str) -> None:
    endpoints.switch_off(endpoint=endpoint, by=SYSTEM, because=why)
    tenant = endpoint.tenant
    notify(
        members_who_may("tenants.manage_tenant", tenant),
        kind="webhooks",
        title=f"The webhook “{endpoint}” is switched off",
        body=f"{why} What waited for it is kept for {KEPT_FOR.days} days: mend it and switch it on again.",
        path=f"/tenants/{tenant.slug}/webhooks/{endpoint.pk}/",
        tenant=tenant,
    )


def _listening(endpoint: Endpoint) -> Endpoint:
    locked = endpoints.lock(endpoint)
    if locked.switched_off_at is not None:
        raise SwitchedOff("Nothing is sent to a webhook that is switched off. Switch it on first.")
    return locked


def _soon(endpoint: Endpoint) -> None:
    from notices.tasks import deliver as task  # tasks need this module

    transaction.on_commit(lambda: task.delay(str(endpoint.pk)), robust=True)
