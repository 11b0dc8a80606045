"""Evidence on a request: collected by what rooms register, given by people, stale in time, frozen with the decision."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator

import pytest
from django.db import ProgrammingError, transaction
from django.test import Client
from django.utils import timezone

from access.asking import request_access
from approvals.evidence import collectors
from approvals.evidence.collecting import EvidenceIsFrozen, collect, missing
from approvals.evidence.collectors import Collector, add_collector
from approvals.evidence.giving import EvidenceNotUnderstood, TooMuchEvidence, give
from approvals.evidence.tables import EvidenceItem
from approvals.models import Request
from approvals.sealing.verifying import verify_all
from approvals.sending import change, send
from approvals.subjects import Evidence
from approvals.tasks import collect_evidence, collect_evidence_left
from approvals.voting import vote
from audit.models import Entry
from tenants.archiving import TenantArchived, archive_tenant
from tests.cast import Cast, route
from usage.models import Price

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(cast: Cast) -> Request:
    return request_access(
        environment=cast.environment("production"), route=route(), purpose="Answer", expected_calls_per_day=100,
        by=cast.dev,
    )  # fmt: skip


@pytest.fixture
def own_collectors() -> Iterator[None]:
    before = {kind: list(each) for kind, each in collectors._added.items()}
    yield
    collectors._added.clear()
    collectors._added.update(before)


def signed_in(user: object) -> Client:
    client = Client()
    client.force_login(user)  # type: ignore[arg-type]
    return client


def named(request: Request, name: str) -> EvidenceItem:
    return EvidenceItem.objects.get(request=request, name=name, superseded_by=None)


def evidence_page(client: Client, asked: Request) -> str:
    return client.get(f"/requests/{asked.number}/?tab=evidence").content.decode()


def test_it_works(cast: Cast, asked: Request) -> None:
    assert collect_evidence(str(asked.pk)) >= 5
    cost = named(asked, "Price and cost")
    told = {fact["name"]: fact["value"] for fact in cost.facts}
    assert told["Price"] == "1.00 in and 2.00 out, USD per million tokens at Echo"
    assert told["Cost forecast"].startswith("about ")
    assert cost.expires_at == cost.collected_at + dt.timedelta(days=7)
    assert cost.sha256 == cost.computed() and len(cost.sha256) == 64
    assert {"The model", "Where it runs", "How it answers", "Access so far"} <= set(
        EvidenceItem.objects.filter(request=asked).values_list("name", flat=True)
    )
    assert Entry.objects.get(verb="evidence.collected").actor_label == "Atrium"
    page = evidence_page(signed_in(cast.rita), asked)
    assert cost.sha256 in page and "fresh until" in page and "not kept yet" not in page


def test_a_sent_request_has_it_collected_once_it_commits(
    cast: Cast, django_capture_on_commit_callbacks: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(collect_evidence, "delay", sent.append)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        made = request_access(environment=cast.environment("test"), route=route(), purpose="x", by=cast.dev)
    assert sent == [str(made.pk)]


def test_what_a_lost_job_left_is_made_up_for(cast: Cast, asked: Request) -> None:
    assert collect_evidence_left() == 1
    assert named(asked, "The model").facts
    assert collect_evidence_left() == 0


def test_what_is_stale_is_shown_and_collected_again_by_a_button(cast: Cast, asked: Request) -> None:
    collect(request=asked)
    first = named(asked, "Where it runs")
    later = timezone.now() + dt.timedelta(days=2)  # what is kept never changes, so the clock has to
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("approvals.evidence.tables.timezone.now", lambda: later)
        page = evidence_page(signed_in(cast.rita), asked)
        assert "Stale" in page and "3 of 6 stale" in page
        Price.objects.update(input_per_million=9)
        answer = signed_in(cast.rita).post(f"/requests/{asked.number}/evidence/collect/", follow=True)
    assert "The evidence was collected again." in answer.content.decode()
    newer = named(asked, "Where it runs")
    assert newer.supersedes == first and newer.collected_by == cast.rita
    assert "9.00 in" in evidence_page(signed_in(cast.dev), asked)
    assert "1 earlier version kept" in evidence_page(signed_in(cast.dev), asked)


def test_what_was_collected_minutes_ago_is_not_collected_again(cast: Cast, asked: Request) -> None:
    collect(request=asked)
    count = EvidenceItem.objects.filter(request=asked).count()
    client = signed_in(cast.vera)
    page = client.post(f"/requests/{asked.number}/evidence/collect/", follow=True).content.decode()
    assert "collected in the last minutes" in page
    answer = client.post(f"/api/requests/{asked.number}/evidence/collect/", content_type="application/json")
    assert answer.status_code == 409 and answer.json()["code"] == "collected_just_now"
    assert EvidenceItem.objects.filter(request=asked).count() == count


def sent_again(cast: Cast, asked: Request) -> Request:
    """With a higher volume, after it came back."""
    vote(review=asked.reviews.get(), verdict="send_back", comment="How many calls?", by=cast.rita)
    change(request=asked, reason="Answer", facts={"expected_calls_per_day": 900}, by=cast.dev)
    return send(request=asked, by=cast.dev)


def test_what_was_collected_before_it_was_sent_again_is_collected_anew(cast: Cast, asked: Request) -> None:
    collect(request=asked)
    give(request=asked, name="Assessment", text="Low", by=cast.dev)
    again = sent_again(cast, asked)
    assert missing(again, ["cost", "model"]) == ["cost", "model"] and missing(again, ["Assessment"]) == []
    page = evidence_page(signed_in(cast.rita), again)
    assert "Stale" in page and "before it was sent again" in page
    assert collect_evidence(str(again.pk)) >= 5 and collect_evidence(str(again.pk)) == 0
    assert missing(again, ["cost", "model"]) == []
    assert "900 calls" in str(named(again, "Price and cost").facts)
    assert "before it was sent again" not in evidence_page(signed_in(cast.rita), again)


def test_a_second_round_is_not_sealed_on_the_evidence_of_the_first(cast: Cast, asked: Request) -> None:
    """Also where its job did not run before it was decided."""
    collect(request=asked)
    first = named(asked, "Price and cost")
    again = sent_again(cast, asked)
    vote(review=again.reviews.get(outcome="open"), verdict="approve", comment="Fine.", by=cast.rita)
    record = Request.objects.get(pk=asked.pk).decision.record
    assert str(first.pk) not in {each["id"] for each in record["evidence_items"]}
    assert "900 calls" in str([each for each in record["evidence"] if each["name"] == "Cost forecast"])
    assert verify_all().is_intact


def test_a_draft_says_when_evidence_is_given(cast: Cast) -> None:
    draft = request_access(
        environment=cast.environment(), route=route(), purpose="Later", is_draft=True, by=cast.dev
    )  # fmt: skip
    with pytest.raises(EvidenceIsFrozen, match="is a draft"):
        give(request=draft, name="x", text="y", by=cast.dev)


def test_the_job_collects_only_what_is_missing_or_stale(cast: Cast, asked: Request) -> None:
    collect(request=asked)
    count = EvidenceItem.objects.filter(request=asked).count()
    assert collect_evidence(str(asked.pk)) == 0
    assert EvidenceItem.objects.filter(request=asked).count() == count


def test_a_room_adds_a_collector_and_one_that_breaks_is_told_and_breaks_nothing_else(
    cast: Cast, asked: Request, own_collectors: None
) -> None:
    add_collector("access", Collector("weather", "The weather", "Outside.", dt.timedelta(days=1), weather))
    add_collector("access", Collector("broken", "The broken one", "Never.", dt.timedelta(days=1), broken))
    collect(request=asked)
    assert named(asked, "The weather").facts[0]["value"] == "fair"
    failed = named(asked, "The broken one")
    assert failed.trouble == "It could not be collected: ZeroDivisionError." and failed.is_stale
    assert "It could not be collected: ZeroDivisionError." in evidence_page(signed_in(cast.rita), asked)
    assert missing(asked, ["weather", "The weather", "broken", "model", "a penetration test"]) == [
        "broken",
        "a penetration test",
    ]
    give(request=asked, name="A penetration test", text="Passed.", by=cast.olivia)
    assert missing(asked, ["a penetration test"]) == []
    vote(review=asked.reviews.get(), verdict="approve", comment="Fine.", by=cast.rita)
    record = Request.objects.get(pk=asked.pk).decision.record
    assert {"The weather", "The broken one", "A penetration test"} <= {
        each["name"] for each in record["evidence_items"]
    }


def weather(request: Request) -> list[Evidence]:
    return [Evidence("Sky", "fair", "A look outside")]


def broken(request: Request) -> list[Evidence]:
    return [Evidence("Never", str(1 // 0), "Nowhere")]


def test_the_decision_freezes_what_was_collected_and_nothing_is_added_after_it(cast: Cast, asked: Request) -> None:
    collect(request=asked)
    give(request=asked, name="Assessment", text="Low.", link="https://example.com/a", source="DPO", by=cast.olivia)
    Price.objects.update(input_per_million=9)  # seen was 1.00, so 1.00 is what was decided on
    vote(review=asked.reviews.get(), verdict="approve", comment="Fine.", by=cast.rita)
    asked = Request.objects.get(pk=asked.pk)
    record = asked.decision.record
    prices = [fact["value"] for fact in record["evidence"] if fact["name"] == "Price"]
    assert prices == ["1.00 in and 2.00 out, USD per million tokens at Echo"]
    sealed = {each["name"]: each["sha256"] for each in record["evidence_items"]}
    assert sealed["Assessment"] == named(asked, "Assessment").sha256
    for verb in (
        lambda: collect(request=asked, by=cast.rita),
        lambda: give(request=asked, name="x", text="y", by=cast.dev),
    ):
        with pytest.raises(EvidenceIsFrozen):
            verb()
    page = evidence_page(signed_in(cast.ada), asked)
    assert "What the board saw" in page and "Assessment" in page and "Give evidence" not in page
    too_late = signed_in(cast.dev).post(
        f"/requests/{asked.number}/evidence/", {"name": "x", "text": "y", "once": "a"}, follow=True
    )
    assert "what it was decided on stays as it was" in too_late.content.decode()


def test_evidence_is_given_on_the_page_once_and_what_cannot_be_is_told_beside_its_field(
    cast: Cast, asked: Request
) -> None:
    client, address = signed_in(cast.dev), f"/requests/{asked.number}/evidence/"
    sent = {"name": "Contract", "link": "https://example.com/c", "expires_on": "2099-01-01", "once": "a"}
    assert "among the evidence now" in client.post(address, sent, follow=True).content.decode()
    assert "sent already" in client.post(address, sent, follow=True).content.decode()
    given = EvidenceItem.objects.get(name="Contract")
    assert (given.kind, given.source, given.collected_by) == ("link", "Dev", cast.dev)
    assert given.expires_at == dt.datetime(2099, 1, 1, 23, 59, 59, 999999, dt.UTC)
    for wrong, said in (
        ({"name": "x"}, "Write what it says"),
        ({"name": "x", "link": "javascript:alert(1)"}, "Give a whole address"),
        ({"name": "x", "text": "y", "expires_on": "2001-01-01"}, "It would be stale already"),
        ({"text": "y"}, "This field is required"),
    ):
        answer = client.post(address, {**wrong, "once": "b"})
        assert answer.status_code == 422 and said in answer.content.decode(), wrong
    shown = client.post(address, {"name": "<b>x</b>", "text": "<script>alert(1)</script>", "once": "c"}, follow=True)
    assert "<script>alert(1)" not in shown.content.decode()


def test_a_newer_version_supersedes_and_the_older_stays(cast: Cast, asked: Request) -> None:
    first = give(request=asked, name="Assessment", text="Draft", by=cast.dev)
    second = give(request=asked, name="Assessment", text="Final", supersedes=first, by=cast.dev)
    assert second.supersedes == first
    with pytest.raises(EvidenceNotUnderstood):
        give(request=asked, name="Assessment", text="Third", supersedes=first, by=cast.dev)
    page = evidence_page(signed_in(cast.rita), asked)
    assert "Final" in page and "Draft" not in page


def test_nobody_changes_what_was_collected_not_even_the_database_by_mistake(cast: Cast, asked: Request) -> None:
    item = give(request=asked, name="Assessment", text="Low", by=cast.dev)
    with pytest.raises(ProgrammingError, match="Cannot update rows"), transaction.atomic():
        EvidenceItem.objects.filter(pk=item.pk).update(text="High")


def test_strangers_find_nothing_and_an_archived_tenant_takes_nothing(cast: Cast, asked: Request) -> None:
    for path in ("evidence/", "evidence/collect/"):
        assert signed_in(cast.greta).post(f"/requests/{asked.number}/{path}").status_code == 404
    assert signed_in(cast.greta).get(f"/requests/{asked.number}/evidence.csv").status_code == 404
    archive_tenant(tenant=cast.acme, by=cast.olivia)
    asked = Request.objects.select_related("tenant").get(pk=asked.pk)
    with pytest.raises(TenantArchived):
        give(request=asked, name="x", text="y", by=cast.dev)


def test_there_is_a_most(cast: Cast, asked: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("approvals.evidence.giving.MOST_GIVEN", 1)
    give(request=asked, name="One", text="y", by=cast.dev)
    with pytest.raises(TooMuchEvidence):
        give(request=asked, name="Two", text="y", by=cast.dev)


def test_the_api_and_the_csv_tell_the_same(cast: Cast, asked: Request) -> None:
    client = signed_in(cast.dev)
    address = f"/api/requests/{asked.number}/evidence/"
    live = client.get(address).json()
    assert {piece["state"] for piece in live["pieces"]} == {"now"}
    made = client.post(address, {"name": "Contract", "text": "Signed"}, content_type="application/json")
    assert made.status_code == 201, made.content
    kept = client.post(f"{address}collect/", content_type="application/json").json()
    assert kept["stale"] == 0 and {piece["state"] for piece in kept["pieces"]} == {"fresh"}
    again = client.post(
        address, {"name": "Contract", "text": "Signed twice", "supersedes": kept["pieces"][-1]["id"]},
        content_type="application/json",
    )  # fmt: skip
    assert again.json()["pieces"][-1]["text"] == "Signed twice"
    other = client.post(
        address, {"name": "x", "text": "y", "supersedes": str(asked.pk)}, content_type="application/json"
    )
    assert other.status_code == 422
    rows = list(
        csv.DictReader(client.get(f"/requests/{asked.number}/evidence.csv").getvalue().decode("utf-8-sig").splitlines())
    )
    assert {row["evidence"] for row in rows} >= {"Contract", "The model", "Price and cost"}
    assert [row["superseded"] for row in rows if row["evidence"] == "Contract"] == ["yes", "no"]
