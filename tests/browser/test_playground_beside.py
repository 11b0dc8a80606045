"""Beside the answers: a session that ended, a second tab, code, history and sharing, and access for everybody."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session as BrowserSession
from django.core.cache import cache
from playwright.sync_api import Page, expect

from playground.models import Session
from tests.browser.axe import assert_accessible
from tests.browser.looks import OF_COLOUR, OF_ROOM
from tests.browser.test_playground import answer, grant, prompt, stage, until, upstream
from tests.cast import PASSWORD
from tests.playground.conftest import Stage

# With what a look can change of the page, once all of it was looked at in light, and the frame on a phone.
LOOKS = [
    pytest.param({}, None, id="light"),
    pytest.param({"dark": True}, OF_COLOUR, id="dark"),
    pytest.param({"width": 390}, OF_ROOM, id="phone"),
]
Visit = Callable[..., Page]
__all__ = ["stage", "upstream"]


def test_an_ended_session_is_renewed_in_place_and_the_prompt_is_kept(stage: Stage, visit: Visit) -> None:
    grant(stage, "says-hi")
    page = visit("/playground/?m=says-hi", stage.cast.dev, expect={401})
    BrowserSession.objects.all().delete()
    cache.clear()
    prompt(page, "A long thought")
    expect(page.get_by_role("dialog", name="Your session has ended")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_label("Prompt for all columns")).to_have_value("A long thought")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(answer(page, "says-hi")).to_contain_text("hi")


def test_lost_cookies_are_told_and_the_next_press_works(stage: Stage, visit: Visit) -> None:
    grant(stage, "says-hi")
    page = visit("/playground/?m=says-hi", stage.cast.dev, expect={401, 403})
    page.context.clear_cookies(name="csrftoken")
    prompt(page, "A long thought")
    expect(page.locator("[data-toasts]").get_by_text("Please send that again")).to_be_visible()
    expect(page.get_by_label("Prompt for all columns")).to_have_value("A long thought")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(answer(page, "says-hi")).to_contain_text("hi")

    page.context.clear_cookies()
    prompt(page, "Another thought")
    expect(page.get_by_role("dialog", name="Your session has ended")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("article", name="Answer of says-hi")).to_have_count(2)


def test_a_column_that_is_read_does_not_move_and_latest_leads_to_the_end(stage: Stage, visit: Visit) -> None:
    grant(stage, "endless-x")
    stage.upstream.pause_s = 0.002
    page = visit("/playground/?m=endless-x", stage.cast.dev)
    prompt(page, "Go on")
    box = page.get_by_role("group", name="Conversation with endless-x")
    until(lambda: bool(box.evaluate("e => e.scrollHeight > 2 * e.clientHeight && e.scrollTop > 0")))
    box.evaluate("e => e.scrollTop = 30")
    height = box.evaluate("e => e.scrollHeight")
    until(lambda: bool(box.evaluate("(e, height) => e.scrollHeight > height + 100", height)))
    assert box.evaluate("e => e.scrollTop") == 30
    page.get_by_role("button", name="Latest").click()
    page.keyboard.press("Escape")
    expect(answer(page, "endless-x")).to_contain_text("Stopped")  # a slow browser is always a little behind the stream
    until(lambda: bool(box.evaluate("e => e.scrollHeight - e.scrollTop - e.clientHeight < 60")))


def test_a_second_tab_sees_the_answer_grow_and_end(stage: Stage, visit: Visit) -> None:
    grant(stage, "endless-x")
    first = visit("/playground/?m=endless-x", stage.cast.dev)
    prompt(first, "Go on")
    expect(answer(first, "endless-x")).to_contain_text("on on on")
    second = visit(Session.objects.get().get_absolute_url(), stage.cast.dev, expect={409})
    expect(answer(second, "endless-x")).to_contain_text("Answering")
    prompt(second, "Me too")
    expect(second.locator("[data-toasts]")).to_contain_text("perhaps in another tab")
    expect(second.get_by_label("Prompt for all columns")).to_have_value("Me too")
    first.keyboard.press("Escape")
    expect(answer(second, "endless-x")).to_contain_text("Stopped")


def test_code_history_and_sharing_are_one_press_away(stage: Stage, visit: Visit) -> None:
    grant(stage, "says-hi")
    page = visit("/playground/?m=says-hi", stage.cast.dev, width=1440)
    prompt(page, "Greet")
    expect(answer(page, "says-hi")).to_contain_text("complete")
    page.get_by_role("button", name="As code").click()
    drawer = page.get_by_role("dialog", name="As code")
    expect(drawer).to_contain_text("/v1/chat/completions")
    expect(drawer).to_contain_text("ATRIUM_KEY_SUPPORT_DEVELOPMENT")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="History").click()
    expect(page.get_by_role("dialog", name="History")).to_contain_text("says-hi")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Share with Acme").click()
    expect(page.get_by_role("dialog", name="Share")).to_contain_text("can read this session")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Greet").click()
    page.get_by_label("Name", exact=True).fill("A better name")
    page.get_by_role("button", name="Rename", exact=True).last.click()
    expect(page.get_by_role("navigation", name="Your sessions")).to_contain_text("A better name")
    other = visit(Session.objects.get().get_absolute_url(), stage.cast.olivia)
    expect(other.get_by_role("heading", name="A better name")).to_be_visible()
    expect(other.get_by_role("article")).to_contain_text("hi")


def test_a_session_is_renamed_by_typing_at_once(stage: Stage, visit: Visit) -> None:
    grant(stage, "says-hi")
    page = visit("/playground/?m=says-hi", stage.cast.dev, width=1440)
    prompt(page, "Greet")
    expect(answer(page, "says-hi")).to_contain_text("complete")
    page.get_by_role("button", name="Rename").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("Greetings")
    page.keyboard.press("Enter")
    expect(page).to_have_title("Greetings · Atrium")
    assert Session.objects.get().name == "Greetings"


@pytest.mark.parametrize(("look", "rules"), LOOKS)
def test_every_state_of_the_page_is_accessible(
    stage: Stage, visit: Visit, look: dict[str, object], rules: list[str] | None
) -> None:
    grant(stage, "says-**hi**-`code`", "breaks-one-two-three")
    stage.publish("not-granted")
    assert_accessible(visit("/playground/", stage.cast.ned, **look))
    page = visit("/playground/?m=says-**hi**-`code`&m=not-granted&m=breaks-one-two-three", stage.cast.dev, **look)
    assert_accessible(page, rules)
    prompt(page, "Try {{x}}")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()
    expect(answer(page, "breaks-one-two-three")).to_contain_text("Failed")
    page.wait_for_load_state("networkidle")
    assert_accessible(page, rules)
    page.get_by_role("button", name="Settings of says").first.click()
    assert_accessible(page, rules)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="History").click()
    expect(page.get_by_role("dialog", name="History")).to_contain_text("Failed")
    assert_accessible(page, rules)
    page.keyboard.press("Escape")
    page.get_by_role("combobox", name="Model").first.click()
    expect(page.locator("#columns").get_by_role("option").first).to_be_visible()
    assert_accessible(page, rules)
