"""What is in the bell also comes by e-mail, as each person chose: at once, in a daily summary, or not."""

from __future__ import annotations

import datetime as dt
from typing import Any
from unittest import mock

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from audit.models import Entry
from notices.mail.sending import LEASE, send_due
from notices.mail.tables import Letter
from notices.mail.writing import next_digest
from tenants.memberships import remove_member
from tenants.models import Membership, Notification, User
from tenants.notifications import notify
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def choose(person: Any, **asked: Any) -> Any:
    return signed_in(person).patch("/api/mail-choices/", asked, "application/json")


def told(person: Any, kind: str = "keys", title: str = "A key has leaked", **more: Any) -> None:
    notify([person], kind=kind, title=title, path="/tenants/acme/keys/", **more)


def in_hours(hours: float) -> Any:
    return mock.patch("django.utils.timezone.now", return_value=timezone.now() + dt.timedelta(hours=hours))


def test_it_works(cast: Cast) -> None:
    told(cast.dev, body="It was seen in a chat.", tenant=cast.acme)
    assert send_due() == 1 and send_due() == 0
    [letter] = mail.outbox
    assert letter.to == ["dev@example.test"] and letter.subject == "A key has leaked"
    assert "It was seen in a chat." in letter.body and "/tenants/acme/keys/" in letter.body
    [(html, kind)] = letter.alternatives
    assert kind == "text/html" and '<html lang="en">' in html and "It was seen in a chat." in html
    assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert Notification.objects.get().read_at is None, "the bell rings whatever leaves"


def test_what_waits_for_nobody_comes_once_a_day_at_the_persons_hour(cast: Cast) -> None:
    User.objects.filter(pk=cast.dev.pk).update(time_zone="Asia/Tokyo")
    cast.dev.refresh_from_db()
    told(cast.dev, "membership", "Ned joined")
    told(cast.dev, "limits", "50 % is spent", tenant=cast.acme)
    assert send_due() == 0
    assert {letter.due_at.hour for letter in Letter.objects.all()} == {23}, "8:00 in Tokyo"
    with in_hours(25):
        assert send_due() == 1
    [letter] = mail.outbox
    assert letter.subject == "Your day in Atrium: 2 notifications"
    assert "Ned joined" in letter.body and "50 % is spent (Acme)" in letter.body


def test_what_was_read_in_the_bell_is_left_out_of_the_summary(cast: Cast) -> None:
    told(cast.dev, "membership", "Ned joined")
    told(cast.dev, "membership", "Rob joined")
    Notification.objects.filter(title="Ned joined").update(read_at=timezone.now())
    with in_hours(25):
        send_due()
    assert "Rob joined" in mail.outbox[0].body and "Ned joined" not in mail.outbox[0].body


def test_a_person_chooses_by_kind_and_by_tenant(cast: Cast) -> None:
    assert choose(cast.dev, choices={"keys": "never", "limits": "at-once"}).status_code == 200
    assert choose(cast.dev, tenant="acme", choices={"keys": "at-once"}).status_code == 200
    told(cast.dev, "keys", "Nowhere")
    told(cast.dev, "keys", "In Acme", tenant=cast.acme)
    told(cast.dev, "limits", "Spent", tenant=cast.acme)
    send_due()
    assert sorted(letter.subject for letter in mail.outbox) == ["In Acme", "Spent"]
    entry = Entry.objects.filter(verb="person.mail_chosen").order_by("pk").first()
    assert entry and entry.facts["changed"]["keys"] == {"before": "not chosen", "after": "never"}


def test_an_owner_sets_what_applies_to_who_has_not_chosen(cast: Cast) -> None:
    choose(cast.vera, choices={"limits": "at-once"})
    owner = signed_in(cast.olivia)
    answer = owner.patch("/api/mail-defaults/", {"tenant": "acme", "defaults": {"limits": "never"}}, "application/json")
    assert answer.status_code == 200
    notify([cast.dev, cast.vera], kind="limits", title="Spent", tenant=cast.acme)
    notify([cast.dev], kind="limits", title="Elsewhere")
    assert set(Letter.objects.values_list("user__username", "how", "notification__title")) == {
        ("vera", "at-once", "Spent"),
        ("dev", "daily", "Elsewhere"),
    }


def test_an_owner_cannot_silence_security_for_others(cast: Cast) -> None:
    answer = signed_in(cast.olivia).patch(
        "/api/mail-defaults/", {"tenant": "acme", "defaults": {"keys": "never"}}, "application/json"
    )
    assert answer.status_code == 422 and "security" in answer.json()["detail"]


def test_members_see_the_defaults_and_do_not_set_them(cast: Cast) -> None:
    client = signed_in(cast.dev)
    assert client.get("/api/mail-defaults/?tenant=acme").status_code == 200
    answer = client.patch("/api/mail-defaults/", {"tenant": "acme", "defaults": {}}, "application/json")
    assert answer.status_code == 403
    assert signed_in(cast.greta).get("/api/mail-defaults/?tenant=acme").status_code == 404


def test_an_account_of_the_demonstration_is_told_that_no_mail_leaves_to_it(cast: Cast) -> None:
    page = signed_in(cast.dev).get("/account/notifications/").content.decode()
    assert "They go to <strong>dev@example.test</strong>" in page
    User.objects.filter(pk=cast.dev.pk).update(is_demonstration=True)
    page = signed_in(cast.dev).get("/account/notifications/").content.decode()
    assert "No mail leaves to accounts of the demonstration" in page and "They go to" not in page
    assert choose(cast.dev).json()["address"] == ""


def test_a_kind_that_is_not_known_is_refused(cast: Cast) -> None:
    assert choose(cast.dev, choices={"kyes": "never"}).status_code == 422
    assert choose(cast.dev, choices={"keys": "sometimes"}).status_code in (400, 422)
    assert choose(cast.dev, tenant="globex", choices={"keys": "never"}).status_code == 404


def test_the_page_saves_the_same(cast: Cast) -> None:
    client = signed_in(cast.dev)
    assert "dev@example.test" in client.get("/account/notifications/").content.decode()
    assert client.post("/account/notifications/", {"keys": "daily", "hour": "17"}).status_code == 302
    standing = client.get("/api/mail-choices/").json()
    assert standing["hour"] == 17
    assert {kind["kind"]: kind["chosen"] for kind in standing["kinds"]}["keys"] == "daily"


@pytest.mark.parametrize("gone", ["off", "out", "unconfirmed", "never"])
def test_nothing_is_sent_to_who_must_not_hear_of_it(cast: Cast, gone: str) -> None:
    told(cast.dev, "keys", "Leaked", tenant=cast.acme)
    match gone:
        case "off":
            User.objects.filter(pk=cast.dev.pk).update(is_active=False)
        case "out":
            remove_member(membership=Membership.objects.get(user=cast.dev), by=cast.olivia)
        case "unconfirmed":
            User.objects.filter(pk=cast.dev.pk).update(email="")
            EmailAddress.objects.create(user=cast.dev, email="dev@example.test", verified=False)
        case "never":
            choose(cast.dev, choices={"keys": "never"})
    send_due()
    assert not mail.outbox
    assert Letter.objects.get(user=cast.dev, notification__title="Leaked").dropped


def test_where_no_mail_server_is_configured_nothing_piles_up(cast: Cast, settings: Settings) -> None:
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.console.EmailBackend"}}
    told(cast.dev)
    assert not Letter.objects.exists() and send_due() == 0
    assert "No mail leaves this installation" in signed_in(cast.dev).get("/account/notifications/").content.decode()


class Away(EmailBackend):
    def open(self) -> bool:
        raise ConnectionRefusedError

    def send_messages(self, messages: Any) -> int:
        raise ConnectionRefusedError


class Choosy(EmailBackend):
    """A mail server that does not take what is for Dev."""

    def send_messages(self, messages: Any) -> int:
        if messages[0].to == ["dev@example.test"]:
            raise ValueError("not for him")
        return int(super().send_messages(messages))


def test_a_mail_server_that_is_away_loses_nothing(cast: Cast, settings: Settings) -> None:
    before = settings.MAILERS
    told(cast.dev)
    settings.MAILERS = {"default": {"BACKEND": f"{__name__}.Away"}}
    assert send_due() == 0
    settings.MAILERS = before
    assert send_due() == 1 and len(mail.outbox) == 1


def test_a_mail_that_is_not_taken_holds_up_no_other(cast: Cast, settings: Settings) -> None:
    settings.MAILERS = {"default": {"BACKEND": f"{__name__}.Choosy"}}
    told(cast.dev)
    told(cast.vera)
    assert send_due() == 1
    assert [letter.to for letter in mail.outbox] == [["vera@example.test"]]


def test_what_a_dead_worker_had_claimed_leaves_under_the_same_message_id(cast: Cast) -> None:
    told(cast.dev)
    send_due()
    [first] = mail.outbox
    # Killed between the mail server's answer and the note of it: the claim stands, the note does not.
    Letter.objects.update(sent_at=None)
    assert send_due() == 0, "somebody may be at work on it"
    Letter.objects.update(claimed_at=timezone.now() - LEASE - dt.timedelta(seconds=1))
    assert send_due() == 1
    assert mail.outbox[1].extra_headers["Message-ID"] == first.extra_headers["Message-ID"]


def test_the_hour_follows_the_zone_through_the_year() -> None:
    at = dt.datetime(2026, 3, 28, 12, tzinfo=dt.UTC)
    assert next_digest("Europe/Berlin", 8, at) == dt.datetime(2026, 3, 29, 6, tzinfo=dt.UTC), "summer has begun"
    assert next_digest("Europe/Berlin", 2, at) == dt.datetime(2026, 3, 29, 1, tzinfo=dt.UTC), "2:30 does not exist"
    assert next_digest("UTC", 13, at) == dt.datetime(2026, 3, 28, 13, tzinfo=dt.UTC)
