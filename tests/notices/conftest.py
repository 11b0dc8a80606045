"""What tests of webhooks share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from tests.cast import Cast
from tests.notices.receiver import Receiver


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def ask(client: Client, path: str) -> Any:
    """POST to the API without a body."""
    return client.post(path, content_type="application/json")


def add(cast: Cast, url: str, *events: str, by: Any = None, tenant: str = "acme") -> dict[str, Any]:
    """Add a webhook as its owner does; the answer with the secret."""
    asked = {"tenant": tenant, "url": url, "events": list(events) or ["key.issued", "key.revoked", "project.created"]}
    answer = signed_in(by or cast.olivia).post("/api/webhooks/", asked, "application/json")
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running
