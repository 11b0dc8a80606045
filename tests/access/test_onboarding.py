"""Bring a team: seven pages kept one by one, read once more, sent to a board, set up when it approves."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from access.models import Grant, Onboarding
from access.onboarding import provisioning
from access.onboarding.forms import SHOWN_UNSEARCHED
from access.onboarding.sending import send
from approvals.models import Policy, Request
from approvals.voting import vote
from tenants.models import Environment, Membership, Tenant
from tenants.structure import SlugTaken, create_tenant
from tests.access.teams import ANSWERS, answers, draft, send_team
from tests.approvals.test_pages import signed_in
from tests.cast import Cast, route
from tests.usage.ledger_lines import called
from usage.models import Budget, Limit

PAGES: dict[str, dict[str, Any]] = {
    "team": ANSWERS["team"],
    "use-case": ANSWERS["use-case"],
    "people": {"person_1": "dev", "role_1": "developer", "person_2": "new@example.test", "role_2": "viewer"},
    "models": ANSWERS["models"],
    "volume": {"calls:echo-model": "1000", "input_tokens": "1000", "output_tokens": "300"},
    "isolation": ANSWERS["isolation"],
    "terms": {"accepted": "on"},
}


@pytest.fixture(autouse=True)
def policy(cast: Cast) -> Policy:
    route()
    return Policy.objects.create(
        slug="onboarding",
        subject_kind="onboarding",
        sentence="The risk board admits teams.",
        stages=[{"board": "risk", "quorum": 1}],
    )


@pytest.fixture
def ned(cast: Cast) -> Client:
    return signed_in(cast.ned)


def shown(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def approve(request: Request, cast: Cast) -> Onboarding:
    """The board's word, then the worker's work."""
    vote(review=request.reviews.get(), verdict="approve", comment="Welcome.", by=cast.rita)
    done = provisioning.run(Onboarding.objects.get(request=request).pk)
    assert done is not None
    return done


def test_it_works(cast: Cast, ned: Client) -> None:
    assert "Risk board: 1 approval" in shown(ned, "/tenants/new/")
    place = ned.post("/tenants/new/")["Location"]
    assert "7 still to answer" in shown(ned, place)
    for slug, given in PAGES.items():
        assert ned.post(f"{place}{slug}/", given).status_code == 302, slug
    assert "Every page is answered" in shown(ned, place)
    read = shown(ned, f"{place}check/")
    assert "Low risk" in read and "dev" in read and "Forecast notes" in read
    sent = ned.post(f"{place}check/")["Location"]
    request = Request.objects.get()
    assert "Low risk. No rule raises it" in shown(signed_in(cast.rita), sent), "beside the vote, on any tab"
    assert sent == request.get_absolute_url() and request.title == "Treasury asks to become a tenant"
    assert approve(request, cast).state == "ready"
    tenant = Tenant.objects.get(slug="treasury")
    assert dict(Limit.objects.filter(tenant=tenant).values_list("metric", "amount")) == settings.NEW_TENANT_LIMITS
    budget = Budget.objects.get(tenant=tenant)
    assert (budget.amount, budget.span, budget.is_hard, budget.key) == (48, "month", False, None), "as was expected"
    assert {(m.user, m.role) for m in Membership.objects.filter(tenant=tenant)} == {
        (cast.ned, "owner"),
        (cast.dev, "developer"),
    }
    assert Environment.objects.filter(tenant=tenant).count() == 3
    given = Grant.objects.in_force().filter(tenant=tenant)
    assert sorted(g.environment.path for g in given) == ["treasury/notes/development", "treasury/notes/production"]
    assert all(g.decision and g.decision.request == request for g in given)
    assert "Treasury is ready" in shown(ned, place)
    welcome = shown(ned, "/tenants/treasury/welcome/")
    assert "Access to models" in welcome and "echo-model in development" in welcome, "what was set up, by its names"
    assert "Five things to do next" in welcome and "environment=treasury/notes/development" in welcome


def test_what_was_typed_is_kept_page_by_page_and_gone_on_with_later(ned: Client) -> None:
    place = ned.post("/tenants/new/")["Location"]
    assert ned.post(f"{place}team/", PAGES["team"])["Location"].endswith("/use-case/")
    assert ned.post(f"{place}use-case/", PAGES["use-case"] | {"back": "1"})["Location"] == place
    assert 'value="Treasury"' in shown(signed_in(Onboarding.objects.get().requester), f"{place}team/")
    assert "5 still to answer" in shown(ned, place) and "Treasury" in shown(ned, "/tenants/new/")


def test_a_page_that_is_left_half_filled_is_kept_as_it_was_typed(ned: Client) -> None:
    place = ned.post("/tenants/new/")["Location"]
    half = {"project_name": "Notes", "data_classes": ["internal", "personal"], "users": "many", "back": "1"}
    assert ned.post(f"{place}use-case/", half)["Location"] == place
    assert "Begun" in shown(ned, place) and "7 still to answer" in shown(ned, place)
    page = shown(ned, f"{place}use-case/")
    assert 'value="Notes"' in page and 'value="many"' in page and page.count(" checked") == 2
    assert ned.post(f"{place}use-case/", PAGES["use-case"]).status_code == 302
    assert "Begun" not in shown(ned, place) and Onboarding.objects.get().begun == {}
    told = ned.post(f"{place}use-case/", half)
    assert told.status_code == 422, "an answer stays as it is, so leaving would lose what is typed"


def test_who_looks_for_a_model_keeps_what_is_ticked(ned: Client) -> None:
    route("tiny-model")
    place = ned.post("/tenants/new/")["Location"]
    ticked = PAGES["models"] | {"routes": ["echo-model"], "tools": "The archive"}
    page = ned.post(f"{place}models/", ticked | {"find": "1", "q": "tiny"}).content.decode()
    assert "tiny-model" in page and "The archive" in page and page.count('value="echo-model"') == 1
    assert "checked" in page.partition('value="echo-model"')[2].partition(">")[0]
    assert Onboarding.objects.get().answers == {}
    ticked.pop("environments")
    found = ned.post(f"{place}models/", ticked | {"find": "1", "q": "tiny"})
    assert found.status_code == 200 and "Choose at least one" not in found.content.decode()
    everything = ned.post(f"{place}models/", ticked | {"find": "all", "q": "zzz"}).content.decode()
    assert "tiny-model" in everything and "The archive" in everything


def test_what_is_ticked_beyond_the_first_page_is_kept_half_filled(ned: Client) -> None:
    for number in range(SHOWN_UNSEARCHED + 5):
        route(f"m{number:03}")
    place, last = ned.post("/tenants/new/")["Location"], f"m{SHOWN_UNSEARCHED + 4:03}"
    half = {"routes": [last], "tools": "The\x00 archive", "q": last, "back": "1"}
    assert ned.post(f"{place}models/", half)["Location"] == place
    page = shown(ned, f"{place}models/")
    assert "checked" in page.partition(f'value="{last}"')[2].partition(">")[0] and "The archive" in page
    assert ned.post(f"{place}use-case/", {"back": "1"})["Location"] == place
    assert "use-case" not in Onboarding.objects.get().begun, "an untouched page is not begun"


@pytest.mark.parametrize(
    ("page", "change", "words"),
    [
        ("team", {"slug": "Treasury"}, "lower-case letters"),
        ("team", {"slug": "trеasury"}, "lower-case letters"),  # a Cyrillic letter that looks like an e
        ("team", {"slug": "acme"}, "already taken"),
        ("team", {"slug": "new"}, "already taken"),
        ("team", {"name": ""}, "This field is required"),
        ("team", {"name": "x" * 121}, "at most 120 characters"),
        ("use-case", {"purpose": " "}, "Say what it is for"),
        ("use-case", {"project_slug": ""}, "This field is required"),
        ("use-case", {"data_classes": []}, "Tick every class"),
        ("use-case", {"data_classes": ["secret"]}, "not one of the available choices"),
        ("people", {"person_2": "DEV"}, "is there twice"),
        ("people", {"person_2": "nobody"}, "Nobody has the user name “nobody”"),
        ("people", {"person_2": "new@"}, "is not an e-mail address"),
        ("people", {"role_1": "emperor"}, "not one of the available choices"),
        ("models", {"routes": ["gone"]}, "cannot be asked for"),
        ("models", {"environments": []}, "at least one environment"),
        ("volume", {"input_tokens": "0"}, "greater than or equal to 1"),
        ("isolation", {"level": "dedicated"}, "Say why"),
        ("terms", {"accepted": ""}, "does not agree"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_kept(
    ned: Client, page: str, change: dict[str, Any], words: str
) -> None:
    place = ned.post("/tenants/new/")["Location"]
    told = ned.post(f"{place}{page}/", PAGES[page] | change)
    assert told.status_code == 422
    assert words in told.content.decode().replace("&quot;", '"')
    assert Onboarding.objects.get().answers == {}


def test_the_tier_follows_from_the_use_case_with_its_reasons(cast: Cast, ned: Client) -> None:
    onboarding = draft(cast.ned, use_case={"data_classes": ["personal"], "affected": "customers"})
    page = shown(ned, onboarding.get_absolute_url())
    assert "Medium risk" in page and "Personal data is processed." in page and "Customers or the public" in page
    onboarding = draft(cast.ned, use_case={"data_classes": ["personal"], "region": "any"})
    assert "High risk" in shown(ned, onboarding.get_absolute_url())
    facts = send(onboarding=onboarding, by=cast.ned).facts
    assert facts["risk_tier"] == "high" and "outside the European Union" in facts["risk_reasons"][0]
    evidence = shown(signed_in(cast.rita), f"{Request.objects.get().get_absolute_url()}?tab=evidence")
    assert "High risk" in evidence and "Anywhere" in evidence


def test_a_page_tells_what_it_asks_where_something_else_is_answered(cast: Cast, ned: Client) -> None:
    for page, asked in (("isolation", "Asked are level, reason."), ("people", "is not asked here")):
        told = ned.post("/api/onboardings/", {"answers": {page: {"wished": "shared"}}}, "application/json")
        assert told.status_code == 422 and asked in told.json()["detail"], page
    misspelt = {"people": {"people": [{"persn": "dev", "role": "viewer"}]}}
    assert ned.post("/api/onboardings/", {"answers": misspelt}, "application/json").status_code == 422


def test_the_estimate_follows_from_real_prices(cast: Cast, ned: Client) -> None:
    onboarding = draft(cast.ned)
    page = shown(ned, f"{onboarding.get_absolute_url()}volume/")
    assert "$48.00" in page and "Together" not in page  # 1,000 a day × 30 × (1,000 at 1.00 + 300 at 2.00 a million)
    assert send(onboarding=onboarding, by=cast.ned).facts["expected_cost_a_month"] == ["$48.00"]


def test_the_estimate_of_several_models_has_a_sum(cast: Cast, ned: Client) -> None:
    route("other-model", provider="other")
    two = {"calls_per_day": {"echo-model": 1000, "other-model": 1000}}
    place = draft(cast.ned, models={"routes": ["echo-model", "other-model"]}, volume=two).get_absolute_url()
    assert "Together" in shown(ned, f"{place}check/")


def test_another_model_asks_for_its_volume_again(cast: Cast, ned: Client) -> None:
    route("other-model", provider="other")
    onboarding = draft(cast.ned)
    ned.post(f"{onboarding.get_absolute_url()}models/", PAGES["models"] | {"routes": ["echo-model", "other-model"]})
    assert "Go on: Volume and cost" in shown(ned, onboarding.get_absolute_url())


class TestSending:
    def test_what_lacks_is_named_and_nothing_is_sent(self, cast: Cast, ned: Client) -> None:
        place = ned.post("/tenants/new/")["Location"]
        told = ned.post(f"{place}check/")
        assert told.status_code == 409 and "“The team” is not answered yet" in told.content.decode()
        assert not Request.objects.exists()

    def test_it_is_sent_once(self, cast: Cast, ned: Client) -> None:
        place = draft(cast.ned).get_absolute_url()
        first = ned.post(f"{place}check/")["Location"]
        assert ned.post(f"{place}check/")["Location"] == place
        assert Request.objects.get().get_absolute_url() == first
        assert "It is with the board" in shown(ned, place)

    def test_what_is_sent_cannot_be_changed(self, cast: Cast, ned: Client) -> None:
        onboarding = draft(cast.ned)
        send(onboarding=onboarding, by=cast.ned)
        place = onboarding.get_absolute_url()
        assert ned.post(f"{place}team/", PAGES["team"] | {"name": "Other"})["Location"] == place
        onboarding.refresh_from_db()
        assert onboarding.answers["team"]["name"] == "Treasury"

    def test_refused_it_comes_back_with_its_answers_and_is_sent_again(self, cast: Cast, ned: Client) -> None:
        onboarding = draft(cast.ned)
        request = send(onboarding=onboarding, by=cast.ned)
        vote(review=request.reviews.get(), verdict="refuse", comment="Name a sponsor.", by=cast.rita)
        place = onboarding.get_absolute_url()
        assert "It came back" in shown(ned, place) and f"R-{request.number}" in shown(ned, place)
        of_request = request.get_absolute_url()
        assert f'href="{place}" class="btn at-btn-primary' in shown(ned, of_request)
        assert "It came back. Your answers are kept." in shown(ned, "/home/work/")
        assert place not in shown(signed_in(cast.rita), of_request), "nobody but the requester sees the answers there"
        ned.post(f"{place}team/", PAGES["team"] | {"sponsor": "Bea"})
        ned.post(f"{place}check/")
        again = Request.objects.exclude(pk=request.pk).get()
        assert again.facts["answers"]["team"]["sponsor"] == "Bea"
        assert place not in shown(ned, of_request), "they went on with another request"
        assert approve(again, cast).state == "ready"
        assert 'href="/tenants/treasury/"' not in shown(ned, of_request).partition("<main")[2], "that is the other's"

    def test_home_leads_on_from_a_draft_to_the_first_call(self, cast: Cast, ned: Client) -> None:
        assert "Your new team" not in shown(ned, "/home/work/")
        place = ned.post("/tenants/new/")["Location"]
        ned.post(f"{place}team/", PAGES["team"])
        assert "A draft: 6 of 7 pages to go." in shown(ned, "/home/work/") and place in shown(ned, "/home/work/")
        onboarding = draft(cast.ned, team={"slug": "other", "name": "Other"})
        assert "A draft, ready to be sent." in shown(ned, "/home/work/")
        request = send(onboarding=onboarding, by=cast.ned)
        assert onboarding.get_absolute_url() not in shown(ned, "/home/work/"), "it is with the board"
        assert approve(request, cast).state == "ready"
        assert "/tenants/other/welcome/" in shown(ned, "/home/work/")
        called(Environment.objects.filter(tenant__slug="other")[0])
        assert "/tenants/other/welcome/" not in shown(ned, "/home/work/")

    def test_one_open_request_a_name_and_a_strangers_is_not_shown(self, cast: Cast) -> None:
        send_team(slug="treasury", by=cast.ned)
        dev = signed_in(cast.dev)
        told = dev.post(f"{draft(cast.dev, people={'people': []}).get_absolute_url()}check/")
        assert told.status_code == 409
        assert b"Choose another" in told.content and b"R-1" not in told.content

    def test_a_name_taken_in_the_meantime_stops_the_vote_and_changes_nothing(self, cast: Cast) -> None:
        request = send_team(slug="treasury", by=cast.ned)
        create_tenant(slug="treasury", name="Other", owner=cast.greta, by=cast.pat)
        with pytest.raises(SlugTaken):
            vote(review=request.reviews.get(), verdict="approve", comment="ok", by=cast.rita)
        request.refresh_from_db()
        assert request.state == "in_review"
        assert not request.reviews.get().votes.exists()
        vote(review=request.reviews.get(), verdict="refuse", comment="The name is taken.", by=cast.rita)


class TestForeign:
    def test_a_draft_exists_for_who_began_it_alone(self, cast: Cast) -> None:
        place = draft(cast.ned).get_absolute_url()
        for stranger in (cast.dev, cast.rita, cast.pat):
            client = signed_in(stranger)
            for path in (place, f"{place}team/", f"{place}check/", f"/api/onboardings/{place.split('/')[-2]}/"):
                assert client.get(path).status_code == 404, path
            for verb in ("discard", "retry", "take-back", "team", "check"):
                assert client.post(f"{place}{verb}/").status_code == 404, verb

    def test_a_draft_that_was_never_sent_can_be_thrown_away(self, cast: Cast, ned: Client) -> None:
        place = draft(cast.ned).get_absolute_url()
        ned.post(f"{place}discard/")
        assert not Onboarding.objects.exists() and ned.get(place).status_code == 404

    def test_one_that_was_sent_stays(self, cast: Cast, ned: Client) -> None:
        onboarding = draft(cast.ned)
        request = send(onboarding=onboarding, by=cast.ned)
        vote(review=request.reviews.get(), verdict="refuse", comment="No.", by=cast.rita)
        assert ned.post(f"{onboarding.get_absolute_url()}discard/").status_code == 409
        assert Onboarding.objects.exists()


class TestApi:
    def test_it_works(self, cast: Cast, ned: Client) -> None:
        made = ned.post("/api/onboardings/", {"answers": {"team": ANSWERS["team"]}}, "application/json")
        assert made.status_code == 201, made.content
        place = f"/api/onboardings/{made.json()['id']}/"
        rest = {page: given for page, given in answers().items() if page != "team"}
        kept = ned.patch(place, {"answers": rest}, "application/json").json()
        assert kept["missing"] == [] and kept["risk"]["tier"] == "low"
        assert kept["expected_cost_a_month"] == ["$48.00"]
        sent = ned.post(f"{place}send/", {}, "application/json")
        assert sent.status_code == 201 and sent.json()["number"] == Request.objects.get().number
        approve(Request.objects.get(), cast)
        done = ned.get(place).json()
        assert done["state"] == "ready" and done["tenant"] == "treasury"
        assert [step["state"] for step in done["steps"]] == ["done"] * 7
        assert [each["id"] for each in ned.get("/api/onboardings/").json()["results"]] == [made.json()["id"]]

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"teams": {}}, "answers"),
            ({"team": "Treasury"}, "team"),
            ({"team": ANSWERS["team"] | {"tenant": "acme"}}, "team"),
            ({"team": ANSWERS["team"] | {"slug": "acme"}}, "team.slug"),
            ({"people": {"people": [{"person": "dev", "role": "emperor"}]}}, "people.role_1"),
            ({"people": {"people": [{"person": f"a{n}@x.test", "role": "viewer"} for n in range(9)]}}, "people"),
            ({"people": {"people": ["dev"]}}, "people"),
            ({"models": {"routes": [{"slug": "echo-model"}], "environments": []}}, "models.routes"),
            ({"models": {"routes": "echo-model", "environments": ["test"]}}, "models.routes"),
            ({"team": ANSWERS["team"] | {"name": {"a": 1}}}, "team.name"),
            ({"team": ANSWERS["team"] | {"name": "a\x00b"}}, "team.name"),
            ({"volume": {"calls_per_day": {"echo-model": 1}, "input_tokens": 1, "output_tokens": 1}}, "volume"),
        ],
    )
    def test_what_is_not_understood_is_named_and_nothing_is_kept(
        self, ned: Client, given: dict[str, Any], field: str
    ) -> None:
        told = ned.post("/api/onboardings/", {"answers": given}, "application/json")
        assert told.status_code == 422, told.content
        assert told.json()["field"] == field, told.content
        assert not Onboarding.objects.exists()
