"""The playground in a real browser: streaming, stopping, blind rounds, and what happens when something breaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from playground.models import Answer, Feedback, Session
from tenants.changes import announce
from tests.cast import Cast
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


def grant(stage: Stage, *slugs: str) -> None:
    """Publish and grant, and tell the served process."""
    stage.grant(*slugs)
    with transaction.atomic():
        announce("route")
        announce("grant")


def prompt(page: Page, text: str) -> None:
    page.get_by_label("Prompt for all columns").fill(text)
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()  # the turn before has ended
    page.keyboard.press("Control+Enter")


def answer(page: Page, slug: str):
    return page.get_by_role("article", name=f"Answer of {slug}").last


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 8
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert true()


def test_two_columns_stream_side_by_side_with_their_figures(stage: Stage, visit: Visit) -> None:
    grant(stage, "says-hello-there", "slow-one-two-three-four-five")
    page = visit("/playground/?m=says-hello-there&m=slow-one-two-three-four-five", stage.cast.dev, width=1440)
    expect(page.get_by_label("Prompt for all columns")).to_be_focused()
    prompt(page, "Greet me, please")
    expect(answer(page, "says-hello-there")).to_contain_text("hello there")
    slow = answer(page, "slow-one-two-three-four-five")
    expect(slow).to_contain_text("one two three four five")
    for figure in ("first token", "11 in", "5 out", "$0.000021", "complete"):
        expect(slow).to_contain_text(figure)
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()
    expect(page.get_by_role("navigation", name="Your sessions")).to_contain_text("Greet me, please")
    expect(page).to_have_title("Greet me, please · Atrium")
    expect(page.get_by_label("Prompt for all columns")).to_have_value("")
    page.reload()
    expect(answer(page, "says-hello-there")).to_contain_text("hello there")
    assert page.url.endswith(Session.objects.get().get_absolute_url())


def test_the_list_of_sessions_marks_the_one_that_has_just_begun(stage: Stage, visit: Visit) -> None:
    grant(stage, "says-hello")
    page = visit("/playground/?m=says-hello", stage.cast.dev, width=1440)
    prompt(page, "Greet me")
    expect(page.locator(".pg-session[aria-current=page]")).to_have_text("Greet me")
    page.get_by_label("Find sessions").fill("Greet")
    expect(page.locator(".pg-session[aria-current=page]")).to_have_text("Greet me")


def test_the_list_folds_for_columns_and_tabs_lead_to_those_without_room(stage: Stage, visit: Visit) -> None:
    grant(stage, "says-hello")
    page = visit("/playground/?m=says-hello&m=says-hello", stage.cast.dev, width=1440)
    expect(page.locator("#sessions")).to_be_visible()
    for _ in range(2):
        page.get_by_role("button", name="Column", exact=True).click()
    expect(page.locator(".pg-column")).to_have_count(4)
    expect(page.locator("#sessions")).not_to_be_visible()
    for place in range(4):
        expect(page.locator(".pg-column").nth(place)).to_be_in_viewport(ratio=0.99)
    page.set_viewport_size({"width": 1100, "height": 844})
    tabs = page.get_by_role("navigation", name="Columns")
    expect(tabs).to_be_visible()
    tabs.get_by_role("button").first.click()
    expect(page.locator(".pg-column").first).to_be_in_viewport(ratio=0.99)


def test_the_switch_of_the_shell_and_of_the_playground_are_one(stage: Stage, visit: Visit) -> None:
    grant(stage, "says-hello")
    page = visit("/playground/?m=says-hello", stage.cast.dev)
    page.get_by_label("Environment", exact=True).select_option("acme/support/production")
    expect(page.locator("#where-badge")).to_have_text("Production")
    expect(page.locator("#where-names")).to_contain_text("Production")
    expect(page.locator(".at-top")).to_have_class("at-top at-env-production")
    page.get_by_role("button", name="Switch to development").click()
    expect(page.locator("#where-badge")).to_have_text("Development")
    page.locator(".at-where").click()
    page.get_by_role("button", name="Test of Support").click()
    expect(page.get_by_label("Environment", exact=True)).to_have_value("acme/support/test")
    expect(page.locator("#where-badge")).to_have_text("Test")


def test_escape_stops_everything_and_regenerate_begins_one_column_again(stage: Stage, visit: Visit) -> None:
    grant(stage, "endless-x", "says-short-words")
    page = visit("/playground/?m=endless-x&m=says-short-words", stage.cast.dev)
    prompt(page, "Go on")
    expect(answer(page, "endless-x")).to_contain_text("on on on")
    page.keyboard.press("Escape")
    expect(answer(page, "endless-x")).to_contain_text("Stopped")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()
    page.get_by_role("button", name="Regenerate the answer of says-short-words").click()
    expect(answer(page, "says-short-words")).to_contain_text("attempt 2")
    assert Answer.objects.get(route="endless-x").state == "stopped"
    until(lambda: Call.objects.count() == 3)
    assert Call.objects.get(route="endless-x").outcome == "cancelled"


def test_one_column_is_stopped_alone(stage: Stage, visit: Visit) -> None:
    grant(stage, "endless-x", "endless-y")
    page = visit("/playground/?m=endless-x&m=endless-y", stage.cast.dev)
    prompt(page, "Go on")
    expect(answer(page, "endless-x")).to_contain_text("on on on")
    answer(page, "endless-x").get_by_role("button", name="Stop this").click()
    expect(answer(page, "endless-x")).to_contain_text("Stopped")
    expect(answer(page, "endless-y")).to_contain_text("Answering")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(answer(page, "endless-y")).to_contain_text("Stopped")


def test_leaving_the_page_ends_the_providers_call(stage: Stage, visit: Visit) -> None:
    grant(stage, "endless-x")
    page = visit("/playground/?m=endless-x", stage.cast.dev)
    prompt(page, "Go on")
    expect(answer(page, "endless-x")).to_contain_text("on on on")
    page.close()
    until(lambda: Answer.objects.get().state == "stopped")
    until(lambda: Call.objects.count() == 1)
    until(lambda: stage.upstream.abandoned == 1)
    assert Call.objects.get().outcome == "cancelled"


def test_a_refused_and_a_failing_column_say_so_in_place_and_leave_the_others_alone(stage: Stage, visit: Visit) -> None:
    grant(stage, "says-fine", "breaks-one-two-three")
    stage.publish("not-granted")
    page = visit("/playground/?m=says-fine&m=not-granted&m=breaks-one-two-three", stage.cast.dev)
    expect(page.locator("#head-2")).to_contain_text("may not use this model in development yet")
    prompt(page, "Try")
    expect(answer(page, "says-fine")).to_contain_text("complete")
    way_out = answer(page, "not-granted").get_by_role("link", name="Request access")
    expect(way_out).to_have_attribute("href", "/requests/new/access/not-granted/?environment=acme/support/development")
    expect(answer(page, "breaks-one-two-three")).to_contain_text("Failed")
    expect(answer(page, "breaks-one-two-three")).to_contain_text("one two")
    assert page.locator("[data-running]").count() == 0


def test_a_blind_round_hides_names_until_the_vote(stage: Stage, visit: Visit) -> None:
    grant(stage, "says-alpha", "says-beta")
    page = visit("/playground/?m=says-alpha&m=says-beta&blind=1", stage.cast.dev)
    prompt(page, "Which is better?")
    expect(page.get_by_role("group", name="Which answer is better?")).to_be_visible()
    source = page.content()
    assert "says-" not in source and "$0.0" not in source
    page.get_by_role("button", name="Model B", exact=True).click()
    expect(page.get_by_label("Model", exact=True).first).to_be_visible()
    assert {page.locator("#columns [role=combobox]").nth(n).input_value() for n in (0, 1)} == {
        "says-alpha",
        "says-beta",
    }
    vote = Feedback.objects.get()
    assert vote.was_blind and vote.winner is not None
    assert vote.winner.route == page.locator("#columns [role=combobox]").nth(1).input_value()


def test_the_picker_finds_by_typing_and_keyboard(stage: Stage, visit: Visit) -> None:
    grant(stage, "says-hello", "says-other")
    stage.publish("locked-model")
    page = visit("/playground/?m=says-hello", stage.cast.dev)
    picker = page.get_by_role("combobox", name="Model")
    picker.click()
    expect(page.locator("#columns").get_by_role("option", name="locked-model")).to_contain_text("request needed")
    page.keyboard.type("oth")
    expect(page.locator("#columns").get_by_role("option")).to_have_count(1)
    page.locator("#head-1").evaluate("head => head.setAttribute('data-before', '')")
    page.keyboard.press("Enter")
    expect(page.locator("#head-1[data-before]")).to_have_count(0)  # the server has drawn the head of the model chosen
    expect(page.get_by_role("combobox", name="Model")).to_have_value("says-other")
    expect(page.locator("[name=c1-route]")).to_have_value("says-other")
    page.get_by_role("combobox", name="Model").click()
    page.keyboard.type("zzz")
    expect(page.locator("#columns").get_by_role("option")).to_have_count(1)
    expect(page.locator("#columns").get_by_role("option")).to_contain_text("No model matches")
    page.keyboard.press("Escape")
    expect(page.get_by_role("combobox", name="Model")).to_have_value("says-other")


def test_columns_come_and_go_and_settings_are_checked(stage: Stage, visit: Visit) -> None:
    grant(stage, "says-hello")
    page = visit("/playground/?m=says-hello", stage.cast.dev, expect={422})
    page.get_by_role("button", name="Settings of says-hello").click()
    page.get_by_label("Temperature").fill("9")
    page.get_by_label("Longest answer").fill("50")
    page.keyboard.press("Tab")
    expect(page.get_by_role("dialog")).to_contain_text("Temperature must lie between 0 and 2.")
    page.get_by_label("Temperature").fill("0.3")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="Settings of says-hello, 2 set")).to_be_visible()
    page.get_by_role("button", name="More for says-hello").click()
    page.get_by_role("button", name="Duplicate").click()
    expect(page.locator(".pg-column")).to_have_count(2)
    for count in (3, 4):
        page.get_by_role("button", name="Column", exact=True).click()
        expect(page.locator(".pg-column")).to_have_count(count)
    expect(page.get_by_role("button", name="Column", exact=True)).to_be_disabled()
    prompt(page, "Try")
    expect(page.get_by_role("alert").filter(has_text="Choose a model for column 3.")).to_be_visible()
    for left in (3, 2):
        page.get_by_role("button", name="More for Column").last.click()
        page.locator(".dropdown-menu.show").get_by_role("button", name="Remove this column").click()
        expect(page.locator(".pg-column")).to_have_count(left)
    expect(page.get_by_label("Prompt for all columns")).to_have_value("Try")
    prompt(page, "Try")
    expect(page.get_by_role("article", name="Answer of says-hello")).to_have_count(2)
    until(lambda: len(stage.upstream.bodies) == 2)
    assert {body["temperature"] for body in stage.upstream.bodies} == {0.3}


def test_a_drawer_stays_open_on_a_setting_that_is_not_acceptable(stage: Stage, visit: Visit) -> None:
    grant(stage, "says-hello")
    page = visit("/playground/?m=says-hello", stage.cast.dev)
    page.get_by_role("button", name="Settings of says-hello").click()
    drawer = page.get_by_role("dialog", name="Settings of this column")
    field = page.get_by_label("Temperature")
    for leave in ("Done", "Escape", "Close"):
        field.fill("99")
        if leave == "Escape":
            field.press(leave)
        else:
            drawer.get_by_role("button", name=leave, exact=True).click()
        expect(drawer.get_by_text("Temperature must lie between 0 and 2.")).to_be_visible()
        expect(drawer).to_be_visible()
        expect(field).to_have_value("99")
        expect(field).to_be_focused()
    mark = page.locator("[data-dialog='#settings-1']")
    expect(mark).to_have_attribute("aria-label", "Settings of says-hello, 1 not acceptable")
    field.fill("0.5")
    drawer.get_by_role("button", name="Done").click()
    expect(drawer).not_to_be_visible()
    expect(mark).to_have_attribute("aria-label", "Settings of says-hello, 1 set")


def test_variables_become_fields_and_the_estimate_is_there_before_running(stage: Stage, visit: Visit) -> None:
    grant(stage, "echo-x")
    from catalog.models import Model

    Model.objects.update(input_price="3", output_price="15")
    page = visit("/playground/?m=echo-x", stage.cast.dev)
    page.get_by_label("Prompt for all columns").fill("Translate {{text}} into {{language}}")
    page.get_by_label("text", exact=True).fill("<b>bonjour</b>")
    page.get_by_label("language", exact=True).fill("English")
    expect(page.locator("#estimate")).to_contain_text("estimate:")
    expect(page.locator("#estimate")).to_contain_text("$0.0000")
    page.get_by_label("Prompt for all columns").press("Control+Enter")
    expect(answer(page, "echo-x")).to_contain_text("Translate <b>bonjour</b> into English")
    expect(page.get_by_label("language", exact=True)).to_have_value("English")


def test_nothing_is_lost_by_an_empty_or_a_far_too_long_prompt(stage: Stage, visit: Visit) -> None:
    grant(stage, "says-hi")
    page = visit("/playground/?m=says-hi", stage.cast.dev, expect={422})
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#prompt-error")).to_have_text("Write a prompt first.")
    expect(page.get_by_label("Prompt for all columns")).to_be_focused()
    page.evaluate("document.getElementById('prompt').value = 'x'.repeat(2_000_000)")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#prompt-error")).to_contain_text("2,000,000 characters; the playground takes 200,000")
    assert len(page.get_by_label("Prompt for all columns").input_value()) == 2_000_000
    assert not Session.objects.exists()


def test_a_strange_answer_does_nothing(stage: Stage, visit: Visit) -> None:
    grant(stage, "strange-x")
    page = visit("/playground/?m=strange-x", stage.cast.dev)
    prompt(page, "</textarea><script>document.title='taken'</script>")
    expect(answer(page, "strange-x")).to_contain_text("<script>document.title='taken'</script>")
    expect(answer(page, "strange-x").locator("strong")).to_have_text("bold")
    assert "taken" not in page.title().replace("document.title='taken'", "")
    assert answer(page, "strange-x").locator("img, script").count() == 0
