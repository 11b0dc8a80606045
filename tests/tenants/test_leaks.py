"""A key that was seen where it must not be is revoked at once, and everybody is told what they may know."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from audit.models import Entry
from tenants import leaks, secrets, tokens
from tenants.handing_in import LARGEST_BODY, THANKS
from tenants.keys import IssuedKey, issue
from tenants.models import ApiKey, Notification
from tests.approvals.test_pages import signed_in
from tests.cast import Cast
from tests.portal.test_api import Caller, ok, refused

API, PAGE = "/api/leaked-keys/", "/leaked-key/"


@pytest.fixture
def issued(cast: Cast) -> IssuedKey:
    return issue(environment=cast.environment(), name="Nightly", by=cast.dev)


def sent(text: str, **headers: str) -> Any:
    return Client(headers=headers).post(API, json.dumps({"text": text}), "application/json")


def test_it_works(cast: Cast, issued: IssuedKey) -> None:
    leaks.report(key=issued.key, by=cast.dev, where="https://git.example/acme/7")
    key = ApiKey.objects.get()
    assert key.state == "revoked" and key.leaked_at and key.leaked_by == cast.dev
    assert key.leaked_where == "https://git.example/acme/7"
    told = Notification.objects.filter(title__contains="Nightly")
    assert {note.user.username for note in told} == {"olivia", "dev"}, "those who manage keys, and nobody else"
    entry = Entry.objects.get(verb="key.leaked")
    assert (entry.actor_label, entry.tenant, entry.facts["where"]) == ("Dev", "acme", "https://git.example/acme/7")
    assert Entry.objects.filter(verb="key.revoked").count() == 1


def test_a_second_report_changes_nothing(cast: Cast, issued: IssuedKey) -> None:
    leaks.report(key=issued.key, by=cast.dev, where="In a chat")
    leaks.report(key=issued.key, by=cast.olivia, where="In a log")
    assert ApiKey.objects.get().leaked_where == "In a chat"
    assert Entry.objects.filter(verb="key.leaked").count() == 1


def test_who_pastes_the_secret_as_the_place_does_not_put_it_on_record(cast: Cast, issued: IssuedKey) -> None:
    leaks.report(key=issued.key, by=cast.dev, where=f"log: {issued.secret}")
    assert ApiKey.objects.get().leaked_where == "log: atrium_…"


def test_it_is_reported_on_the_page_and_by_the_api(cast: Cast, issued: IssuedKey) -> None:
    client = signed_in(cast.dev)
    assert client.post(f"/tenants/acme/keys/{issued.key.pk}/leaked/", {"where": " "}).status_code == 422
    assert client.post(f"/tenants/acme/keys/{issued.key.pk}/leaked/", {"where": "In a chat"}).status_code == 302
    assert "In a chat" in client.get(f"/tenants/acme/keys/{issued.key.pk}/").content.decode()
    other = issue(environment=cast.environment(), name="Other", by=cast.dev).key
    told = ok(Caller(cast.dev).post(f"keys/{other.pk}/leaked/", where="In a log"))
    assert (told["state"], told["leaked_where"]) == ("revoked", "In a log")
    refused(Caller(cast.dev).post(f"keys/{other.pk}/leaked/"), 422)


@pytest.mark.parametrize(
    "around", ["{}", "  {}\n", "OPENAI_API_KEY={}", "https://x.example/?key={}&b=1", "my_{}_2", '"{}",']
)
def test_anybody_hands_in_what_they_found(cast: Cast, issued: IssuedKey, around: str) -> None:
    answer = sent(around.format(issued.secret))
    assert (answer.status_code, answer.json()) == (202, {"detail": THANKS})
    key = ApiKey.objects.get()
    assert key.revoked_at and key.leaked_at and key.leaked_by is None
    entry = Entry.objects.get(verb="key.leaked")
    assert (entry.actor_kind, entry.facts["address"]) == ("visitor", "127.0.0.1")
    assert Notification.objects.filter(user=cast.olivia, title__contains="Nightly").exists()


def test_the_page_does_the_same_without_an_account(cast: Cast, issued: IssuedKey) -> None:
    client = Client(enforce_csrf_checks=True)
    assert "You need no account" in client.get(PAGE).content.decode()
    form = {"text": issued.secret, "csrfmiddlewaretoken": client.cookies["csrftoken"].value}
    answer = client.post(PAGE, form)
    assert (answer.status_code, answer["Location"]) == (302, f"{PAGE}?taken=1")
    assert "Thank you" in client.get(answer["Location"]).content.decode()
    assert ApiKey.objects.get().revoked_at


def test_who_is_signed_in_is_on_record(cast: Cast, issued: IssuedKey) -> None:
    assert signed_in(cast.greta).post(PAGE, {"text": issued.secret}).status_code == 302
    assert ApiKey.objects.get().leaked_by == cast.greta, "of another tenant, and still theirs to hand in"


def test_a_personal_token_is_revoked_too(cast: Cast) -> None:
    token, secret = tokens.issue(user=cast.ned, name="laptop", by=cast.ned)
    assert sent(secret).status_code == 202
    token.refresh_from_db()
    assert token.revoked_at
    assert Notification.objects.get(user=cast.ned).path == "/account/tokens/"


def test_the_answer_is_the_same_whatever_was_handed_in(cast: Cast, issued: IssuedKey) -> None:
    head = issued.key.prefix
    body = f"{head}_{'A' * 32}"
    handed = [issued.secret, issued.secret, "nothing", head, secrets.make("dev").text, issued.secret[:-1] + "!"]
    handed.append(body + secrets.checksum(body))  # the right prefix and checksum, another secret
    answers = [sent(text) for text in handed]
    assert {(a.status_code, a.content, tuple(sorted(set(a.headers) - {"X-Request-Id"}))) for a in answers} == {
        (202, answers[0].content, tuple(sorted(set(answers[0].headers) - {"X-Request-Id"})))
    }
    pages = [Client().post(PAGE, {"text": text}) for text in handed]
    assert {(page.status_code, page["Location"]) for page in pages} == {(302, f"{PAGE}?taken=1")}


def test_only_the_whole_secret_revokes(cast: Cast, issued: IssuedKey) -> None:
    body = f"{issued.key.prefix}_{'A' * 32}"
    for text in (
        issued.key.prefix,
        issued.secret[:-1],
        f"{issued.secret}x",
        body + secrets.checksum(body),
        body + "0" * 6,
    ):
        assert sent(text).status_code == 202
    assert ApiKey.objects.get().revoked_at is None
    assert not Entry.objects.filter(verb="key.leaked").exists()


def test_handed_in_again_it_writes_nothing_more(cast: Cast, issued: IssuedKey) -> None:
    sent(issued.secret)
    entries, notes = Entry.objects.count(), Notification.objects.count()
    sent(issued.secret, **{"Idempotency-Key": "k-1"})
    assert (Entry.objects.count(), Notification.objects.count()) == (entries, notes)


def test_who_hands_in_too_often_waits(cast: Cast, issued: IssuedKey, settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"secret_handed_in": "2/m/ip"}
    assert [sent("nothing").status_code for _ in range(2)] == [202, 202]
    answer = sent(issued.secret)
    refused(answer, 429, "too_many_requests")
    assert answer["Retry-After"] == "60"
    assert Client().post(PAGE, {"text": "nothing"}).status_code == 429


def test_a_body_over_the_bound_is_not_read(cast: Cast, issued: IssuedKey) -> None:
    refused(sent("x" * LARGEST_BODY), 413, "request_too_large")
    assert Client().post(PAGE, {"text": "x" * LARGEST_BODY}).status_code == 413
    assert "text" in refused(sent("x" * 9_000), 422)["errors"]


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"text": 7}', '{"text": ""}', '{"key": "x"}', "{"])
def test_a_body_that_is_none_is_told(cast: Cast, body: str) -> None:
    assert Client().post(API, body, "application/json").status_code in {400, 422}


def test_the_secret_is_nowhere_afterwards(cast: Cast, issued: IssuedKey, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        sent(issued.secret)
        Client().post(PAGE, {"text": issued.secret})
        long = Client().post(PAGE, {"text": f"{issued.secret} " * 150})
    assert issued.secret not in caplog.text and issued.secret.rpartition("_")[2] not in caplog.text
    assert long.status_code == 422
    with connection.cursor() as cursor:
        for table in ("audit_entry", "tenants_notification", "tenants_apikey", "tenants_sending"):
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', [f"%{issued.secret[-38:]}%"])
            assert cursor.fetchone() == (0,), table
