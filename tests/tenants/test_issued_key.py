"""The page that shows a key once shows code that works with it."""

from __future__ import annotations

from typing import Any

import pytest

from access.models import Grant
from tenants import once
from tenants.issuing import NameNotUnderstood
from tenants.keys import issue
from tenants.models import ApiKey
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


def test_a_day_that_no_calendar_reaches_and_a_name_that_cannot_be_kept_are_told_at_their_field(cast: Cast) -> None:
    client, page = signed_in(cast.olivia), "/tenants/acme/keys/issue/"
    form: dict[str, Any] = {"environment": cast.environment().pk, "name": "Job", "expiry": "date"}
    for day in ("9999-12-31", "2201-01-01", "0001-01-01"):
        told = client.post(page, form | {"expires_on": day, "once": once.new_token()})
        assert told.status_code == 422, day
        assert 'aria-invalid="true"' in told.content.decode(), day
    with pytest.raises(NameNotUnderstood):
        issue(environment=cast.environment(), name="n" * 400, by=cast.olivia)
    assert not ApiKey.objects.exists()
