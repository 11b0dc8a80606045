"""Send the letters that are due: each claimed first, noted after, so that two at work do not send one twice.

A worker that dies while it sends leaves a claim. Once that is older than `LEASE` the same mail goes out again under
the same Message-ID, by which mail servers and programs know it: nothing is lost, and nobody reads it twice.
"""

from __future__ import annotations

import datetime as dt
import logging
import smtplib
import socket
import time
import uuid
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.core.mail import mailers
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from notices.mail import letters
from notices.mail.choosing import how_of
from notices.mail.tables import Letter
from tenants.invitation_mail import mail_leaves
from tenants.models import User
from tenants.notice_kinds import DAILY, KINDS, NEVER
from tenants.own_addresses import addresses_of
from tenants.scope import everything
from tenants.scoping import may

log = logging.getLogger(__name__)

SLICE_S = 30  # then the next turn goes on
LEASE = dt.timedelta(minutes=2)  # longer than a mail takes; after it a dead worker's letters are taken up
TRIES = 8  # of a mail that the server does not take
WAIT = dt.timedelta(minutes=10)
MOST_IN_A_SUMMARY = 200
KEPT_FOR = dt.timedelta(days=90)
AWAY = (smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError, ConnectionError, TimeoutError, socket.gaierror)


@dataclass(frozen=True)
class Claimed:
    """Letters of one person that leave as one mail."""

    claim: uuid.UUID
    letters: list[Letter]

    @property
    def rows(self) -> Any:
        return Letter.objects.filter(claim=self.claim, pk__in=[letter.pk for letter in self.letters])


@everything("mails leave whoever's tenant they are about")
def send_due() -> int:
    """Send what is due, while there is time; how many mails left. A server that is away is tried again later."""
    if not mail_leaves():
        return 0
    until, sent, claimed = time.monotonic() + SLICE_S, 0, None
    try:
        with mailers.default as outbox:
            while time.monotonic() < until and (claimed := _claim()):
                sent += _send(claimed, outbox)
    except AWAY as error:
        log.warning("the mail server is away; letters wait", exc_info=error)
        if claimed:
            claimed.rows.update(claimed_at=None, tries=F("tries") - 1)
    return sent


@everything("letters of every tenant are cleared away")
def forget() -> int:
    """Forget letters that left or were dropped long ago."""
    long_ago = timezone.now() - KEPT_FOR
    return Letter.objects.filter(~Q(sent_at=None) | ~Q(dropped=""), due_at__lt=long_ago).delete()[0]


@transaction.atomic
def _claim() -> Claimed | None:
    """The letters of the next mail. What was claimed together before, and did not leave, is claimed together again."""
    now = timezone.now()
    waiting = Letter.objects.filter(sent_at=None, dropped="", due_at__lte=now)
    free = waiting.filter(Q(claimed_at=None) | Q(claimed_at__lt=now - LEASE))
    locking = free.select_for_update(of=("self",), skip_locked=True, no_key=True)
    first = locking.order_by("due_at", "pk").first()
    if first is None:
        return None
    if first.claim is not None:
        together = list(locking.filter(claim=first.claim).order_by("pk"))
    elif first.how == DAILY:
        together = list(locking.filter(user=first.user_id, how=DAILY, claim=None).order_by("pk")[:MOST_IN_A_SUMMARY])
    else:
        together = [first]
    claim = first.claim or uuid.uuid4()
    keys = [letter.pk for letter in together]
    Letter.objects.filter(pk__in=keys).update(claim=claim, claimed_at=now, tries=first.tries + 1)
    rows = Letter.objects.filter(pk__in=keys).select_related("notification__tenant", "user").order_by("pk")
    return Claimed(claim, list(rows))


def _send(claimed: Claimed, outbox: Any) -> int:
    user = claimed.letters[0].user
    address = address_for(user)
    leaving = [letter for letter in claimed.letters if not _dropped(letter, address)]
    if not leaving:
        return 0
    told = [letter.notification for letter in leaving]
    try:
        outbox.send_messages([letters.message(told, to=user, address=address, how=leaving[0].how, claim=claimed.claim)])
    except AWAY:
        raise
    except Exception as error:  # this one mail, whatever is wrong with it, must not hold up the others
        log.warning("a letter was not taken", exc_info=error)
        why = f"the mail server did not take it: {type(error).__name__}" if leaving[0].tries >= TRIES else ""
        claimed.rows.filter(dropped="").update(due_at=timezone.now() + WAIT, claimed_at=None, dropped=why)
        return 0
    claimed.rows.filter(dropped="").update(sent_at=timezone.now())
    return 1


def address_for(user: User) -> str:
    """The address of `user` that mails go to, "" where none is surely theirs, as in the demonstration."""
    if user.is_demonstration:
        return ""
    own = addresses_of(user)
    if user.email.lower() in own:
        return user.email
    primary = EmailAddress.objects.filter(user=user, verified=True).order_by("-primary", "pk").first()
    return primary.email if primary else ""


def _dropped(letter: Letter, address: str) -> bool:
    """Whether `letter` does not leave after all; why is noted on it."""
    why = _why_not(letter, address)
    if why:
        Letter.objects.filter(pk=letter.pk).update(dropped=why)
    return bool(why)


def _why_not(letter: Letter, address: str) -> str:
    user, told = letter.user, letter.notification
    if not user.is_active:
        return "the account is switched off"
    if user.is_demonstration:
        return "an account of the demonstration"
    if not address:
        return "no confirmed address"
    if told.tenant is not None and not may(user, "tenants.view_tenant", told.tenant):
        return "may not see the tenant any more"
    if letter.how == DAILY and told.read_at is not None:
        return "read before in the bell"
    kind = KINDS.get(told.kind)
    if kind is None or how_of([user], kind, told.tenant)[user.pk] == NEVER:
        return "not by e-mail, as chosen meanwhile"
    return ""
