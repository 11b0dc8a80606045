"""Mails of a list: one that cannot be sent holds up no other, and a server that is away loses none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from celery import current_app
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tenants import invitation_sending, invite_many
from tenants.archiving import archive_tenant, restore_tenant
from tenants.arrivals import Invitation, InvitationBatch
from tenants.invite import invite, resend
from tenants.tasks import resume_invitations
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


class Overtaken(EmailBackend):
    """A mail server that thinks so long before it refuses a mail that the invitation is sent again meanwhile."""

    why: Exception = ValueError("no")

    def send_messages(self, messages: Any) -> int:
        a_minute_later()
        invitation = Invitation.objects.get(email=messages[0].to[0])
        assert invitation.created_by is not None
        resend(invitation=invitation, by=invitation.created_by)
        raise self.why


class OvertakenAndAway(Overtaken):
    why = TimeoutError()


@pytest.fixture
def batch(cast: Cast) -> InvitationBatch:
    planned = invite_many.plan(tenant=cast.acme, lines=LINES, by=cast.olivia)
    assert not invite_many.go_on(planned.pk)
    made = invite_many.confirm(batch=planned, by=cast.olivia)
    assert invite_many.go_on(made.pk)
    return made


@pytest.fixture
def resumed(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """What the beat lets a worker do, with the tasks that it asks for."""
    monkeypatch.setitem(current_app.conf, "task_always_eager", True)

    def resume() -> None:
        with django_capture_on_commit_callbacks(execute=True):
            resume_invitations()

    return resume


def a_minute_later() -> None:
    """Whoever has a mail in hand had it long ago."""
    Invitation.objects.update(last_sent_at=timezone.now() - dt.timedelta(minutes=2))


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
    claimed = invitation_sending._claim(invitation_sending.due().filter(batch=batch))
    invite_many.cancel(batch=batch, by=cast.olivia)
    invitation_sending._give_back([invitation for invitation, _ in claimed])
    assert {invitation.state for invitation in Invitation.objects.all()} == {"withdrawn"}


def test_a_stopped_list_whose_sender_was_killed_leaves_nobody_invited_without_a_link(
    cast: Cast, batch: InvitationBatch, resumed: Callable[[], None]
) -> None:
    invitation_sending._claim(invitation_sending.due().filter(batch=batch))  # and is killed
    invite_many.cancel(batch=batch, by=cast.olivia)
    resumed()
    assert {invitation.state for invitation in Invitation.objects.all()} == {"invited"}, "they may be on their way"
    a_minute_later()
    resumed()
    assert {invitation.state for invitation in Invitation.objects.all()} == {"withdrawn"} and not mail.outbox


@pytest.mark.parametrize("ending", ["done", "cancelled"])
def test_who_of_a_list_that_is_over_is_sent_a_further_mail_gets_it(
    cast: Cast, batch: InvitationBatch, resumed: Callable[[], None], monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(invitation_sending, "SLICE", 3 if ending == "done" else 1)
    invite_many.go_on(batch.pk)
    invite_many.cancel(batch=batch, by=cast.olivia)
    resumed()
    batch.refresh_from_db()
    assert batch.state == ending and len(mail.outbox) == (3 if ending == "done" else 1)
    a_minute_later()
    (address,) = mail.outbox[0].to
    resend(invitation=Invitation.objects.get(email=address), by=cast.olivia)  # its process dies
    mail.outbox.clear()
    a_minute_later()
    resumed()
    resumed()
    assert [message.to for message in mail.outbox] == [[address]]
    row = Invitation.objects.get(email=address)
    assert (row.state, row.sent_count, row.mail_due) == ("invited", 2, False)


def test_the_mails_of_an_archived_tenant_wait_until_it_is_restored(
    cast: Cast, batch: InvitationBatch, resumed: Callable[[], None]
) -> None:
    invite(tenant=cast.acme, email="alone@example.test", role="viewer", by=cast.olivia)  # its process dies
    a_minute_later()
    archive_tenant(tenant=cast.acme, by=cast.olivia)
    assert not invite_many.go_on(batch.pk), "nobody works at what cannot be gone on with"
    resumed()
    batch.refresh_from_db()
    assert (batch.state, batch.done) == ("running", 0) and not mail.outbox
    restore_tenant(tenant=cast.acme, by=cast.olivia)
    resumed()
    batch.refresh_from_db()
    assert (batch.state, batch.done) == ("done", 3) and len(mail.outbox) == 4


def test_what_became_of_a_slow_mail_is_not_written_over_a_newer_one(batch: InvitationBatch, settings: Settings) -> None:
    for backend, in_hand in ((Overtaken, 3), (OvertakenAndAway, 1)):
        through(settings, backend)
        a_minute_later()
        invite_many.go_on(batch.pk)
        rows = Invitation.objects.values_list("mail_due", "sent_count", "undelivered")
        assert set(rows) == {(True, 0, "")}, "the newer mails have yet to leave"
        assert Invitation.objects.exclude(last_sent_at=None).count() == in_hand, "their own process has them in hand"
