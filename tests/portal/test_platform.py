"""The platform's first page tells what the doctor tells: which part died, how often, and what mends it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pytest
from django.conf import settings
from django.test import Client
from pytest_django import Settings

from catalog.models import Deployment
from portal import status
from portal.celery import app
from portal.clock import at_start, schedule
from portal.supervisor import journal
from tests.cast import Cast, route
from tests.usage.ledger_lines import called


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    """A data folder in which this process plays the supervisor, and a worker that was killed a minute ago."""
    settings.DATA_FOLDER = tmp_path
    settings.LOCAL_MODEL_URL = ""
    me, ticks = os.getpid(), journal.started_ticks(os.getpid())
    living = {"state": "running", "pid": me, "ticks": ticks, "started_at": time.time(), "restarts": 0, "log": "w.log"}
    died = living | {"restarts": 3, "last_end": "signal 9 (SIGKILL)", "last_end_at": time.time() - 60}
    parts = {"web": living, "worker": died}
    journal.write(tmp_path, {"pid": me, "ticks": ticks, "started_at": time.time(), "parts": parts})
    return tmp_path


def test_it_works(cast: Cast, client: Client, folder: Path) -> None:
    client.force_login(cast.pat)
    page = client.get("/platform/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "answers; started again 3 times, last after signal 9 (SIGKILL)" in text
    assert "If it happens again, read its log: w.log" in text
    assert "PostgreSQL" in text
    for path in ("/platform/providers/", "/platform/policies/", "/platform/people/", "/platform/audit/"):
        assert f'href="{path}"' in text


def test_it_looks_again_by_itself(cast: Cast, client: Client, folder: Path) -> None:
    client.force_login(cast.pat)
    part = client.get("/platform/", headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="status"')
    assert 'hx-trigger="every 5s"' in part


def test_programs_get_the_same(cast: Cast, client: Client, folder: Path) -> None:
    client.force_login(cast.pat)
    told = client.get("/api/platform/status/").json()
    assert {part["name"]: part["restarts"] for part in told["parts"]} == {"web": 0, "worker": 3}
    assert told["state"] == "bad", "no web server of this test answers"
    assert "calls_running" in told["gateway"]


def test_it_is_for_the_platform_team(cast: Cast, client: Client, folder: Path) -> None:
    for person in (cast.dev, cast.olivia, cast.ned):
        client.force_login(person)
        assert client.get("/platform/").status_code == 403
        assert client.get("/api/platform/status/").status_code == 403


def test_one_place_of_the_navigation_is_the_current_one(cast: Cast, client: Client, folder: Path) -> None:
    client.force_login(cast.pat)
    for path, place in (("/platform/", "Platform"), ("/platform/providers/", "Platform"), ("/", "Home")):
        places = client.get(path).context["shell"].places
        assert [one.name for one in places if one.is_current] == [place]


def test_a_defect_of_ours_is_told_to_people_and_to_programs_in_their_own_form(
    cast: Cast, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(status, "look", broken)
    client = Client(raise_request_exception=False)
    client.force_login(cast.pat)
    page, problem = client.get("/platform/"), client.get("/api/platform/status/")
    assert (page.status_code, problem.status_code) == (500, 500)
    assert "Something went wrong on our side" in page.content.decode()
    assert problem.headers["content-type"] == "application/problem+json"
    told = problem.json()
    assert (told["code"], told["status"]) == ("internal_error", 500)
    assert told["request_id"]
    assert "a defect" not in page.content.decode() + problem.content.decode()


def test_a_job_that_failed_is_told_with_its_reason(cast: Cast, client: Client, folder: Path) -> None:
    app.loader.import_default_modules()  # as a worker does; whoever came before may not have
    client.force_login(cast.pat)
    with mock.patch("catalog.popularity.refresh", side_effect=ValueError("no such figure\nsecond line")):
        app.tasks["catalog.refresh_popularity"].apply()
    app.tasks["portal.pulse"].apply()
    told = {job["name"]: job for job in client.get("/api/platform/status/").json()["jobs"]}
    assert told["catalog.refresh_popularity"]["last"]["error"] == "ValueError: no such figure"
    assert told["catalog.refresh_popularity"]["every"] == "every hour"
    assert told["portal.pulse"]["last"]["error"] == ""
    assert told["catalog.import_catalog"]["every"] == "when asked"
    assert told["catalog.import_catalog"]["last"] is None
    text = client.get("/platform/").content.decode()
    assert "catalog.refresh_popularity failed: ValueError: no such figure" in text
    app.tasks["catalog.refresh_popularity"].apply()
    assert "catalog.refresh_popularity failed" not in client.get("/platform/").content.decode()


def test_what_begins_with_beat_is_sent_at_once() -> None:
    assert at_start() == [
        "access.resume_provisioning",
        "access.resume_offboarding",
        "usage.bring_prices_to_lists",
        "usage.enforce_retention",
        "catalog.import_if_new",
        "catalog.check_deployments",
        "catalog.refresh_popularity",
        "approvals.seal_decisions",
    ]
    # What is installed changes with a start only.
    assert set(at_start()) - set(schedule()) == {"catalog.import_if_new"}
    assert schedule()["approvals.expire_requests"] == {
        "task": "approvals.expire_requests",
        "schedule": 3600.0,
        "options": {"expires": 4 * 3600},
    }


def test_every_job_that_is_sent_is_a_task_of_a_room() -> None:
    app.loader.import_default_modules()
    assert set(schedule()) | set(at_start()) <= set(app.tasks)


def test_beat_knows_no_room(tmp_path: Path) -> None:
    """It reads when to send what, and loads neither the rooms nor the ORM: that is two thirds of a process's memory."""
    look = "import sys; from portal import clock; clock.schedule(); clock.at_start(); print(*sys.modules, sep='\\n')"
    told = {**os.environ, "ATRIUM_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    ran = subprocess.run([sys.executable, "-c", look], env=told, capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "approvals.schedule" in loaded
    assert not loaded & {"django.db.models", "approvals.models", "catalog.tasks", "portal.celery"}


def test_a_deployment_that_fails_and_calls_without_a_price_are_told(cast: Cast, client: Client, folder: Path) -> None:
    client.force_login(cast.pat)
    Deployment.objects.filter(targets__route=route()).update(health="failing", check_result="It answered 503.")
    called(cast.environment(), cost=None)
    text = client.get("/platform/").content.decode()
    assert "fails: It answered 503." in text
    assert "calls of the last 30 days without a price: 1 to echo" in text


def test_settings_are_told_without_secrets(cast: Cast, client: Client) -> None:
    client.force_login(cast.pat)
    told = {each["name"]: each for each in client.get("/api/platform/settings/").json()["results"]}
    assert told["GATEWAY_IDLE_TIMEOUT_S"]["value"] == "60.0"
    assert told["SECRET_KEY"]["value"] in ("", "set")
    page = client.get("/platform/settings/").content.decode()
    assert "GATEWAY_IDLE_TIMEOUT_S" in page
    assert settings.SECRET_KEY not in page
    assert settings.DATABASE_URL not in page
