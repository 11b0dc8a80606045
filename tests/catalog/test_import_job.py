"""Importing as a job: somebody asks, a worker does it, everybody may watch; cancelled or failed it changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from audit.models import Entry
from catalog.importing import jobs, offers, run
from catalog.models import ImportRun, Model
from catalog.tasks import import_if_new
from portal.clock import at_start
from tests.audit.conftest import queue  # noqa: F401  (a fixture)
from tests.cast import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("queue", "few")]
Queue = Callable[[], list[Any]]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A price list of few offers, so that a run takes a moment."""
    read = offers.read
    monkeypatch.setattr(run.offers, "read", lambda now: read(now)[:40])


@pytest.fixture
def pat(transactional_db: None) -> Client:
    client = Client()
    client.force_login(Cast.create().pat)
    return client


def asked(pat: Client) -> ImportRun:
    answer = pat.post("/platform/catalog/")
    made = ImportRun.objects.latest("pk")
    assert (answer.status_code, answer["Location"]) == (302, f"/platform/catalog/{made.pk}/")
    return made


def shown(pat: Client, made: ImportRun) -> str:
    return pat.get(f"/platform/catalog/{made.pk}/").content.decode()


def verbs() -> list[str]:
    return list(Entry.objects.filter(verb__startswith="catalog.").order_by("pk").values_list("verb", flat=True))


def test_it_works(pat: Client, queue: Queue) -> None:  # noqa: F811
    made = asked(pat)
    assert queue()[-1]["headers"]["task"] == "catalog.import_catalog"
    assert "Waiting for a worker" in shown(pat, made) and "every 1s" in shown(pat, made)
    jobs.run(made.pk)
    page = shown(pat, made)
    assert "The catalog is up to date" in page and "every 1s" not in page and "Models added" in page
    assert Model.objects.count() > 1 and verbs() == ["catalog.import_asked", "catalog.imported"]
    assert Entry.objects.get(verb="catalog.imported").actor_label == "Pat"
    listed = pat.get("/platform/catalog/").content.decode()
    assert "Succeeded" in listed and f'href="/platform/catalog/{made.pk}/"' in listed
    again = asked(pat)
    jobs.run(again.pk)
    assert "Nothing changed" in shown(pat, again)


def test_a_second_press_leads_to_the_run_under_way(pat: Client) -> None:
    assert asked(pat) == asked(pat)
    assert pat.post("/api/catalog-imports/", content_type="application/json").json()["state"] == "queued"
    assert ImportRun.objects.count() == 1 and verbs() == ["catalog.import_asked"]


def test_its_progress_is_seen_while_it_runs_and_cancelled_it_leaves_everything_as_it_was(
    pat: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, seen = asked(pat), []
    index = run.indexing.index

    def cancelled_meanwhile(words: Any) -> int:
        made.refresh_from_db()
        seen.append((made.state, made.step, made.steps_done))
        other = connection.copy()  # somebody else, at a moment when no step begins any more
        with other.cursor() as cursor:
            cursor.execute("UPDATE catalog_importrun SET state = 'cancelled' WHERE id = %s", [made.pk])
        other.close()
        return index(words)

    monkeypatch.setattr(run.indexing, "index", cancelled_meanwhile)
    done = jobs.run(made.pk)
    assert seen == [("running", "Writing the search index", 3)]
    assert done is not None and done.state == "cancelled" and not Model.objects.exists()
    assert "Cancelled" in shown(pat, made)


def test_cancelled_before_a_worker_came_it_is_not_done(pat: Client) -> None:
    made = asked(pat)
    assert pat.post(f"/platform/catalog/{made.pk}/cancel/").status_code == 302
    assert jobs.run(made.pk) is None
    assert verbs() == ["catalog.import_asked", "catalog.import_cancelled"]
    told = pat.post(f"/api/catalog-imports/{made.pk}/cancel/", content_type="application/json").json()
    assert told["state"] == "cancelled" and len(verbs()) == 2


def test_what_fails_says_why_and_changes_nothing(pat: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made = asked(pat)

    def broken(now: Any) -> Any:
        raise ValueError("The price list cannot be read")

    monkeypatch.setattr(run.offers, "read", broken)
    with pytest.raises(ValueError, match="cannot be read"):
        jobs.run(made.pk)
    assert "The price list cannot be read" in shown(pat, made)
    assert verbs()[-1] == "catalog.import_failed" and not Model.objects.exists()


def test_a_run_that_a_dead_worker_left_is_taken_up_again(pat: Client) -> None:
    made = asked(pat)
    ImportRun.objects.update(state="running", steps_done=3)
    done = jobs.run(made.pk)
    assert done is not None and done.state == "succeeded"


def test_it_starts_by_itself_when_another_price_list_is_installed(pat: Client) -> None:
    assert "catalog.import_if_new" in at_start()
    import_if_new()
    made = ImportRun.objects.get()
    assert (made.state, made.asked_by) == ("queued", "Atrium")
    jobs.run(made.pk)
    import_if_new()
    assert ImportRun.objects.count() == 1
    ImportRun.objects.update(sources={"prices": "genai-prices 0.0.1", "facts": "old"})
    assert "Not imported yet" in pat.get("/platform/catalog/").content.decode()
    import_if_new()
    assert ImportRun.objects.count() == 2
