"""The audit is found by who, what, about what, where and when, by those who may search it; and verified on request."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from django.utils import timezone

from audit import verifications
from audit.models import Entry, Verification
from audit.record import SYSTEM, record
from tenants.keys import issue
from tests.cast import Cast
from tests.database import as_owner

pytestmark = pytest.mark.django_db


def found(client: Client, query: str = "") -> list[str]:
    """The verbs that the list shows, newest first."""
    content = client.get(f"/platform/audit/?{query}").content.decode()
    return re.findall(r'data-label="Did"[^>]*><span>[^<]+<span[^>]*>([^<]+)</span>', content)


@pytest.fixture
def ada(cast: Cast, client: Client) -> Client:
    client.force_login(cast.ada)
    return client


def test_it_works(cast: Cast, ada: Client) -> None:
    issue(environment=cast.environment(), name="Nightly batch", by=cast.dev)
    assert found(ada)[0] == "key.issued"
    assert "Nightly batch" in ada.get("/platform/audit/").content.decode()


def test_each_filter_finds_its_entries(cast: Cast, ada: Client) -> None:
    key = issue(environment=cast.environment(), name="Nightly batch", by=cast.dev).key
    today = dt.datetime.now(dt.UTC).date()
    for query in ("who=dev", f"who={cast.dev.pk}", "who=Dev", "verb=key.issued", "verb=key.", "q=night+bat", "q=NIGHT",
                  f"subject=apikey:{key.pk}", "subject=apikey", f"tenant=acme&verb=key.&since={today}&until={today}",
                  f"q={key.pk}"):  # fmt: skip
        assert found(ada, query) == ["key.issued"], query
    for query in ("who=nobody", "verb=key.revoked", "tenant=globex&verb=key.issued", "q=nightly+daily",
                  f"verb=key.&until={today - dt.timedelta(days=1)}", "subject=apikey:1", "q=zz"):  # fmt: skip
        assert found(ada, query) == [], query


@pytest.mark.parametrize("query", ["since=yesterday", "q=%00", "q=%27%3B--&who=%5C", "before=x", "q=!%26%7C%3A*()",
                                   "until=9999-12-31", "since=0001-01-01"])  # fmt: skip
def test_a_search_that_cannot_be_read_is_no_error(ada: Client, query: str) -> None:
    assert ada.get(f"/platform/audit/?{query}").status_code == 200


def test_who_may_not_search_is_told_who_may(cast: Cast, client: Client) -> None:
    for viewer in (cast.olivia, cast.fin, cast.ned):
        client.force_login(viewer)
        for address in ("/platform/audit/", "/platform/audit/export.csv", "/platform/audit/2026-01-01/1/",
                        "/api/audit/entries/", "/api/audit/verifications/"):  # fmt: skip
            assert client.get(address).status_code == 403, (viewer, address)
        assert client.post("/platform/audit/verify/").status_code == 403
        assert client.post("/api/audit/verifications/").status_code == 403
    assert not Verification.objects.exists()


def test_paging_goes_through_every_entry_once(ada: Client) -> None:
    for number in range(110):
        record(f"thing.done{number}", by=SYSTEM)
    wanted = [entry.verb for entry in Entry.objects.order_by("-at", "-pk")]
    seen, address = [], "/platform/audit/"
    while address:
        content = ada.get(address).content.decode()
        seen += re.findall(r'data-label="Did"[^>]*><span>[^<]+<span[^>]*>([^<]+)</span>', content)
        older = re.search(r'href="(\?[^"]*before=[^"]*)"[^>]*rel="next"', content)
        address = "/platform/audit/" + unescape(older[1]) if older else ""
    assert seen == wanted


def test_an_entry_shows_its_place_in_the_chain(cast: Cast, ada: Client) -> None:
    before, middle = record("thing.first", by=SYSTEM), record("thing.second", by=cast.dev, colour="red")
    after = record("thing.third", by=SYSTEM)
    content = ada.get(middle.get_absolute_url()).content.decode()
    assert before.get_absolute_url() in content and after.get_absolute_url() in content
    assert middle.hash in content and middle.previous_hash == before.hash and "&quot;red&quot;" in content
    assert "Hash fits" in content


def test_an_entry_that_was_changed_says_so(ada: Client) -> None:
    entry = record("thing.done", by=SYSTEM)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE audit_entry SET actor_label = 'Somebody' WHERE id = %s", [entry.pk])
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert "changed after it was written" in ada.get(entry.get_absolute_url()).content.decode()


@pytest.mark.parametrize("path", ["2026-01-01/1/", "yesterday/1/", "2026-13-01/1/"])
def test_an_entry_that_does_not_exist(ada: Client, path: str) -> None:
    assert ada.get(f"/platform/audit/{path}").status_code == 404


def test_the_export_holds_every_entry_and_no_formula(cast: Cast, ada: Client) -> None:
    record("thing.done", by=SYSTEM, subject_kind="x", subject_id="1", subject_label="=cmd()")
    text = b"".join(ada.get("/platform/audit/export.csv").streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    lines = list(csv.DictReader(io.StringIO(text)))
    assert len(lines) == Entry.objects.count()
    [line] = [line for line in lines if line["verb"] == "thing.done"]
    assert line["subject_label"] == "'=cmd()" and len(line["hash"]) == 64
    [taken] = [line for line in lines if line["verb"] == "export.taken"]
    assert taken["actor_label"] == "Ada" and taken["subject_label"] == "CSV of audit"


def test_entries_over_the_api(cast: Cast, ada: Client) -> None:
    entry = record("thing.done", by=cast.dev, tenant="acme")
    answer = ada.get("/api/audit/entries/?verb=thing.done&limit=1").json()
    assert [row["hash"] for row in answer["results"]] == [entry.hash]
    assert ada.get(f"/api/audit/entries/{entry.pk}/").json()["actor_label"] == "Dev"
    assert ada.get("/api/audit/entries/?since=x").status_code == 422


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("queue")
class TestVerifying:
    """Committed, because a verification is watched from other connections while it runs."""

    def start(self, client: Client) -> Verification:
        response = client.post("/platform/audit/verify/")
        made = Verification.objects.get()
        assert response.status_code == 302 and str(made.pk) in response["Location"]
        return made

    def shown(self, client: Client, made: Verification) -> str:
        return client.get(f"/platform/audit/verifications/{made.pk}/").content.decode()

    def test_it_works(self, ada: Client, queue: Callable[[], list[Any]]) -> None:
        made = self.start(ada)
        assert queue()[-1]["headers"]["task"] == "audit.verify_all"
        assert "Waiting for a worker" in self.shown(ada, made) and "every 1s" in self.shown(ada, made)
        before = Entry.objects.count()
        verifications.run(made.pk)
        assert "The audit is intact" in self.shown(ada, made) and "every 1s" not in self.shown(ada, made)
        made.refresh_from_db()
        assert made.checked == made.total == before
        assert found(ada)[0] == "audit.verified"

    def test_what_was_changed_is_named_with_a_link(self, ada: Client) -> None:
        with transaction.atomic():
            entry = record("thing.done", by=SYSTEM)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("UPDATE audit_entry SET verb = 'thing.dine' WHERE id = %s", [entry.pk])
        made = self.start(ada)
        verifications.run(made.pk)
        shown = self.shown(ada, made)
        assert "The audit is broken" in shown and f'href="{entry.get_absolute_url()}"' in shown

    def test_a_second_press_leads_to_the_run_under_way(self, ada: Client) -> None:
        made = self.start(ada)
        assert str(made.pk) in ada.post("/platform/audit/verify/")["Location"]
        assert Verification.objects.count() == 1

    def test_cancelled_it_stops(self, ada: Client) -> None:
        made = self.start(ada)
        ada.post(f"/platform/audit/verifications/{made.pk}/cancel/")
        assert verifications.run(made.pk) is None
        assert "Cancelled" in self.shown(ada, made)

    def test_a_run_that_a_dead_worker_left_is_taken_up_again(self, ada: Client) -> None:
        made = self.start(ada)
        Verification.objects.update(state="running", checked=3)
        done = verifications.run(made.pk)
        assert done is not None and done.state == "verified"

    def test_asking_and_finishing_leave_an_entry_each_and_a_second_press_none(self, cast: Cast, ada: Client) -> None:
        made = self.start(ada)
        ada.post("/platform/audit/verify/")
        verifications.run(made.pk)
        kept = Entry.objects.filter(verb__startswith="audit.").order_by("at").values_list("verb", "actor_label")
        assert list(kept) == [("audit.verification_started", "Ada"), ("audit.verified", "Ada")]

    def test_what_stops_it_is_shown_and_raised_and_it_can_be_started_again(self, ada: Client) -> None:
        made = self.start(ada)
        with as_owner() as owner:
            owner.execute("ALTER TABLE audit_entry RENAME COLUMN facts TO fiction")
        try:
            with pytest.raises(ProgrammingError):
                verifications.run(made.pk)
        finally:
            with as_owner() as owner:
                owner.execute("ALTER TABLE audit_entry RENAME COLUMN fiction TO facts")
        shown = self.shown(ada, made)
        assert "could not be finished" in shown and "facts does not exist" in shown and "every 1s" not in shown
        assert ada.get(f"/api/audit/verifications/{made.pk}/").json()["error"].startswith("ProgrammingError")
        assert str(made.pk) not in ada.post("/platform/audit/verify/")["Location"]

    def test_a_run_whose_worker_fell_silent_is_over(self, ada: Client) -> None:
        made = self.start(ada)
        Verification.objects.update(state="running", heard_at=timezone.now() - dt.timedelta(minutes=6))
        shown = self.shown(ada, made)
        assert "came to a stop" in shown and "every 1s" not in shown and "Verify again" in shown
        assert str(made.pk) not in ada.post("/platform/audit/verify/")["Location"]
        made.refresh_from_db()
        assert (made.state, made.error) == ("failed", verifications.SILENCE)
        assert verifications.run(made.pk) is None


def test_filters_and_verbs_speak_words(cast: Cast, ada: Client) -> None:
    record("person.signed_in", by=cast.dev, subject=cast.dev)
    page = ada.get("/platform/audit/?q=dev&verb=person.signed_in").content.decode()
    assert "Search: dev" in page and "What: signed in" in page and "Q: dev" not in page
    assert "signed in (person.signed_in)" in page
