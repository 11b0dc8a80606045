"""The page that shows a key once shows code that works with it."""

from __future__ import annotations

from typing import Any

from access.models import Grant
from tenants import once
from tests.approvals.test_pages import signed_in
from tests.cast import Cast, route


def issued(cast: Cast) -> str:
    environment = cast.environment()
    form: dict[str, Any] = {"environment": environment.pk, "name": "Job", "expiry": "90", "once": once.new_token()}
    shown = signed_in(cast.olivia).post("/tenants/acme/keys/issue/", form)
    assert shown.status_code == 200
    return shown.content.decode()


def test_the_code_calls_what_the_environment_may_call(cast: Cast) -> None:
    asked = route()
    Grant.objects.create(tenant=cast.acme, environment=cast.environment(), route=asked, purpose="Try")
    page = issued(cast)
    assert f"model=&quot;{asked.slug}&quot;" in page
    assert "may call no model yet" not in page


def test_without_a_grant_it_says_what_is_wanting(cast: Cast) -> None:
    page = issued(cast)
    assert "This environment may call no model yet" in page
    assert "chat/completions" not in page
