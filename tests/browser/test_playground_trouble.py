"""The playground while something goes away under it: the database, the server, the session of the person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session as BrowserSession
from django.core.cache import cache
from django.db import connection
from playwright.sync_api import Page, expect

from playground.models import Answer, Turn
from tests.browser.server import serving
from tests.browser.test_playground import answer, grant, prompt, until
from tests.cast import PASSWORD, Cast
from tests.faults.link import Link
from tests.playground.conftest import Stage
from tests.playground.provider import Provider, provider
from usage.models import Call

Visit = Callable[..., Page]


@pytest.fixture
def upstream() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture
def stage(cast: Cast, upstream: Provider) -> Stage:
    return Stage(cast, upstream)


@pytest.fixture
def link() -> Iterator[Link]:
    with Link() as made:
        yield made


@pytest.fixture
def served(transactional_db: None, link: Link, tmp_path: Path) -> Iterator[str]:
    """An Atrium whose wire to the database can be cut."""
    database = link.url(str(connection.settings_dict["NAME"]))
    with serving("", tmp_path / "log", DATABASE_URL=database, DATABASE_PATIENCE_S="2.5") as address:
        yield address


def test_an_answer_goes_on_while_the_database_is_away_and_is_kept_when_it_is_back(
    stage: Stage, link: Link, visit: Visit
) -> None:
    grant(stage, "endless-x")
    page = visit("/playground/?m=endless-x", stage.cast.dev, expect={503})
    prompt(page, "Go on")
    expect(answer(page, "endless-x")).to_contain_text("on on on")
    link.cut()
    length = len(answer(page, "endless-x").inner_text())
    until(lambda: len(answer(page, "endless-x").inner_text()) > length + 100)
    link.mend()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(answer(page, "endless-x")).to_contain_text("Stopped", timeout=15_000)
    until(lambda: Call.objects.filter(outcome="cancelled").count() == 1)
    assert len(Answer.objects.get().text) > length


def test_a_prompt_sent_while_the_database_is_away_is_kept_and_can_be_sent_again(
    stage: Stage, link: Link, visit: Visit
) -> None:
    grant(stage, "says-hi")
    page = visit("/playground/?m=says-hi", stage.cast.dev, expect={503})
    page.get_by_label("Prompt for all columns").fill("A long thought")
    page.wait_for_load_state("networkidle")
    link.cut()
    page.keyboard.press("Control+Enter")
    told = page.locator("[data-toasts]").get_by_text("Atrium cannot reach its database")
    expect(told).to_be_visible(timeout=15_000)
    expect(page.get_by_label("Prompt for all columns")).to_have_value("A long thought")
    expect(page.get_by_role("button", name="Run", exact=True)).not_to_have_attribute("aria-busy", "true")
    link.mend()
    page.wait_for_timeout(2_500)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(answer(page, "says-hi")).to_contain_text("complete", timeout=15_000)
    until(lambda: Call.objects.count() == 1)
    assert Turn.objects.count() == 1


def test_a_session_that_ends_in_the_middle_of_an_answer_leaves_it_alone(stage: Stage, visit: Visit) -> None:
    grant(stage, "endless-x")
    page = visit("/playground/?m=endless-x", stage.cast.dev, expect={401})
    prompt(page, "Go on")
    expect(answer(page, "endless-x")).to_contain_text("on on on")
    BrowserSession.objects.all().delete()
    cache.clear()
    length = len(answer(page, "endless-x").inner_text())
    until(lambda: len(answer(page, "endless-x").inner_text()) > length + 50)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("dialog", name="Your session has ended")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(answer(page, "endless-x")).to_contain_text("Stopped")
    until(lambda: Call.objects.filter(outcome="cancelled").count() == 1)


def test_two_presses_at_once_make_one_turn(stage: Stage, visit: Visit) -> None:
    grant(stage, "slow-one-two")
    page = visit("/playground/?m=slow-one-two", stage.cast.dev)
    page.get_by_label("Prompt for all columns").fill("Once")
    page.evaluate("for (let n = 0; n < 3; n++) document.querySelector('[data-run]').click()")
    expect(answer(page, "slow-one-two")).to_contain_text("complete")
    until(lambda: Call.objects.count() == 1)
    assert Turn.objects.count() == len(stage.upstream.bodies) == 1
