"""The link in a mail turns off its kind, without signing in and by one click of a mail program (RFC 8058)."""

from __future__ import annotations

import email
import email.policy
import re

import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings

from audit.models import Entry
from notices.mail.choosing import choose, lines_of
from notices.mail.sending import send_due
from tenants.models import Tenant, User
from tenants.notifications import notify
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def link(person: User, kind: str = "keys", tenant: Tenant | None = None) -> str:
    notify([person], kind=kind, title="Look", tenant=tenant)
    send_due()
    found = re.fullmatch(r"<https?://[^/]+(/[^>]+)>", mail.outbox[-1].extra_headers["List-Unsubscribe"])
    assert found
    return found[1]


def comes(person: User, tenant: Tenant | None = None) -> dict[str, str]:
    return {line.kind.slug: line.applies for line in lines_of(person, tenant)}


def test_one_click_turns_off_that_kind_and_no_other(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post(link(cast.dev), {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200 and "no longer comes by e-mail" in answer.content.decode()
    assert comes(cast.dev)["keys"] == "never" and comes(cast.dev)["turn"] == "at-once"
    assert Entry.objects.get(verb="person.mail_left").facts == {"kinds": ["keys"]}
    assert comes(cast.vera)["keys"] == "at-once"


def test_the_link_is_sent_as_mail_programs_read_it(cast: Cast, settings: Settings) -> None:
    """No word of RFC 2047 in it, however long the portal's own address is, and no line longer than mail allows."""
    settings.PUBLIC_URL = "https://atrium.generative-ai-foundation.platform.corporate.example.com"
    path = link(cast.dev)
    sent = mail.outbox[-1].message(policy=email.policy.SMTP).as_bytes()
    [header] = [line for line in sent.split(b"\r\n") if line.startswith(b"List-Unsubscribe:")]
    assert header.decode() == f"List-Unsubscribe: <{settings.PUBLIC_URL}{path}>"
    assert max(map(len, sent.split(b"\r\n"))) <= 998
    assert email.message_from_bytes(sent)["List-Unsubscribe"] == f"<{settings.PUBLIC_URL}{path}>"


def test_looking_turns_nothing_off(cast: Cast) -> None:
    answer = Client().get(link(cast.dev))
    assert answer.status_code == 200 and "Turn off mails?" in answer.content.decode()
    assert comes(cast.dev)["keys"] == "at-once"


def test_what_was_turned_off_can_be_taken_back(cast: Cast) -> None:
    choose(user=cast.dev, tenant=cast.acme, choices={"keys": "daily"})
    client = Client()
    page = client.post(link(cast.dev)).content.decode()
    assert comes(cast.dev, cast.acme)["keys"] == "never", "for every tenant"
    undo = re.search(r'action="(/mail/undo/[^"]+)"', page)
    assert undo and client.post(undo[1]).status_code == 200
    assert comes(cast.dev)["keys"] == "at-once" and comes(cast.dev, cast.acme)["keys"] == "daily"


def test_a_second_click_changes_nothing(cast: Cast) -> None:
    path = link(cast.dev)
    Client().post(path)
    assert Client().post(path).status_code == 200
    assert Entry.objects.filter(verb="person.mail_left").count() == 1


def test_the_link_of_a_summary_turns_off_what_comes_in_it(cast: Cast) -> None:
    from notices.mail.leaving import link as link_of  # the same as in the mail

    path = "/" + link_of(cast.dev).split("/", 3)[3]
    assert Client().post(path).status_code == 200
    assert comes(cast.dev)["membership"] == "never" and comes(cast.dev)["keys"] == "at-once"


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_link_that_was_tampered_with_opens_nothing(cast: Cast, method: str) -> None:
    path = link(cast.dev)
    wrong = path[:-3] + ("a" if path[-3] != "a" else "b") + path[-2:]
    assert getattr(Client(), method)(wrong).status_code == 404
    assert comes(cast.dev)["keys"] == "at-once"


def test_a_link_of_leaving_does_not_undo(cast: Cast) -> None:
    assert Client().post(link(cast.dev).replace("/stop/", "/undo/")).status_code == 404
