"""Bring a team: asked by a newcomer, decided by a board, created with the requester as owner."""

import pytest

from access.onboarding import bring_team
from approvals.models import Policy, Request
from approvals.voting import vote
from refusals.errors import Invalid
from tenants.models import Environment, Membership, Tenant
from tenants.structure import SlugTaken, create_tenant
from tests.approvals.test_pages import signed_in
from tests.cast import Cast

FORM = {
    "name": "Treasury",
    "slug": "treasury",
    "cost_centre": "CC-1",
    "purpose": "Forecast notes",
    "project_name": "Notes",
    "project_slug": "notes",
}


@pytest.fixture(autouse=True)
def policy(cast: Cast) -> Policy:
    return Policy.objects.create(
        subject_kind="onboarding", sentence="The risk board admits teams.", stages=[{"board": "risk", "quorum": 1}]
    )


def test_it_works(cast: Cast) -> None:
    client = signed_in(cast.ned)
    assert "Risk board: 1 approval" in client.get("/tenants/new/").content.decode()
    sent = client.post("/tenants/new/", FORM)
    request = Request.objects.get()
    assert sent["Location"] == request.get_absolute_url()
    vote(review=request.reviews.get(), verdict="approve", comment="Welcome.", by=cast.rita)
    tenant = Tenant.objects.get(slug="treasury")
    assert Membership.objects.get(tenant=tenant).user == cast.ned
    assert Environment.objects.filter(tenant=tenant).count() == 3
    request.refresh_from_db()
    assert request.tenant == tenant


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"slug": "Treasury"}, "lower-case letters"),
        ({"slug": "trеasury"}, "lower-case letters"),  # a Cyrillic letter that looks like an e
        ({"slug": "acme"}, "already taken"),
        ({"slug": "new"}, "already taken"),
        ({"purpose": " "}, "Say what it is for"),
        ({"project_slug": ""}, "needs a name and a short name"),
        ({"name": ""}, "This field is required"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(cast: Cast, change: dict[str, str], words: str) -> None:
    told = signed_in(cast.ned).post("/tenants/new/", FORM | change)
    assert told.status_code == 422
    assert words in told.content.decode()
    assert not Request.objects.exists()


def test_one_open_request_a_name_and_a_strangers_is_not_shown(cast: Cast) -> None:
    ned, dev = signed_in(cast.ned), signed_in(cast.dev)
    first = ned.post("/tenants/new/", FORM)["Location"]
    assert ned.post("/tenants/new/", FORM)["Location"] == first
    told = dev.post("/tenants/new/", FORM)
    assert told.status_code == 422
    assert b"Choose another" in told.content and b"R-1" not in told.content


def test_a_name_taken_in_the_meantime_stops_the_vote_and_changes_nothing(cast: Cast) -> None:
    request = bring_team(name="Treasury", slug="treasury", purpose="x", by=cast.ned)
    create_tenant(slug="treasury", name="Other", owner=cast.greta, by=cast.pat)
    with pytest.raises(SlugTaken):
        vote(review=request.reviews.get(), verdict="approve", comment="ok", by=cast.rita)
    request.refresh_from_db()
    assert request.state == "in_review"
    assert not request.reviews.get().votes.exists()
    vote(review=request.reviews.get(), verdict="refuse", comment="The name is taken.", by=cast.rita)


def test_names_are_bounded(cast: Cast) -> None:
    with pytest.raises(Invalid):
        bring_team(name="x" * 121, slug="treasury", purpose="x", by=cast.ned)
    with pytest.raises(Invalid):
        bring_team(name="x", slug="x" * 41, purpose="x", by=cast.ned)
