"""What a key may call, what it called, and narrowing it to that by one press."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from access.models import Grant
from tenants.key_scope import narrow
from tenants.keys import issue, revoke
from tenants.models import ApiKey
from tests.approvals.test_pages import signed_in
from tests.cast import Cast, route
from tests.portal.test_api import Caller, refused
from tests.usage.ledger_lines import called

ROUTES = ("alpha", "beta", "gamma")


@pytest.fixture
def key(cast: Cast) -> ApiKey:
    """A key from long ago that may call three routes and called one of them lately."""
    for name in ROUTES:
        Grant.objects.create(
            tenant=cast.acme, environment=cast.environment(), route=route(name, provider=name), purpose="Try"
        )
    made = issue(environment=cast.environment(), name="Job", by=cast.dev).key
    ApiKey.objects.filter(pk=made.pk).update(created_at=timezone.now() - dt.timedelta(days=200))
    called(cast.environment(), key_prefix=made.prefix, route="alpha", days_ago=3)
    called(cast.environment(), key_prefix=made.prefix, route="beta", days_ago=120)
    called(cast.environment(), key_prefix="atrium_dev_another", route="gamma")
    return ApiKey.objects.get(pk=made.pk)


def listed(cast: Cast, state: str = "wide") -> list[str]:
    return [each["name"] for each in Caller(cast.dev).get(f"keys/?state={state}")["results"]]


def test_it_works(cast: Cast, key: ApiKey) -> None:
    dev = signed_in(cast.dev)
    assert "calls 1 of 3 routes" in dev.get("/tenants/acme/keys/?state=wide").content.decode()
    page = dev.get(f"/tenants/acme/keys/{key.pk}/").content.decode()
    assert "Narrow it to 1 route" in page and "<code>gamma</code>" in page
    told = Caller(cast.dev).get(f"keys/{key.pk}/reach/")
    assert told == {"may": list(ROUTES), "called": ["alpha"], "never": ["beta", "gamma"], "proposal": ["alpha"]}
    narrow(key=key, by=cast.dev, allowed_networks=["10.0.0.0/8"])
    assert dev.post(f"/tenants/acme/keys/{key.pk}/scope/called/", {"route": told["proposal"]}).status_code == 302
    key.refresh_from_db()
    assert (key.allowed_routes, key.allowed_networks) == (["alpha"], ["10.0.0.0/8"])
    assert listed(cast) == []
    assert Caller(cast.dev).get(f"keys/{key.pk}/reach/")["proposal"] == []
    assert "it needs all of them" in dev.get(f"/tenants/acme/keys/{key.pk}/").content.decode()


def test_a_key_that_was_narrowed_to_more_than_it_calls_is_wide_too(cast: Cast, key: ApiKey) -> None:
    assert listed(cast) == ["Job"]
    narrow(key=key, by=cast.dev, allowed_routes=["alpha", "gamma"])
    assert listed(cast) == ["Job"]
    told = Caller(cast.dev).get(f"keys/{key.pk}/reach/")
    assert (told["may"], told["never"]) == (["alpha", "gamma"], ["gamma"])


def test_what_called_nothing_is_to_be_revoked_and_never_narrowed_to_nothing(cast: Cast, key: ApiKey) -> None:
    narrow(key=key, by=cast.dev, allowed_routes=["gamma"])
    dev = signed_in(cast.dev)
    assert "It called none of them." in dev.get(f"/tenants/acme/keys/{key.pk}/").content.decode()
    assert listed(cast) == []
    assert dev.post(f"/tenants/acme/keys/{key.pk}/scope/called/").status_code == 422
    key.refresh_from_db()
    assert key.allowed_routes == ["gamma"]


def test_nothing_is_proposed_for_a_young_key_or_one_that_is_over(cast: Cast, key: ApiKey) -> None:
    ApiKey.objects.update(created_at=timezone.now() - dt.timedelta(days=5))
    assert listed(cast) == []
    told = Caller(cast.dev).get(f"keys/{key.pk}/reach/")
    assert (told["never"], told["proposal"]) == (["beta", "gamma"], [])
    ApiKey.objects.update(created_at=timezone.now() - dt.timedelta(days=200))
    revoke(key=key, by=cast.dev)
    assert listed(cast) == []
    assert Caller(cast.dev).get(f"keys/{key.pk}/reach/")["may"] == []


def test_what_a_key_calls_is_for_who_may_narrow_it(cast: Cast, key: ApiKey) -> None:
    assert refused(Caller(cast.vera).client.get(f"/api/keys/{key.pk}/reach/"), 403)["code"] == "permission_required"
    assert Caller(cast.vera).get("keys/?state=wide")["results"] == []
    vera = signed_in(cast.vera)
    for path in ("/tenants/acme/keys/?state=wide", f"/tenants/acme/keys/{key.pk}/"):
        shown = vera.get(path).content.decode()
        assert "of 3 routes" not in shown and "What it calls" not in shown and "May more than it calls" not in shown
