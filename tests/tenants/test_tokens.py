"""A person's tokens: what they open, and what is known of their use."""

import datetime as dt

from django.test import Client
from django.utils import timezone

from tenants import tokens
from tenants.models import PersonalToken
from tests.cast import Cast


def test_a_token_tells_when_it_was_last_used_and_is_not_written_at_each_use(cast: Cast) -> None:
    token, text = tokens.issue(user=cast.dev, name="Laptop", by=cast.dev)
    bearer = {"authorization": f"Bearer {text}"}
    assert Client(headers=bearer).get("/api/tenants/").status_code == 200
    token.refresh_from_db()
    assert token.last_used_at is not None
    first = token.last_used_at
    Client(headers=bearer).get("/api/tenants/")
    token.refresh_from_db()
    assert token.last_used_at == first
    PersonalToken.objects.update(last_used_at=timezone.now() - dt.timedelta(hours=1))
    Client(headers=bearer).get("/api/tenants/")
    token.refresh_from_db()
    assert token.last_used_at > first


def test_a_token_whose_secret_is_wrong_counts_as_unused(cast: Cast) -> None:
    token, text = tokens.issue(user=cast.dev, name="Laptop", by=cast.dev)
    assert tokens.recognise(text[:-1] + ("a" if text[-1] != "a" else "b")) is None
    token.refresh_from_db()
    assert token.last_used_at is None
