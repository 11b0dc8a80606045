"""Drafts, rounds, suspension and replacement of a request, as people meet them on its page and on the API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from access.asking import request_access
from access.conditions import read
from access.granting import grant, revoke
from access.keys.asking import request_key
from access.models import Grant
from approvals import subjects
from approvals.boards import create_board, seat
from approvals.delegation.tables import Delegation
from approvals.models import Request, Vote
from approvals.policies import change_policy
from approvals.sending import NotTheRequester, change, send
from approvals.subjects import FactsStay, SubjectKind, register
from approvals.submit import MOST_DRAFTS, OpenRequestExists, TooManyDrafts, submit
from approvals.suspending import NotSuspendable, resume, suspend
from approvals.voting import OwnRequest, vote
from approvals.withdraw import withdraw
from audit.models import Entry
from catalog.models import Route
from tenants.memberships import remove_member
from tenants.models import Membership, Notification, User
from tenants.service_accounts import create as create_service_account
from tests.approvals.test_at_once import at_once
from tests.cast import Cast, route
from usage.limits.asking import request_limits
from usage.limits.places import of_environment


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def drafted(cast: Cast, **more: Any) -> Request:
    return request_access(
        environment=cast.environment(), route=route(), purpose="Help customers", is_draft=True, by=cast.dev, **more
    )


def sent(cast: Cast, **more: Any) -> Request:
    return request_access(environment=cast.environment(), route=route(), purpose="Help customers", by=cast.dev, **more)


def say(request: Request, by: User, verdict: str, comment: str = "Because.", **more: Any) -> Request:
    vote(review=request.reviews.get(outcome="open"), verdict=verdict, comment=comment, by=by, **more)
    request.refresh_from_db()
    return request


@pytest.fixture(autouse=True)
def kinds_of_here_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is known to nobody else."""
    monkeypatch.setattr(subjects, "_kinds", dict(subjects._kinds))


def test_it_works(cast: Cast) -> None:
    asked = sent(cast)
    board, dev = signed_in(cast.rita), signed_in(cast.dev)
    given = {"review": str(asked.reviews.get().pk), "verdict": "send_back", "comment": "For which customers?"}
    board.post(f"/requests/{asked.number}/vote/", given)
    page = dev.get(asked.get_absolute_url()).content.decode()
    assert "It is your turn: it was sent back." in page and "For which customers?" in page
    told = dev.post(
        f"/requests/{asked.number}/change/",
        {"reason": "Help customers in Norway", "expected_calls_per_day": "500", "tools": "any", "do": "send"},
        follow=True,
    )
    assert f"R-{asked.number} is sent." in told.content.decode()
    page = board.get(asked.get_absolute_url()).content.decode()
    assert "What changed since round 1" in page and "<ins> in Norway</ins>" in page and "Expected calls per day" in page
    assert "Sent back" in page and "round 1" in page and "It is your turn: vote for Risk board" in page
    asked = say(asked, cast.rita, "approve")
    assert (asked.number, asked.round, asked.state) == (1, 2, "approved")
    record = asked.decision.record
    assert [vote["verdict"] for review in record["reviews"] for vote in review["votes"]] == ["approve"]
    assert record["earlier_rounds"][0]["reason"] == "Help customers"
    assert record["earlier_rounds"][0]["reviews"][0]["votes"][0]["comment"] == "For which customers?"
    assert Grant.objects.in_force().get().decided_by == ["Rita"]


def test_what_was_sent_back_waits_for_who_asked_and_for_nobody_else(cast: Cast) -> None:
    asked = say(sent(cast), cast.rita, "send_back")
    listed = signed_in(cast.rob).get("/api/requests/?waiting_for_me=true").json()["results"]
    assert listed == []
    told = signed_in(cast.olivia).get(f"/api/requests/{asked.number}/").json()
    assert told["next_step"] == "Dev was asked to change it and to send it again."
    with pytest.raises(OpenRequestExists):
        request_access(environment=cast.environment(), route=Route.objects.get(), purpose="y", by=cast.dev)


def test_what_was_sent_back_to_somebody_gone_does_not_hold_its_subject_for_ever(cast: Cast) -> None:
    asked = say(sent(cast), cast.rita, "send_back")
    cast.dev.is_active = False
    cast.dev.save()
    told = signed_in(cast.vera).post(f"/api/requests/{asked.number}/withdraw/", {}, content_type="application/json")
    assert told.json()["code"] == "not_the_requester" and "who decides for the tenant" in told.content.decode()
    with pytest.raises(OpenRequestExists, match="sent back to who asked"):
        request_access(environment=cast.environment(), route=Route.objects.get(), purpose="y", by=cast.olivia)
    for person in (cast.olivia, cast.pat):
        page = signed_in(person).get(asked.get_absolute_url()).content.decode()
        assert "Withdraw the request" in page and "Dev is told" in page, person
    assert "Withdraw the request" not in signed_in(cast.vera).get(asked.get_absolute_url()).content.decode()
    signed_in(cast.olivia).post(f"/requests/{asked.number}/withdraw/")
    again = request_access(environment=cast.environment(), route=Route.objects.get(), purpose="y", by=cast.olivia)
    assert again.state == "in_review"
    with pytest.raises(NotTheRequester):
        withdraw(request=again, by=cast.pat)


def test_the_api_changes_sends_and_shows_the_difference(cast: Cast) -> None:
    asked = say(sent(cast), cast.rita, "send_back")
    dev = signed_in(cast.dev)

    def post(verb: str, body: dict[str, Any]) -> Any:
        return dev.post(f"/api/requests/{asked.number}/{verb}/", body, content_type="application/json")

    told = post("change", {"facts": {"conditions": {"max_answers": 1}}})
    assert told.status_code == 200, told.content
    assert told.json()["changes"] == [{"name": "Conditions, max answers", "before": "", "after": "1"}]
    assert (told.json()["state"], post("send", {}).json()["round"]) == ("sent_back", 2)
    assert post("send", {}).json()["code"] == "transition_not_possible"
    assert post("change", {"facts": {"route": "other"}}).status_code in (409, 422)


def test_facts_that_name_the_subject_stay(cast: Cast) -> None:
    asked = drafted(cast)
    for facts in ({"route": "another"}, {"expected_calls_per_day": -1}, {"expected_calls_per_day": True}):
        told = signed_in(cast.dev).post(
            f"/api/requests/{asked.number}/change/", {"facts": facts}, content_type="application/json"
        )
        assert told.status_code == 422, facts
    with pytest.raises(FactsStay):
        change(request=asked, reason="x", facts={"route": "another"}, by=cast.dev)


def test_a_draft_is_its_authors_alone_until_it_is_sent(cast: Cast) -> None:
    asked = drafted(cast)
    path = asked.get_absolute_url()
    for person in (cast.olivia, cast.vera, cast.rita, cast.pat, cast.ada, cast.greta):
        client = signed_in(person)
        assert client.get(path).status_code == 404, person
        assert client.get(f"/api/requests/{asked.number}/").status_code == 404, person
        assert path not in client.get("/requests/").content.decode(), person
        assert client.get("/api/requests/").json()["results"] == [], person
        for show in ("open", "decided"):
            assert path not in client.get(f"/board/?show={show}").content.decode(), person
    told = signed_in(cast.dev).post(f"/requests/{asked.number}/comment/", {"text": "For later", "once": "x"})
    assert (told.status_code, asked.comments.count()) == (302, 1)
    assert asked.title not in signed_in(cast.olivia).get("/tenants/acme/audit/").content.decode()
    assert not Entry.objects.filter(subject_id=str(asked.pk)).exclude(tenant="").exists()
    page = signed_in(cast.dev).get(path).content.decode()
    assert "A draft that nobody else sees." in page and "Throw away" in page
    send(request=asked, by=cast.dev)
    assert signed_in(cast.rita).get(path).status_code == 200


def test_a_draft_is_kept_on_the_page_where_one_asks_and_does_not_hold_the_subject(cast: Cast) -> None:
    made, environment = route(), cast.environment()
    given = {"environment": environment.path, "purpose": "Later", "tools": "any", "do": "draft"}
    told = signed_in(cast.dev).post(f"/requests/new/access/{made.slug}/", given, follow=True)
    assert "Nobody else sees it until you send it." in told.content.decode()
    draft = Request.objects.get()
    assert (draft.state, draft.reviews.count()) == ("draft", 0)
    other = request_access(environment=environment, route=made, purpose="Now", by=cast.olivia)
    with pytest.raises(OpenRequestExists):
        send(request=draft, by=cast.dev)
    assert other.state == "in_review"


def test_a_draft_is_thrown_away_and_there_are_not_too_many(cast: Cast) -> None:
    made = route()
    for _ in range(MOST_DRAFTS):
        last = request_access(environment=cast.environment(), route=made, purpose="x", is_draft=True, by=cast.dev)
    with pytest.raises(TooManyDrafts):
        request_access(environment=cast.environment(), route=made, purpose="x", is_draft=True, by=cast.dev)
    signed_in(cast.dev).post(f"/requests/{last.number}/withdraw/")
    last.refresh_from_db()
    assert last.state == "withdrawn"
    assert signed_in(cast.pat).get(last.get_absolute_url()).status_code == 404


def test_what_may_not_be_asked_for_any_more_is_not_sent_from_a_draft(cast: Cast) -> None:
    asked = drafted(cast)
    Route.objects.update(is_enabled=False)
    told = signed_in(cast.dev).post(f"/api/requests/{asked.number}/send/", {}, content_type="application/json")
    assert (told.status_code, told.json()["code"]) == (409, "route_disabled")


def test_every_stage_looks_anew_and_the_new_round_has_the_policy_of_its_sending(cast: Cast) -> None:
    legal = create_board(slug="legal", name="Legal board", by=cast.pat)
    seat(board=legal, user=cast.ned, by=cast.pat)
    stages = [{"board": "risk", "quorum": 1}, {"board": "legal", "quorum": 1}]
    change_policy(subject_kind="access", sentence="Both.", stages=stages, by=cast.pat)
    asked = say(sent(cast), cast.rita, "approve")
    change_policy(subject_kind="access", sentence="Risk.", stages=stages[:1], by=cast.pat)
    assert asked.policy is not None
    assert (asked.policy.version, asked.state) == (2, "in_review"), "what is in review keeps its policy"
    asked = say(asked, cast.ned, "send_back", "Which data?")
    send(request=asked, by=cast.dev)
    asked = say(asked, cast.rita, "approve")
    assert (asked.state, asked.policy.version) == ("approved", 3)


def test_conditions_of_a_round_that_was_sent_back_do_not_bind_the_next(cast: Cast) -> None:
    legal = create_board(slug="legal", name="Legal board", by=cast.pat)
    seat(board=legal, user=cast.ned, by=cast.pat)
    stages = [{"board": "risk", "quorum": 1}, {"board": "legal", "quorum": 1}]
    change_policy(subject_kind="access", sentence="Both.", stages=stages, by=cast.pat)
    asked = say(sent(cast), cast.rita, "approve", conditions={"max_answers": 1})
    asked = say(asked, cast.ned, "send_back")
    send(request=asked, by=cast.dev)
    asked = say(say(asked, cast.rita, "approve"), cast.ned, "approve")
    assert asked.state == "approved"
    assert Grant.objects.in_force().get().demanded.is_empty


def test_what_is_approved_as_it_is_sent_again_is_not_told_with_words_of_the_round_before(cast: Cast) -> None:
    asked = request_access(environment=cast.environment(), route=route(), purpose="x", by=cast.olivia)
    asked = say(asked, cast.rita, "send_back", "No, for which customers?")
    Delegation.objects.create(capability="models", mode="tenant", sentence="So it is.")
    send(request=asked, by=cast.olivia)
    asked.refresh_from_db()
    assert asked.state == "approved"
    assert not Notification.objects.filter(title__startswith="Approved").exists()


def test_who_may_no_longer_ask_does_not_send_again(cast: Cast) -> None:
    for kind in ("limits", "key"):
        change_policy(subject_kind=kind, sentence="So.", stages=[{"board": "risk", "quorum": 1}], by=cast.pat)
    for capability in ("limits", "keys"):
        Delegation.objects.create(capability=capability, mode="platform", sentence="So it is.")
    place = of_environment(cast.environment())
    limits = say(request_limits(place=place, amounts={"requests": 9}, reason="x", by=cast.dev), cast.rita, "send_back")
    key = say(request_key(environment=cast.environment(), reason="x", by=cast.dev), cast.rita, "send_back")
    remove_member(membership=Membership.objects.get(user=cast.dev), by=cast.olivia)
    dev = signed_in(User.objects.get(pk=cast.dev.pk))
    for asked in (limits, key):
        for verb, body in (("send", {}), ("change", {"reason": "y"})):
            told = dev.post(f"/api/requests/{asked.number}/{verb}/", body, content_type="application/json")
            assert told.status_code in (403, 404), (asked, told.content)
        asked.refresh_from_db()
        assert (asked.state, asked.reason) == ("sent_back", "x")


def test_an_approval_that_demands_something_says_so(cast: Cast) -> None:
    asked = say(sent(cast), cast.rita, "approve", conditions={"max_answers": 1})
    assert asked.state == "approved_with_conditions"
    assert asked.decision.outcome == "approved"
    page = signed_in(cast.dev).get(asked.get_absolute_url()).content.decode()
    assert "Approved with conditions" in page
    assert Grant.objects.in_force().get().demanded.as_json() == {"max_answers": 1}


def test_the_platform_team_suspends_and_resumes_on_the_page(cast: Cast) -> None:
    asked = say(sent(cast), cast.rita, "approve", conditions={"max_answers": 1})
    pat = signed_in(cast.pat)
    page = pat.get(asked.get_absolute_url()).content.decode()
    assert "Suspend the approval" in page
    pat.post(f"/requests/{asked.number}/suspend/", {"reason": "The provider had a leak."})
    asked.refresh_from_db()
    assert (asked.state, Grant.objects.in_force().count()) == ("suspended", 0)
    page = signed_in(cast.dev).get(asked.get_absolute_url()).content.decode()
    assert "The provider had a leak." in page and "Resume the approval" not in page
    told = pat.post(f"/requests/{asked.number}/resume/", {"reason": ""}, follow=True)
    assert "Say why" in told.content.decode()
    pat.post(f"/requests/{asked.number}/resume/", {"reason": "It is mended."})
    asked.refresh_from_db()
    assert asked.state == "approved_with_conditions"
    assert Grant.objects.in_force().get().demanded.as_json() == {"max_answers": 1}


def test_what_was_revoked_before_the_suspension_is_not_given_again(cast: Cast) -> None:
    asked = say(sent(cast), cast.rita, "approve")
    suspend(request=asked, reason="A leak.", by=cast.pat)
    resume(request=asked, reason="Mended.", by=cast.pat)
    revoke(grant=Grant.objects.in_force().get(), by=cast.olivia, reason="An incident")
    suspend(request=asked, reason="Another leak.", by=cast.pat)
    assert resume(request=asked, reason="Mended too.", by=cast.pat).state == "approved"
    assert not Grant.objects.in_force().exists()


def test_what_was_given_since_the_suspension_stays(cast: Cast) -> None:
    asked = say(sent(cast), cast.rita, "approve")
    suspend(request=asked, reason="A leak.", by=cast.pat)
    narrow = grant(
        environment=cast.environment(), route=Route.objects.get(), conditions=read({"max_answers": 1}), by=cast.pat
    )
    resume(request=asked, reason="Mended.", by=cast.pat)
    assert Grant.objects.in_force().get() == narrow


def test_what_cannot_be_taken_back_is_not_suspended(cast: Cast) -> None:

    register(SubjectKind(slug="toy", name="A toy", effect="Nothing."))
    change_policy(subject_kind="toy", sentence="Risk.", stages=[{"board": "risk", "quorum": 1}], by=cast.pat)
    asked = submit(subject_kind="toy", subject_key="1", title="A toy", reason="x", tenant=cast.acme, by=cast.dev)
    asked = say(asked, cast.rita, "approve")
    with pytest.raises(NotSuspendable):
        suspend(request=asked, reason="x", by=cast.pat)


def test_a_newer_approval_takes_the_place_of_the_earlier(cast: Cast) -> None:
    first = say(sent(cast), cast.rita, "approve")
    revoke(grant=Grant.objects.get(), by=cast.pat, reason="x")
    second = request_access(environment=cast.environment(), route=Route.objects.get(), purpose="y", by=cast.dev)
    say(second, cast.rita, "approve")
    first.refresh_from_db()
    assert (first.state, second.state) == ("superseded", "approved")
    page = signed_in(cast.dev).get(first.get_absolute_url()).content.decode()
    assert "A newer approval of the same took its place." in page


def test_nobody_decides_on_what_their_service_account_asked_for(cast: Cast) -> None:
    account = create_service_account(tenant=cast.acme, name="robot", by=cast.rita)
    asked = request_access(environment=cast.environment(), route=route(), purpose="x", by=account)
    with pytest.raises(OwnRequest):
        say(asked, cast.rita, "approve")
    assert signed_in(cast.rita).get("/api/requests/?waiting_for_me=true").json()["results"] == []
    assert "Your vote for" not in signed_in(cast.rita).get(asked.get_absolute_url()).content.decode()
    assert say(asked, cast.rob, "approve").state == "approved"


@pytest.fixture
def house(transactional_db: None) -> Cast:
    return Cast.create()


@pytest.mark.parametrize("other", ["send", "change", "withdraw"])
def test_of_two_who_act_at_once_on_what_was_sent_back_each_is_answered(house: Cast, other: str) -> None:
    asked = say(sent(house), house.rita, "send_back")
    deeds: dict[str, Callable[[], object]] = {
        "send": lambda: send(request=asked, by=house.dev),
        "change": lambda: change(request=asked, reason="Other words", by=house.dev),
        "withdraw": lambda: withdraw(request=asked, by=house.dev),
    }
    told = at_once(deeds["send"], deeds[other])
    asked.refresh_from_db()
    if other == "change":
        assert told[0] == "done" and told[1] in ("done", "transition_not_possible")
    elif other == "send":
        assert sorted(told) == ["done", "transition_not_possible"]
    else:  # what was sent may be withdrawn, what was withdrawn is not sent
        assert told[1] == "done" and told[0] in ("done", "transition_not_possible")
    assert asked.state == ("withdrawn" if other == "withdraw" else "in_review")
    assert asked.reviews.filter(outcome="open").count() == (0 if other == "withdraw" else 1)


def test_of_two_drafts_of_one_subject_sent_at_once_the_second_is_told(house: Cast) -> None:
    made, environment = route(), house.environment()
    drafts = [
        request_access(environment=environment, route=made, purpose="x", is_draft=True, by=by)
        for by in (house.dev, house.olivia, house.dev, house.olivia)
    ]
    told = at_once(*(lambda one=one: send(request=one, by=one.requester) for one in drafts))  # type: ignore[misc]
    assert sorted(told) == ["done"] + ["open_request_exists"] * 3


def test_of_a_last_approval_and_a_sending_back_at_once_one_counts(house: Cast) -> None:
    asked = sent(house)
    review = asked.reviews.get()
    told = at_once(
        lambda: vote(review=review, verdict="approve", comment="ok", by=house.rita),
        lambda: vote(review=review, verdict="send_back", comment="no", by=house.rob),
    )
    asked.refresh_from_db()
    assert sorted(told) == ["done", "transition_not_possible"]
    assert asked.state == ("approved" if told[0] == "done" else "sent_back")
    assert (Vote.objects.count(), Grant.objects.count()) == (1, 1 if told[0] == "done" else 0)
