"""Mails of a list: one that cannot be sent holds up no other, and a server that is away loses none."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from pytest_django import Settings

from tenants import invitation_sending, invite_many
from tenants.arrivals import Invitation, InvitationBatch
from tests.cast import Cast

LINES = [f"p{number}@example.test,viewer\n" for number in range(3)]


class Choosy(EmailBackend):
    """A mail server that cannot take what is for p1."""

    def send_messages(self, messages: Any) -> int:
        if messages[0].to == ["p1@example.test"]:
            raise UnicodeEncodeError("ascii", "p1", 0, 1, "no such letter")
        return int(super().send_messages(messages))


class Away(EmailBackend):
    def open(self) -> bool:
        raise ConnectionRefusedError


@pytest.fixture
def batch(cast: Cast) -> InvitationBatch:
    planned = invite_many.plan(tenant=cast.acme, lines=LINES, by=cast.olivia)
    assert not invite_many.go_on(planned.pk)
    made = invite_many.confirm(batch=planned, by=cast.olivia)
    assert invite_many.go_on(made.pk)
    return made


def through(settings: Settings, backend: type[EmailBackend]) -> None:
    settings.MAILERS = {"default": {"BACKEND": f"{__name__}.{backend.__name__}"}}


def test_it_works(batch: InvitationBatch) -> None:
    assert not invite_many.go_on(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.done, batch.undelivered) == ("done", 3, 0)
    assert sorted(message.to[0] for message in mail.outbox) == [f"p{number}@example.test" for number in range(3)]


def test_a_mail_that_cannot_be_sent_is_noted_and_holds_up_no_other(batch: InvitationBatch, settings: Settings) -> None:
    through(settings, Choosy)
    invite_many.go_on(batch.pk)
    invite_many.go_on(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.done, batch.undelivered) == ("done", 3, 1)
    assert Invitation.objects.get(email="p1@example.test").undelivered == "UnicodeEncodeError"
    assert sorted(message.to[0] for message in mail.outbox) == ["p0@example.test", "p2@example.test"]


def test_a_server_that_is_away_loses_none(batch: InvitationBatch, settings: Settings) -> None:
    before = settings.MAILERS
    through(settings, Away)
    assert not invite_many.go_on(batch.pk)  # the beat tries again
    settings.MAILERS = before
    invite_many.go_on(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.done) == ("done", 3) and len(mail.outbox) == 3


def test_what_was_not_sent_when_a_list_was_cancelled_is_withdrawn(cast: Cast, batch: InvitationBatch) -> None:
    claimed = invitation_sending._claim(invitation_sending.unsent(batch.pk))
    invite_many.cancel(batch=batch, by=cast.olivia)
    invitation_sending._give_back({invitation.pk for invitation, _ in claimed})
    assert {invitation.state for invitation in Invitation.objects.all()} == {"withdrawn"}
