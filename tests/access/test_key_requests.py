"""Where the platform decides on keys: asked for, permitted, issued once by who asked."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from access.keys.asking import LeftToTenant, PermittedAlready, request_key
from access.keys.permits import KeyNotLeft
from access.models import KeyPermit
from approvals.delegation.tables import Delegation
from approvals.models import Policy, Request
from approvals.voting import vote
from audit.record import SYSTEM
from refusals.errors import Forbidden, Missing
from tenants.key_rotation import rotate
from tenants.keys import issue
from tenants.models import ApiKey
from tests.cast import Cast


@pytest.fixture
def governed(cast: Cast) -> Cast:
    """The cast; the platform decides on production keys, the risk board for it."""
    Policy.objects.create(
        slug="key", subject_kind="key", sentence="The board decides.", stages=[{"board": "risk", "quorum": 1}]
    )
    Delegation.objects.create(
        capability="keys", mode="above", threshold={"environment": "test"}, sentence="Production counts."
    )
    return cast


def permitted(cast: Cast) -> Request:
    asked = request_key(environment=cast.environment("production"), reason="The answer service.", by=cast.dev)
    vote(review=asked.reviews.get(), verdict="approve", comment="Fine.", by=cast.rita)
    return asked


def test_it_works(governed: Cast) -> None:
    production = governed.environment("production")
    with pytest.raises(KeyNotLeft) as refused:
        issue(environment=production, name="Answers", by=governed.dev)
    assert refused.value.way_out == "/tenants/acme/keys/ask/?environment=acme/support/production"
    permitted(governed)
    key = issue(environment=production, name="Answers", by=governed.dev).key
    assert KeyPermit.objects.get().key == key
    with pytest.raises(KeyNotLeft):
        issue(environment=production, name="Another", by=governed.dev)


def test_up_to_the_threshold_a_tenant_issues_keys_by_itself(governed: Cast) -> None:
    issue(environment=governed.environment("test"), name="Tests", by=governed.dev)
    with pytest.raises(LeftToTenant):
        request_key(environment=governed.environment("test"), reason="Tests.", by=governed.dev)


def test_a_permit_is_for_who_asked_and_for_one_environment(governed: Cast) -> None:
    permitted(governed)
    with pytest.raises(KeyNotLeft):
        issue(environment=governed.environment("production"), name="Mine", by=governed.olivia)
    Delegation.objects.update(mode="platform", threshold={})
    with pytest.raises(KeyNotLeft):
        issue(environment=governed.environment("test"), name="Tests", by=governed.dev)


def test_a_permit_ends(governed: Cast) -> None:
    permitted(governed)
    with pytest.raises(PermittedAlready):
        request_key(environment=governed.environment("production"), reason="Again.", by=governed.dev)
    KeyPermit.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    with pytest.raises(KeyNotLeft):
        issue(environment=governed.environment("production"), name="Late", by=governed.dev)
    request_key(environment=governed.environment("production"), reason="Again.", by=governed.dev)


def test_a_refused_issue_keeps_the_permit(governed: Cast) -> None:
    from tenants.networks import NetworkNotUnderstood

    permitted(governed)
    with pytest.raises(NetworkNotUnderstood):
        issue(environment=governed.environment("production"), name="A", allowed_networks=["nowhere"], by=governed.dev)
    issue(environment=governed.environment("production"), name="A", by=governed.dev)


def test_keys_that_are_there_go_on_and_can_be_replaced(governed: Cast) -> None:
    key = issue(environment=governed.environment("production"), name="Old", by=SYSTEM).key
    rotate(key=key, overlap="0", by=governed.dev)
    assert ApiKey.objects.usable().count() == 1


def test_who_may_ask(governed: Cast) -> None:
    for somebody, refusal in ((governed.vera, Forbidden), (governed.greta, Missing)):
        with pytest.raises(refusal):
            request_key(environment=governed.environment("production"), reason="Me.", by=somebody)


def test_on_screen_the_form_leads_to_asking(governed: Cast, client: Any) -> None:
    client.force_login(governed.dev)
    asking = client.get("/tenants/acme/keys/ask/?environment=acme/support/production").content.decode()
    assert "acme/support/production" in asking
    assert "acme/support/test" not in asking
    sent = client.post(
        "/tenants/acme/keys/ask/", {"environment": "acme/support/production", "reason": "The answer service."}
    )
    assert sent["Location"] == Request.objects.get().get_absolute_url()
    foreign = client.post("/tenants/acme/keys/ask/", {"environment": "globex/secret/production", "reason": "Mine."})
    assert foreign.status_code == 422


def test_in_the_api_the_refusal_says_where_to_ask(governed: Cast, client: Any) -> None:
    client.force_login(governed.dev)
    key = {"environment": "acme/support/production", "name": "Answers"}
    refused = client.post("/api/keys/", key, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "key_not_left_to_tenant")
    asked = {"environment": "acme/support/production", "reason": "The answer service."}
    sent = client.post("/api/key-requests/", asked, content_type="application/json")
    assert sent.status_code == 201
    vote(review=Request.objects.get().reviews.get(), verdict="approve", comment="Fine.", by=governed.rita)
    assert client.post("/api/keys/", key, content_type="application/json").status_code == 201
