"""What is demanded of calls: asked for by a team, demanded with an approval, changed later; shown with the grant."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import pytest
from django.test import Client

from access.asking import GrantedAlready, request_access
from access.changing import WiderThanDecided, change_conditions
from access.conditions import NONE, Conditions, ConditionsDisagree, read
from access.granting import grant
from access.models import Grant, Imposed
from approvals.boards import create_board, seat
from approvals.models import Request
from approvals.policies import change_policy
from approvals.voting import ConditionsNotTaken, vote
from audit.models import Entry
from portal.command.explaining import explain
from refusals.errors import Forbidden, Invalid
from tenants.changes import ChangeNote
from tenants.keys import issue
from tenants.models import Environment, Notification
from tenants.seen import ChangedMeanwhile, mark_of
from tests.approvals.test_pages import signed_in
from tests.cast import Cast, route

URL = "/requests/new/access/echo-model/"


def asked_for(cast: Cast, **conditions: Any) -> Request:
    return request_access(
        environment=cast.environment(), route=route(), purpose="Sort mail", by=cast.dev, conditions=read(conditions)
    )


def approve(cast: Cast, request: Request, **conditions: Any) -> None:
    vote(review=request.reviews.get(), verdict="approve", comment="ok", by=cast.rita, conditions=conditions)


def test_it_works(cast: Cast) -> None:
    """From the form of the request over the vote to the grant, its page and the API."""
    route()
    asked = {"environment": "acme/support/development", "purpose": "Sort mail", "max_output_tokens": "800",
             "data_classes": ["public", "internal"], "tools": "none"}  # fmt: skip
    sent = signed_in(cast.dev).post(URL, asked)
    request = Request.objects.get()
    assert sent["Location"] == request.get_absolute_url()
    board = signed_in(cast.rita)
    page = board.get(request.get_absolute_url()).content.decode()
    assert "At most 800 tokens of answer" in page and "Approve with conditions" in page
    review = str(request.reviews.get().pk)
    voted = {
        "review": review,
        "verdict": "approve",
        "comment": "In the EU",
        "regions": "EU",
        "data_classes": "internal",
    }
    assert board.post(f"/requests/{request.number}/vote/", voted).status_code == 302
    held = Grant.objects.get()
    met = {"data_classes": ["internal"], "max_output_tokens": 800, "regions": ["eu"], "tools": []}
    assert held.conditions == met
    frozen = [fact["value"] for fact in held.decision.record["evidence"]] if held.decision else []
    assert "Data: internal; Answered in eu only" in frozen, "the decision keeps who demanded what"
    entry = Entry.objects.get(verb="conditions.imposed")
    assert entry.facts["conditions"] == {"data_classes": ["internal"], "regions": ["eu"]}
    seen = signed_in(cast.dev)
    assert "4 conditions" in seen.get("/tenants/acme/grants/").content.decode()
    shown = seen.get(f"/tenants/acme/grants/{held.pk}/").content.decode()
    assert "Answered in eu only" in shown and "No tools" in shown and "Change what is demanded" not in shown
    assert "Answered in eu only" in seen.get(held.route.model.get_absolute_url() + "?tab=access").content.decode()
    assert seen.get(f"/api/grants/{held.pk}/").json()["conditions"] == met
    assert "Answered in eu only" in b"".join(seen.get("/tenants/acme/grants/export.csv")).decode()  # type: ignore[arg-type]


def test_what_is_wrong_stands_at_its_field_and_sends_nothing(cast: Cast) -> None:
    route()
    asked = {"environment": "acme/support/development", "purpose": "x", "purposes": "Big Words", "max_answers": "0",
             "tools": "named"}  # fmt: skip
    told = signed_in(cast.dev).post(URL, asked)
    text = told.content.decode()
    assert told.status_code == 422 and not Request.objects.exists()
    assert '<details class="mb-3" open>' in text and "Big Words" in text
    asked |= {"purposes": "big-words", "max_answers": "", "min_temperature": "1", "max_temperature": "0.5"}
    assert "Name at least one tool" in signed_in(cast.dev).post(URL, asked).content.decode()
    asked |= {"tool_names": "look-up"}
    assert "is above the highest" in signed_in(cast.dev).post(URL, asked).content.decode()


def test_who_decides_can_only_narrow_and_not_to_nothing(cast: Cast) -> None:
    request = asked_for(cast, max_output_tokens=100, regions=["eu"])
    with pytest.raises(ConditionsDisagree):
        approve(cast, request, regions=["us"])
    assert not Grant.objects.exists() and not Imposed.objects.exists()
    approve(cast, request, max_output_tokens=5000, regions=["eu-central-1"])
    assert Grant.objects.get().conditions == {"max_output_tokens": 100, "regions": ["eu-central-1"]}


def test_who_votes_in_two_stages_may_demand_something_in_each(cast: Cast) -> None:
    legal = create_board(slug="legal", name="Legal board", by=cast.pat)
    seat(board=legal, user=cast.rita, by=cast.pat)
    stages = [{"board": "risk", "quorum": 1}, {"board": "legal", "quorum": 1}]
    change_policy(subject_kind="access", sentence="Legal after risk.", stages=stages, by=cast.pat)
    request = asked_for(cast, max_answers=3)
    page = signed_in(cast.rita)
    for review, demanded in zip(request.reviews.all(), ({"regions": "eu"}, {"max_answers": "2"}), strict=True):
        voted = {"review": str(review.pk), "verdict": "approve", "comment": "ok"} | demanded
        assert page.post(f"/requests/{request.number}/vote/", voted).status_code == 302
    held = Grant.objects.get()
    assert held.conditions == {"regions": ["eu"], "max_answers": 2} and held.decision is not None
    said = [fact["value"] for fact in held.decision.record["evidence"] if fact["name"] == "Demanded of every call"]
    assert said == ["Answered in eu only", "At most 2 answers to a call"]


def test_a_refusal_demands_nothing(cast: Cast) -> None:
    request = asked_for(cast)
    with pytest.raises(ConditionsNotTaken):
        vote(review=request.reviews.get(), verdict="refuse", comment="no", by=cast.rita, conditions={"tools": []})
    page = signed_in(cast.rita)
    refused = {"review": str(request.reviews.get().pk), "verdict": "refuse", "comment": "no", "tools": "none"}
    assert page.post(f"/requests/{request.number}/vote/", refused).status_code == 302
    assert Request.objects.get().state == "refused" and not Imposed.objects.exists()


def test_the_board_s_disagreement_keeps_what_was_typed(cast: Cast) -> None:
    request = asked_for(cast, regions=["eu"])
    voted = {"review": str(request.reviews.get().pk), "verdict": "approve", "comment": "In the US", "regions": "us"}
    told = signed_in(cast.rita).post(f"/requests/{request.number}/vote/", voted)
    text = told.content.decode()
    assert told.status_code == 422 and "have no region in common" in text and "In the US" in text
    assert Request.objects.get().state == "in_review"


def test_by_the_api(cast: Cast, client: Client) -> None:
    route()
    client.force_login(cast.dev)
    asked: dict[str, Any] = {"environment": "acme/support/development", "route": "echo-model", "purpose": "x"}
    told = client.post("/api/access-requests/", asked | {"conditions": {"max_tokens": 5}}, "application/json")
    assert told.status_code == 422 and "is no condition" in told.content.decode()
    told = client.post("/api/access-requests/", asked | {"conditions": {"max_answers": 2}}, "application/json")
    assert told.status_code == 201 and told.json()["facts"]["conditions"] == {"max_answers": 2}
    client.force_login(cast.rita)
    number = told.json()["number"]
    voted = {"verdict": "approve", "comment": "ok", "conditions": {"streaming": False}}
    assert client.post(f"/api/requests/{number}/vote/", voted, "application/json").status_code == 200
    held = Grant.objects.get()
    assert held.conditions == {"max_answers": 2, "streaming": False}
    client.force_login(cast.olivia)
    narrower = {"conditions": {"max_answers": 1, "streaming": False}, "reason": "One is enough"}
    told = client.post(f"/api/grants/{held.pk}/conditions/", narrower, "application/json")
    assert told.status_code == 200 and told.json()["conditions"] == {"max_answers": 1, "streaming": False}
    told = client.post(f"/api/grants/{held.pk}/conditions/", {"conditions": {}, "reason": "x"}, "application/json")
    assert (told.status_code, told.json()["code"]) == (403, "wider_than_decided")


def test_managers_narrow_and_the_platform_team_changes(cast: Cast) -> None:
    held = grant(environment=cast.environment(), route=route(), by=cast.pat, conditions=Conditions(max_answers=4))
    with pytest.raises(Forbidden):
        change_conditions(grant=held, conditions=Conditions(max_answers=1), reason="x", by=cast.dev)
    notes = ChangeNote.objects.filter(kind="grant").count()
    change_conditions(
        grant=held, conditions=Conditions(max_answers=2, attachments=False), reason="Less", by=cast.olivia
    )
    assert ChangeNote.objects.filter(kind="grant").count() == notes + 1
    with pytest.raises(WiderThanDecided):
        change_conditions(grant=held, conditions=Conditions(max_answers=2), reason="More", by=cast.olivia)
    with pytest.raises(Invalid):
        change_conditions(grant=held, conditions=NONE, reason=" ", by=cast.pat)
    change_conditions(grant=held, conditions=NONE, reason="The trial went well", by=cast.pat)
    assert Grant.objects.get().conditions == {}
    entry = Entry.objects.filter(verb="grant.conditions_changed").latest("sequence")
    assert entry.facts["before"] == {"max_answers": 2, "attachments": False} and entry.facts["after"] == {}
    assert Notification.objects.filter(user=cast.olivia, body__contains="The trial went well").exists()


def test_of_two_who_change_it_at_once_the_second_is_told(cast: Cast) -> None:
    held = grant(environment=cast.environment(), route=route(), by=cast.pat)
    seen = mark_of({})
    change_conditions(grant=held, conditions=Conditions(max_answers=2), reason="First", by=cast.pat, seen=seen)
    with pytest.raises(ChangedMeanwhile):
        change_conditions(grant=held, conditions=Conditions(max_answers=1), reason="Second", by=cast.pat, seen=seen)
    page = signed_in(cast.pat)
    typed = {"seen": seen, "max_answers": "7", "reason": "My long reason"}
    told = page.post(f"/tenants/acme/grants/{held.pk}/", typed)
    text = told.content.decode()
    assert told.status_code == 422 and "changed the conditions after you had opened" in text
    assert "My long reason" in text and "At most 2 answers to a call" in text
    assert Grant.objects.get().conditions == {"max_answers": 2}
    now = mark_of({"max_answers": 2})
    assert f'name="seen" value="{now}"' in text, "who was told of it may save again"
    assert page.post(f"/tenants/acme/grants/{held.pk}/", typed | {"seen": now}).status_code == 302
    assert Grant.objects.get().conditions == {"max_answers": 7}


def test_who_has_access_asks_again_for_more_alone(cast: Cast) -> None:
    approve(cast, asked_for(cast, max_output_tokens=100))
    made = Grant.objects.get().route
    again = {"environment": cast.environment(), "route": made, "purpose": "More", "by": cast.dev}
    with pytest.raises(GrantedAlready):
        request_access(**again, conditions=Conditions(max_output_tokens=50))
    request = request_access(**again, conditions=Conditions(max_output_tokens=500))
    approve(cast, request)
    assert Grant.objects.in_force().get().conditions == {"max_output_tokens": 500}


def test_what_an_environment_sends_is_said_on_its_project_s_page(cast: Cast, client: Client) -> None:
    owner = signed_in(cast.olivia)
    path = f"/tenants/acme/projects/{cast.project.pk}/"
    assert "nobody has said" in owner.get(path).content.decode()
    seen = mark_of({"data_classes": []})
    assert f'name="seen" value="{seen}"' in owner.get(path).content.decode()
    said = owner.post(f"{path}data/", {"kind": "test", "seen": seen, "data_classes": ["personal", "internal"]})
    assert said["Location"] == path
    assert Environment.objects.get(tenant=cast.acme, kind="test").data_classes == ["internal", "personal"]
    assert Entry.objects.get(verb="environment.data_stated").facts["after"] == ["internal", "personal"]
    told = owner.post(f"{path}data/", {"kind": "test", "seen": seen, "data_classes": ["public"]}, follow=True)
    assert "Somebody else changed what is sent from test" in told.content.decode()
    assert Environment.objects.get(tenant=cast.acme, kind="test").data_classes == ["internal", "personal"]
    seen = mark_of({"data_classes": ["internal", "personal"]})
    assert f'name="seen" value="{seen}"' in told.content.decode()
    owner.post(f"{path}data/", {"kind": "test", "seen": seen, "data_classes": ["nonsense"]})
    assert Environment.objects.get(tenant=cast.acme, kind="test").data_classes == ["internal", "personal"]
    client.force_login(cast.dev)
    key = cast.environment().pk
    told = client.patch(f"/api/environments/{key}/", {"data_classes": []}, "application/json")
    assert told.status_code == 403


@pytest.mark.parametrize(
    "given",
    [
        {"max_output_tokens": "5"}, {"max_output_tokens": 0}, {"max_answers": True}, {"max_temperature": 3},
        {"max_effort": "utmost"}, {"tools": "none"}, {"tools": ["a b"]}, {"data_classes": ["secret"]},
        {"regions": ["x" * 65]}, {"attachments": "no"}, {"purposes": ["Two Words"]}, {"nonsense": 1},
        {"min_temperature": 1, "max_temperature": 0.5},
    ],
)  # fmt: skip
def test_conditions_that_cannot_be_are_refused(given: Any) -> None:
    with pytest.raises(Invalid):
        read(given)


def test_what_is_narrower() -> None:
    wide, narrow = read({"regions": ["eu"], "max_answers": 3}), read({"regions": ["eu-west-1"], "max_answers": 2})
    assert narrow.is_within(wide) and not wide.is_within(narrow)
    assert wide.is_within(NONE) and not NONE.is_within(wide)
    assert not read({"tools": []}).is_within(read({"tools": [], "streaming": False}))
    for each in (wide, narrow, read({"tools": [], "data_classes": ["special", "public"]})):
        assert read(each.as_json()) == each


def test_the_page_of_a_key_and_the_command_line_tell_them(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    grant(environment=cast.environment(), route=route(), by=cast.pat, conditions=Conditions(max_answers=2))
    key = issue(environment=cast.environment(), name="Laptop", by=cast.dev).key
    shown = signed_in(cast.dev).get(f"/tenants/acme/keys/{key.pk}/").content.decode()
    assert "What is demanded of its calls" in shown and "At most 2 answers to a call" in shown
    explain(Namespace(user="dev", permission="use_models", object="acme/support/development", json=False))
    assert "echo-model: At most 2 answers to a call" in capsys.readouterr().out
