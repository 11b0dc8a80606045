"""A team that a board sent back: what it asks for follows from its answers, and what was approved is set up."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from access.models import Onboarding
from access.onboarding import provisioning
from approvals.models import Policy, Request
from approvals.voting import vote
from tenants.models import Tenant
from tests.access.teams import ANSWERS, send_team
from tests.approvals.test_pages import signed_in
from tests.cast import Cast, route

OTHER_COST_CENTRE = ANSWERS["team"] | {"cost_centre": "CC-2"}


@pytest.fixture
def asked(cast: Cast) -> Request:
    """Sent back to Ned by the risk board."""
    route()
    Policy.objects.create(
        slug="onboarding", subject_kind="onboarding", sentence="Risk.", stages=[{"board": "risk", "quorum": 1}]
    )
    request = send_team(slug="treasury", by=cast.ned, use_case={"data_classes": ["personal"], "region": "any"})
    vote(review=request.reviews.get(), verdict="send_back", comment="Whose cost centre?", by=cast.rita)
    request.refresh_from_db()
    return request


def post(client: Client, request: Request, verb: str, body: dict[str, Any]) -> Any:
    return client.post(f"/api/requests/{request.number}/{verb}/", body, content_type="application/json")


@pytest.mark.parametrize("forged", [{"risk_tier": "low"}, {"slug": "riches"}, {"cost_centre": "CC-9"}])
def test_nobody_states_facts_beside_the_answers(cast: Cast, asked: Request, forged: dict[str, str]) -> None:
    told = post(signed_in(cast.ned), asked, "change", {"facts": asked.facts | forged})
    assert (told.status_code, told.json()["code"]) == (422, "facts_stay"), told.content
    assert Request.objects.get(pk=asked.pk).facts == asked.facts and asked.facts["risk_tier"] == "high"


def test_answers_that_were_changed_are_sent_from_the_wizard_alone(cast: Cast, asked: Request) -> None:
    ned, kept = signed_in(cast.ned), Onboarding.objects.get()
    assert ned.post(f"{kept.get_absolute_url()}team/", OTHER_COST_CENTRE).status_code == 302
    for verb, body in (("send", {}), ("change", {"reason": "Other words"})):
        told = post(ned, asked, verb, body)
        assert (told.status_code, told.json()["code"]) == (422, "facts_stay"), told.content
    assert ned.post(f"/requests/{asked.number}/change/", {"reason": "Other words", "do": "send"}).status_code == 422
    asked.refresh_from_db()
    assert (asked.state, asked.reason) == ("sent_back", "Forecast notes")
    assert ned.post(f"{kept.get_absolute_url()}check/")["Location"] == asked.get_absolute_url()
    asked.refresh_from_db()
    assert (asked.state, asked.round, asked.facts["cost_centre"]) == ("in_review", 2, "CC-2")
    assert asked.facts["answers"] == Onboarding.objects.get().answers


def test_what_a_board_has_stays_as_it_is_and_is_set_up_so(cast: Cast, asked: Request) -> None:
    ned, kept = signed_in(cast.ned), Onboarding.objects.get()
    assert post(ned, asked, "change", {"reason": "The team's own."}).status_code == 200
    assert post(ned, asked, "send", {}).status_code == 200
    ned.post(f"{kept.get_absolute_url()}team/", OTHER_COST_CENTRE)
    told = ned.patch(
        f"/api/onboardings/{kept.pk}/", {"answers": {"team": OTHER_COST_CENTRE}}, content_type="application/json"
    )
    assert (told.status_code, told.json()["code"]) == (409, "not_editable")
    vote(review=asked.reviews.get(outcome="open"), verdict="approve", comment="Welcome.", by=cast.rita)
    done = provisioning.run(kept.pk)
    assert done is not None and (done.state, done.answers["team"]["cost_centre"]) == ("ready", "CC-1")
    assert Tenant.objects.get(slug="treasury").cost_centre == "CC-1"


def test_what_was_kept_beside_what_was_approved_is_not_set_up(cast: Cast, asked: Request) -> None:
    """Answers that changed while it was sent, by somebody in two windows."""
    assert post(signed_in(cast.ned), asked, "send", {}).status_code == 200
    kept = Onboarding.objects.get()
    people = {"people": [{"person": "greta", "role": "owner"}]}
    Onboarding.objects.update(answers=kept.answers | {"people": people}, state="draft")
    assert not Onboarding.objects.get().is_editable
    vote(review=asked.reviews.get(outcome="open"), verdict="approve", comment="Welcome.", by=cast.rita)
    done = provisioning.run(kept.pk)
    assert done is not None and done.answers == asked.facts["answers"]
    assert [str(m.user) for m in Tenant.objects.get(slug="treasury").memberships.all()] == ["Ned"]
