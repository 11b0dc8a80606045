"""The address that the log's lines of a request carry."""

from __future__ import annotations

from typing import Any

import pytest
import structlog
from django.http import HttpResponse
from django.test import RequestFactory
from django_structlog.middlewares import RequestMiddleware


def _logged(forwarded_for: str) -> Any:
    """What a line that is written during the request carries."""
    seen: dict[str, Any] = {}
    request = RequestFactory(headers={"x-forwarded-for": forwarded_for}).get("/", REMOTE_ADDR="192.0.2.7")
    RequestMiddleware(lambda _: seen.update(structlog.contextvars.get_contextvars()) or HttpResponse())(request)
    return seen["ip"]


@pytest.mark.parametrize(("trusted", "expected"), [(0, "192.0.2.7"), (1, "203.0.113.9"), (2, "198.51.100.1"), (3, "")])
def test_a_line_names_the_address_that_counts_and_not_what_the_client_says_itself(
    settings: Any, trusted: int, expected: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = trusted
    assert _logged("198.51.100.1, 203.0.113.9") == expected
