"""Decisions as a list, found by who reads them; and the runs that verify all of them, for auditors."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from access.asking import request_access
from approvals import subjects
from approvals.models import Decision, DecisionVerification, Request, Review, Seal
from approvals.sealing.printing import printed
from approvals.sending import change, send
from approvals.subjects import only_what_was_asked
from approvals.suspending import resume, suspend
from approvals.tasks import seal_decisions, verify_decisions, verify_decisions_daily
from approvals.voting import vote
from audit.models import Entry
from tests.cast import Cast, route

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(cast: Cast) -> list[Decision]:
    """One approved for production, and one refused for a test."""
    wanted, made = route(), []
    for kind, verdict in (("production", "approve"), ("test", "refuse")):
        asked = request_access(environment=cast.environment(kind), route=wanted, purpose=f"In {kind}", by=cast.dev)
        vote(review=asked.reviews.get(), verdict=verdict, comment="So.", by=cast.rita)
        made.append(Decision.objects.get(request=asked))
    return made


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def shown(client: Client, query: str = "") -> list[str]:
    return [row.request.title.rpartition(" ")[2] for row, *_ in client.get(f"/decisions/{query}").context["rows"]]


def test_it_works(cast: Cast, two: list[Decision]) -> None:
    client = signed_in(cast.ada)
    assert shown(client) == ["test", "production"]
    page = client.get("/decisions/").content.decode()
    assert f"/decisions/{two[0].pk}/" in page and "Are they intact?" in page
    assert "/decisions/" in client.get("/requests/").content.decode()


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("?q=echo-model", ["test", "production"]), ("?q=R-1", ["production"]), ("?q=production", ["production"]),
        ("?q=nothing", []), ("?outcome=refused", ["test"]), ("?kind=access&tenant=acme", ["test", "production"]),
        ("?kind=limits", []), ("?tenant=globex", []), ("?holds=now", ["production"]), ("?holds=ended", []),
        ("?outcome=nonsense&q=%00&page=x", ["test", "production"]),
    ],
)  # fmt: skip
def test_it_is_filtered_by_its_address(cast: Cast, two: list[Decision], query: str, kinds: list[str]) -> None:
    assert shown(signed_in(cast.dev), query) == kinds
    if "nonsense" not in query:
        told = signed_in(cast.dev).get(f"/api/decisions/{query.replace('page=x', '')}").json()["results"]
        assert [row["record"]["request"]["title"].rpartition(" ")[2] for row in told] == kinds


def test_what_holds_now_is_what_its_request_still_is(cast: Cast, two: list[Decision]) -> None:
    client, asked = signed_in(cast.ada), two[0].request
    suspend(request=asked, reason="An incident", by=cast.pat)
    assert shown(client, "?holds=now") == [] and shown(client, "?holds=ended") == ["production"]
    for address in ("/decisions/", f"/decisions/{two[0].pk}/"):
        assert "Suspended" in client.get(address).content.decode()
    assert client.get(f"/api/decisions/{two[0].pk}/").json()["state"] == "suspended"
    resume(request=asked, reason="It is over", by=cast.pat)
    assert shown(client, "?holds=now") == ["production"]
    assert "Suspended" not in client.get("/decisions/").content.decode()


def test_nobody_finds_what_is_not_theirs(cast: Cast, two: list[Decision]) -> None:
    for person in (cast.greta, cast.ned):
        client = signed_in(person)
        assert shown(client) == [] and "Nothing was decided yet" in client.get("/decisions/").content.decode()
        assert client.get("/decisions/export.csv").getvalue().decode().count("\n") == 1


def test_the_export_answers_who_approved_what_on_which_evidence(cast: Cast, two: list[Decision]) -> None:
    file = signed_in(cast.ada).get("/decisions/export.csv?outcome=approved").getvalue().decode("utf-8-sig")
    (row,) = csv.DictReader(file.splitlines())
    assert (row["number"], row["tenant"], row["approved by"], row["outcome"]) == ("R-1", "acme", "rita", "approved")
    assert row["policy"] == f"{two[0].record['policy']['slug']} v1" and row["state now"] == "Approved"
    assert "The model" in row["evidence"] and row["SHA-256"] == two[0].hash
    assert signed_in(cast.ada).get("/decisions/export.csv?outcome=nonsense").status_code == 422


def test_an_auditor_has_them_verified_and_reads_what_was_found(cast: Cast, two: list[Decision]) -> None:
    client = signed_in(cast.ada)
    assert "never verified" in client.get("/decisions/verification/").content.decode()
    client.post("/decisions/verification/")
    run = DecisionVerification.objects.get()
    assert "Waiting for a worker" in client.get("/decisions/verification/").content.decode()
    client.post("/decisions/verification/")
    assert DecisionVerification.objects.count() == 1, "one that waits is not asked for twice"
    verify_decisions(str(run.pk))
    page = client.get("/decisions/verification/").content.decode()
    assert "The decisions are intact" in page and "2 decisions and 2 seals" in page
    assert Entry.objects.filter(verb="decisions.verified", facts__intact=True).count() == 1
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE approvals_vote SET comment = 'Other' WHERE verdict = 'refuse'")
        cursor.execute("SET LOCAL session_replication_role = origin")
    verify_decisions_daily()
    page = client.get("/decisions/verification/").content.decode()
    assert "vote of rita in stage 1, comment" in page and "1 finding in 2 decisions" in page
    told = client.get("/api/decision-verifications/").json()["results"]
    assert [(row["state"], row["asked_by"]) for row in told] == [("broken", "Atrium"), ("verified", "Ada")]
    assert told[0]["findings"][0]["about"] == "R-2"


def test_an_auditor_comes_from_model_grants_and_decision_to_the_answer(cast: Cast, two: list[Decision]) -> None:
    client = signed_in(cast.ada)
    assert "/decisions/?q=echo-model" in client.get("/catalog/models/echo-model/?tab=access").content.decode()
    assert "/decisions/?tenant=acme" in client.get("/tenants/acme/grants/").content.decode()
    page = client.get(f"/decisions/{two[0].pk}/").content.decode()
    assert "acme/support/production may call echo-model: active" in page
    assert f"Policy “{two[0].record['policy']['slug']}”, version 1." in page and "Nothing changed" in page


def test_earlier_rounds_checklists_and_conditions_are_on_the_page_and_in_the_printed_one(cast: Cast) -> None:
    wanted = route()
    asked = request_access(environment=cast.environment(), route=wanted, purpose="Help", by=cast.dev)
    vote(review=asked.reviews.get(), verdict="send_back", comment="Help whom?", by=cast.rita)
    change(request=asked, reason="Help customers", facts={}, by=cast.dev)
    asked = send(request=asked, by=cast.dev)
    review = asked.reviews.get(outcome="open")
    Review.objects.filter(pk=review.pk).update(checklist=["Is the purpose clear?"])
    vote(
        review=review, verdict="approve", comment="So.", by=cast.rita, checked=["Is the purpose clear?"],
        conditions={"tools": []},
    )  # fmt: skip
    decision = Decision.objects.get()
    page = signed_in(cast.ada).get(f"/decisions/{decision.pk}/").content.decode()
    printed_page = printed(decision.record, Seal.objects.get().statement)
    for shown_page in (page, printed_page):
        assert "Round 1, sent back" in shown_page and "Help whom?" in shown_page
        assert "Checked: Is the purpose clear?" in shown_page
    assert "with conditions" in page and "approve, with conditions" in printed_page and "send back" in printed_page


def test_a_kind_with_nothing_to_compare_says_nothing_of_changes(cast: Cast, two: list[Decision]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(subjects._kinds, "access", replace(subjects._kinds["access"], fingerprint=only_what_was_asked))
        page = signed_in(cast.ada).get(f"/decisions/{two[0].pk}/").content.decode()
        assert "Nothing changed" not in page and "What changed since" not in page
        assert not signed_in(cast.ada).get(f"/api/decisions/{two[0].pk}/since/").json()["is_known"]


def test_only_who_sees_every_request_has_them_verified(cast: Cast, two: list[Decision]) -> None:
    for person in (cast.rita, cast.olivia):
        client = signed_in(person)
        assert client.get("/decisions/verification/").status_code == 403
        assert client.post("/decisions/verification/").status_code == 403
        assert client.post("/api/decision-verifications/", content_type="application/json").status_code == 403
    assert signed_in(cast.pat).post("/api/decision-verifications/", content_type="application/json").status_code == 202


def test_a_run_that_stops_says_so(cast: Cast, two: list[Decision], monkeypatch: pytest.MonkeyPatch) -> None:
    run = DecisionVerification.objects.create(asked_by="Ada")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE approvals_decision SET record = '{}'")
        cursor.execute("SET LOCAL session_replication_role = origin")
    verify_decisions(str(run.pk))
    run.refresh_from_db()
    assert run.state == "broken", "a record that says nothing is a finding, and stops nothing"
    assert {finding["about"] for finding in run.findings} >= {"R-1", "R-2"}


def test_the_job_has_nothing_to_do_where_all_is_sealed(cast: Cast, two: list[Decision]) -> None:
    assert seal_decisions() == 0


def test_the_pages_need_few_queries(cast: Cast, two: list[Decision], django_assert_max_num_queries: Any) -> None:
    client = signed_in(cast.ada)
    number = Request.objects.get(pk=two[0].request_id).number
    for address, most in (
        ("/decisions/", 12), ("/decisions/verification/", 12), (f"/decisions/{two[0].pk}/", 20),
        (f"/requests/{number}/?tab=evidence", 12),
    ):  # fmt: skip
        client.get(address)
        with django_assert_max_num_queries(most):
            assert client.get(address).status_code == 200
