"""More than one may set oneself: asked for, decided, set; and how much is left to a tenant."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from approvals.delegation.tables import Delegation
from approvals.models import Policy, Request
from approvals.voting import vote
from refusals.errors import Forbidden, Invalid, Missing
from tenants.archiving import ProjectArchived, archive_project
from tenants.keys import issue
from tests.cast import Cast
from usage.limits import authority
from usage.limits.asking import NothingAsked, PlaceGone, request_limits
from usage.limits.authority import require_setter
from usage.limits.budgets import set_budget
from usage.limits.delegated import AboveThreshold
from usage.limits.places import Place, of_environment, of_key, of_project, of_tenant
from usage.limits.setting import limits_at, set_limits
from usage.limits.tables import Budget

BOUNDS = {"requests": "600", "tokens": "10000", "concurrent": "20", "spend": "500"}


@pytest.fixture
def governed(cast: Cast) -> Cast:
    """The cast, with a policy for limits."""
    Policy.objects.create(
        slug="limits",
        subject_kind="limits",
        sentence="The risk board decides.",
        stages=[{"board": "risk", "quorum": 1}],
    )
    return cast


def decides(mode: str, **threshold: str) -> None:
    """As an approved change leaves it; how it comes there is tested with the capability."""
    Delegation.objects.create(capability="limits", mode=mode, threshold=threshold, sentence="So it is.")


def test_it_works(governed: Cast) -> None:
    set_limits(place=of_tenant(governed.acme), amounts={"requests": 100}, by=governed.pat)
    asked = request_limits(
        place=of_tenant(governed.acme), amounts={"requests": 600}, budget=Decimal("250.50"), is_hard=True,
        reason="We go live.", by=governed.dev,
    )  # fmt: skip
    assert asked.title == "600 requests a minute, a hard budget of $250.50 a month for the tenant Acme"
    vote(review=asked.reviews.get(), verdict="approve", comment="Fine.", by=governed.rita)
    assert limits_at(of_tenant(governed.acme)) == {"requests": 600}
    budget = Budget.objects.get()
    assert (budget.amount, budget.span, budget.is_hard) == (Decimal("250.50"), "month", True)


def test_the_evidence_tells_what_applies_now_and_what_bounds_it_from_above(governed: Cast) -> None:
    set_limits(place=of_tenant(governed.acme), amounts={"requests": 100}, by=governed.pat)
    decides("platform")
    asked = request_limits(
        place=of_project(governed.project), amounts={"requests": 600}, reason="More.", by=governed.dev
    )
    vote(review=asked.reviews.get(), verdict="approve", comment="Fine.", by=governed.rita)
    evidence = {fact["name"]: fact["value"] for fact in asked.decision.record["evidence"]}
    assert evidence["Bound above"] == "the tenant Acme allows 100 requests a minute, which stays the bound"


def test_left_to_the_tenant_an_owner_decides(governed: Cast) -> None:
    asked = request_limits(
        place=of_project(governed.project), amounts={"requests": 50}, reason="More.", by=governed.dev
    )
    assert asked.reviews.get().decider == "Acme itself"
    vote(review=asked.reviews.get(), verdict="approve", comment="Fine.", by=governed.olivia)
    assert limits_at(of_project(governed.project)) == {"requests": 50}


def test_the_tenant_as_a_whole_is_never_left_to_it(governed: Cast) -> None:
    asked = request_limits(place=of_tenant(governed.acme), amounts={"requests": 5}, reason="So.", by=governed.olivia)
    assert asked.reviews.get().decider == "Risk board"


def test_where_the_platform_decides_nobody_in_the_tenant_sets_any(governed: Cast) -> None:
    decides("platform")
    with pytest.raises(Forbidden) as refused:
        require_setter(governed.olivia, of_project(governed.project), amounts={"requests": 5})
    assert refused.value.way_out == "/tenants/acme/limits/ask/?place=acme/support"
    require_setter(governed.fin, of_project(governed.project), amounts={"requests": 5})


@pytest.mark.parametrize(
    ("amounts", "budget", "is_left"),
    [
        ({"requests": 600}, None, True),
        ({"requests": 601}, None, False),
        ({"requests": 10, "tokens": 10_001}, None, False),
        ({"requests": None}, None, True),  # there is none: nothing changes
        (None, (Decimal(500), "month", False), True),
        (None, (Decimal("500.01"), "month", True), False),
        (None, (Decimal(17), "day", True), False),  # 527 in a month of 31 days
        (None, (Decimal(1500), "quarter", True), True),
        (None, (None, "month", False), False),  # no budget is more than any
    ],
)
def test_up_to_the_threshold_an_owner_sets_them(governed: Cast, amounts: Any, budget: Any, is_left: bool) -> None:
    decides("above", **BOUNDS)
    place = of_environment(governed.environment("production"))
    if is_left:
        require_setter(governed.olivia, place, amounts=amounts, budget=budget)
        return
    with pytest.raises(AboveThreshold):
        require_setter(governed.olivia, place, amounts=amounts, budget=budget)


def test_taking_a_limit_away_goes_beyond_every_threshold(governed: Cast) -> None:
    set_limits(place=of_project(governed.project), amounts={"requests": 5}, by=governed.olivia)
    decides("above", **BOUNDS)
    with pytest.raises(AboveThreshold):
        require_setter(governed.olivia, of_project(governed.project), amounts={"requests": None})


def test_page_and_api_and_file_keep_to_the_threshold(governed: Cast, client: Any) -> None:
    decides("above", **BOUNDS)
    client.force_login(governed.olivia)
    page = "/tenants/acme/limits/change/?place=acme/support"
    assert client.post(page, {"requests": "5000"}).status_code == 422
    told = client.post("/api/limits/", {"place": "acme/support", "requests": 5000}, content_type="application/json")
    assert (told.status_code, told.json()["code"]) == (403, "above_threshold")
    budget = {"place": "acme/support", "amount": "501"}
    assert client.post("/api/budgets/", budget, content_type="application/json").status_code == 403
    assert client.post("/tenants/acme/budgets/set/?place=acme/support", {"amount": "501", "span": "month",
                       "is_hard": "false", "warnings": ""}).status_code == 422  # fmt: skip
    assert limits_at(of_project(governed.project)) == {}
    assert not Budget.objects.exists()
    assert client.post(page, {"requests": "500"}).status_code == 302
    assert limits_at(of_project(governed.project)) == {"requests": 500}


def test_a_budget_that_stops_calls_is_not_made_one_that_warns(governed: Cast, client: Any) -> None:
    """It would bound nothing any more, whatever its amount; to whom that is left is asked as for taking it away."""
    place = of_project(governed.project)
    set_budget(place=place, amount=Decimal(1000), is_hard=True, by=governed.pat)
    decides("above", **BOUNDS)
    client.force_login(governed.olivia)
    warns = {"place": "acme/support", "amount": "10", "is_hard": False}
    told = client.post("/api/budgets/", warns, content_type="application/json")
    assert (told.status_code, told.json()["code"]) == (403, "above_threshold")
    page = "/tenants/acme/budgets/set/?place=acme/support"
    sent = {"amount": "10", "span": "month", "is_hard": "false", "warnings": ""}
    assert client.post(page, sent).status_code == 422
    asked = request_limits(place=place, amounts={}, budget=Decimal(10), reason="Less.", by=governed.olivia)
    assert asked.reviews.get().decider == "Risk board"
    assert Budget.objects.get().is_hard
    assert client.post(page, sent | {"is_hard": "true"}).status_code == 302
    assert client.post(page, sent | {"span": "year"}).status_code == 302  # beside it, for another period
    assert Budget.objects.get(span="month").is_hard


def test_what_changed_meanwhile_is_not_set_again_as_if_it_stood(
    governed: Cast, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A form sends what it does not change too; that it is so already is asked when nobody else can set it."""
    place = of_project(governed.project)
    set_limits(place=place, amounts={"requests": 5000}, by=governed.pat)
    decides("above", **BOUNDS)

    def faster(of: Place) -> None:
        set_limits(place=of, amounts={"requests": 100}, by=governed.pat)

    monkeypatch.setattr(authority, "lock", faster)
    client.force_login(governed.olivia)
    page = "/tenants/acme/limits/change/?place=acme/support"
    assert client.post(page, {"requests": "5000", "tokens": "10"}).status_code == 422
    body = {"place": "acme/support", "requests": 5000, "tokens": 10}
    assert client.post("/api/limits/", body, content_type="application/json").status_code == 403
    assert "tokens" not in limits_at(place)


def test_on_screen_one_asks_from_the_table(governed: Cast, client: Any) -> None:
    client.force_login(governed.dev)
    assert "/tenants/acme/limits/ask/?place=acme" in client.get("/tenants/acme/limits/").content.decode()
    page = "/tenants/acme/limits/ask/?place=acme"
    assert "Risk board: 1 approval" in client.get(page).content.decode()
    assert client.post(page, {"span": "month", "reason": "We go live."}).status_code == 422
    sent = client.post(page, {"requests": "900", "span": "month", "reason": "We go live."})
    assert sent["Location"] == Request.objects.get().get_absolute_url()
    again = client.post(page, {"requests": "901", "span": "month", "reason": "We go live."})
    assert again["Location"] == Request.objects.get().get_absolute_url()


def test_in_the_api_with_the_same_verb(governed: Cast, client: Any) -> None:
    client.force_login(governed.dev)
    asked = {"place": "acme/support/production", "tokens": 90000, "budget": {"amount": "12"}, "reason": "Live."}
    sent = client.post("/api/limit-requests/", asked, content_type="application/json")
    assert (sent.status_code, sent.json()["facts"]["budget"]["span"]) == (201, "month")
    assert sent.json()["environment"] == "acme/support/production"


def test_who_may_ask_and_for_what(governed: Cast) -> None:
    place = of_project(governed.project)
    for somebody, refusal in ((governed.vera, Forbidden), (governed.greta, Missing)):
        with pytest.raises(refusal):
            request_limits(place=place, amounts={"requests": 5}, reason="Me.", by=somebody)
    with pytest.raises(NothingAsked):
        request_limits(place=place, amounts={}, reason="Me.", by=governed.dev)
    with pytest.raises(Invalid):
        request_limits(place=place, amounts={"requests": 0}, reason="Me.", by=governed.dev)
    archived = archive_project(project=governed.project, by=governed.olivia)
    with pytest.raises(ProjectArchived):
        request_limits(place=of_project(archived), amounts={"requests": 5}, reason="Me.", by=governed.dev)


def test_what_was_asked_for_a_key_that_is_gone_cannot_be_approved(governed: Cast) -> None:
    decides("platform")
    key = issue(environment=governed.environment(), name="CI", by=governed.dev).key
    asked = request_limits(place=of_key(key), amounts={"requests": 5}, reason="Me.", by=governed.dev)
    key.delete()
    with pytest.raises(PlaceGone):
        vote(review=asked.reviews.get(), verdict="approve", comment="Fine.", by=governed.rita)
    asked.refresh_from_db()
    assert asked.state == "in_review"
    vote(review=asked.reviews.get(), verdict="refuse", comment="It is gone.", by=governed.rita)
