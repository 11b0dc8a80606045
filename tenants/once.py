"""Let what must happen once happen once, however often it is sent: forms by their token, POSTs by their key.

The claim is a row written in the same transaction as what it stands for. A second sending waits for the first to end:
if that went through it finds the row, if it failed nothing is in its way. Only what reaches outside of the database
commits its claim before (`portal.api.once`); such a claim is under way until it is answered, lost, or `LONGEST` old.
"""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from refusals.errors import Conflict
from tenants.models import Sending, User

KEPT_FOR = dt.timedelta(hours=24)
LONGEST = dt.timedelta(minutes=15)  # longer than the slowest answer of a model; then who worked on it is gone
UNDER_WAY, LOST = 0, 500  # in the place of an answer's status


class SentAlready(Conflict):
    """The same form arrived before; what it asked for is done."""

    code = "sent_already"
    title = "This was sent already"


def new_token() -> str:
    """A token for a form that is about to be shown."""
    return str(uuid.uuid4())


def claim_form(*, user: User, token: str, path: str) -> Sending:
    """Claim a form's token inside the verb's transaction. Raises `SentAlready`."""
    _must_be_atomic()
    _forget_old(user)
    try:
        with transaction.atomic():
            return Sending.objects.create(user=user, key=f"form:{token[:100]}", operation=f"POST {path}"[:300])
    except IntegrityError as error:
        raise SentAlready("This form was sent already and is done. Nothing was done a second time.") from error


def try_lock(user: User, key: str) -> bool:
    """Whether nobody else is at work on the same key; held until the transaction ends."""
    _must_be_atomic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 1))", [f"{user.pk} {key}"])
        return bool(cursor.fetchone()[0])


def find(user: User, key: str) -> Sending | None:
    """What was sent under `key` before, within `KEPT_FOR`."""
    _forget_old(user)
    return Sending.objects.filter(user=user, key=key).first()


def lose(claim: Sending) -> None:
    """Note that who worked on `claim` ended without an answer."""
    Sending.objects.filter(pk=claim.pk).update(status=LOST)


def is_lost(sending: Sending) -> bool:
    """Whether nobody is left who could answer this claim."""
    return sending.status == LOST or (sending.status == UNDER_WAY and sending.created_at < timezone.now() - LONGEST)


def _forget_old(user: User) -> None:
    Sending.objects.filter(user=user, created_at__lt=timezone.now() - KEPT_FOR).delete()


def _must_be_atomic() -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a claim belongs inside the transaction of its deed")
