"""Where it is left to who asks whether a team becomes a tenant: set up as it is sent, from the wizard and the API."""

from __future__ import annotations

import pytest
from django.test import Client

from access.models import Grant, KeyPermit, Onboarding
from access.onboarding import provisioning
from approvals.delegation.tables import Delegation
from approvals.models import Policy, Request
from tenants.models import Tenant
from tests.access.teams import draft
from tests.approvals.test_pages import signed_in
from tests.cast import Cast, route


@pytest.fixture
def ned(cast: Cast) -> Client:
    route()
    left("onboarding")
    return signed_in(cast.ned)


def left(capability: str, mode: str = "tenant", **threshold: str) -> None:
    """As an approved change leaves it; how it comes there is tested with the capability."""
    Delegation.objects.create(capability=capability, mode=mode, threshold=threshold, sentence="So it is.")


def set_up() -> Onboarding:
    """The one that was sent, after the worker."""
    done = provisioning.run(Onboarding.objects.get().pk)
    assert done is not None and done.state == "ready"
    return done


@pytest.mark.parametrize("by", ["page", "api"])
def test_a_team_is_set_up_as_it_is_sent(cast: Cast, ned: Client, by: str) -> None:
    sent = draft(cast.ned)
    if by == "page":
        assert ned.post(f"/tenants/new/{sent.pk}/check/")["Location"] == Request.objects.get().get_absolute_url()
    else:
        told = ned.post(f"/api/onboardings/{sent.pk}/send/", {}, content_type="application/json")
        assert (told.status_code, told.json().get("state")) == (201, "approved"), told.json()
    done = set_up()
    request = Request.objects.get(subject_kind="onboarding")
    assert (done.pk, done.request, done.tenant) == (sent.pk, request, Tenant.objects.get(slug="treasury"))
    assert done.answers == sent.answers
    for page in (done.get_absolute_url(), request.get_absolute_url(), f"/decisions/{request.decision.pk}/"):
        assert ned.get(page).status_code == 200, page


def test_the_page_of_setting_up_says_truly_who_approved(cast: Cast, ned: Client) -> None:
    ned.post(f"/tenants/new/{draft(cast.ned).pk}/check/")
    done, request = set_up(), Request.objects.get(subject_kind="onboarding")
    page = ned.get(done.get_absolute_url()).content.decode()
    assert f"Nobody had to approve it (R-{request.number}): new teams are left to who asks." in page
    policy = Policy.objects.create(
        slug="onboarding", subject_kind="onboarding", sentence="Risk.", stages=[{"board": "risk", "quorum": 1}]
    )
    Request.objects.filter(pk=request.pk).update(policy=policy, decided_under={})
    assert f"It was approved in R-{request.number}." in ned.get(done.get_absolute_url()).content.decode()


def test_nobody_sends_the_draft_of_somebody_else(cast: Cast, ned: Client) -> None:
    theirs, mine = draft(cast.greta), draft(cast.ned)
    ned.post(f"/tenants/new/{mine.pk}/check/")
    theirs.refresh_from_db()
    assert (theirs.state, theirs.request) == ("draft", None)


def test_models_and_keys_are_asked_for_where_the_platform_decides_on_them(cast: Cast, ned: Client) -> None:
    """That a team becomes a tenant is left to it; what the platform decides on is not given with it unseen."""
    left("models", "above", environment="test")
    left("keys", "above", environment="test")
    ned.post(f"/tenants/new/{draft(cast.ned).pk}/check/")
    done = set_up()
    assert [grant.environment.kind for grant in Grant.objects.filter(tenant=done.tenant)] == ["development"]
    asked = Request.objects.get(subject_kind="access", state="in_review")
    assert (asked.requester, asked.reviews.get().decider) == (cast.ned, "Risk board")
    assert asked.environment is not None and asked.environment.kind == "production"
    assert f"R-{asked.number}" in ned.get(done.get_absolute_url()).content.decode()
    assert not KeyPermit.objects.exists()


def test_what_cannot_be_asked_for_stops_nothing(cast: Cast, ned: Client) -> None:
    Policy.objects.filter(subject_kind="access").delete()
    ned.post(f"/tenants/new/{draft(cast.ned).pk}/check/")
    done = set_up()
    assert not Grant.objects.filter(tenant=done.tenant).exists()
    assert "No policy says who decides" in ned.get(done.get_absolute_url()).content.decode()
