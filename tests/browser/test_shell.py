"""The frame around every page, in a real browser: signing in, moving about, and what happens when something ends."""

from __future__ import annotations

from django.contrib.sessions.models import Session
from django.core.cache import cache
from playwright.sync_api import expect

from tenants.models import ApiKey, Notification, Project, User
from tests.browser.axe import assert_accessible
from tests.cast import PASSWORD


def test_a_person_signs_in_and_out(cast, visit):
    page = visit("/accounts/login/")
    page.get_by_label("User name or e-mail").fill("ned")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome to Atrium, Ned")
    page.get_by_role("button", name="You: Ned").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_password_is_told_beside_the_form_and_what_was_typed_stays(cast, visit):
    page = visit("/accounts/login/")
    page.get_by_label("User name or e-mail").fill("ned")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("User name or e-mail")).to_have_value("ned")
    assert_accessible(page)


def test_a_demonstration_account_is_one_press_away(cast, visit):
    User.objects.filter(pk=cast.dev.pk).update(username="developer", is_demonstration=True)
    page = visit("/accounts/login/")
    page.get_by_role("button", name="developer").click()
    expect(page.get_by_role("button", name="You: Dev")).to_be_visible()


def test_the_palette_finds_a_page_by_keyboard_alone(cast, visit):
    page = visit("/", cast.dev)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("account")
    expect(page.get_by_role("option", name="Change your account")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your settings")).to_be_visible()


def test_the_palette_offers_own_tenants_only(cast, visit):
    page = visit("/palette/?q=", cast.dev)
    expect(page.get_by_role("main")).to_contain_text("Acme")
    expect(page.get_by_role("main")).not_to_contain_text("Globex")


def test_shortcuts_are_shown_by_a_question_mark(cast, visit):
    page = visit("/", cast.dev)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("h")
    expect(page).to_have_url(page.url)


def test_the_chosen_theme_is_there_before_anything_is_painted(cast, visit):
    page = visit("/", cast.dev)
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.wait_for_load_state("networkidle")
    page.goto("/about/ui/", wait_until="commit")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    cast.dev.refresh_from_db()
    assert cast.dev.theme == "dark"


def test_a_person_chooses_where_to_work_and_sees_it_everywhere(cast, visit):
    page = visit("/", cast.dev)
    page.get_by_role("button", name="Working in").click()
    page.get_by_role("dialog").get_by_role("button", name="Production of Support").click()
    expect(page.get_by_role("banner")).to_contain_text("Production")
    page.goto("/about/ui/")
    expect(page.get_by_role("navigation", name="Main")).to_contain_text("Acme / Support")


def test_a_notification_is_read_when_it_is_followed(cast, visit):
    note = Notification.objects.create(user=cast.dev, title="Your request was approved", path="/about/ui/")
    page = visit("/", cast.dev)
    page.get_by_role("button", name="Notifications, 1 unread").click()
    page.get_by_role("link", name="Your request was approved").click()
    expect(page.get_by_role("heading", name="Interface guide")).to_be_visible()
    note.refresh_from_db()
    assert note.read_at is not None
    expect(page.get_by_role("button", name="Notifications", exact=True)).to_be_visible()


def test_an_ended_session_is_renewed_in_place_and_work_is_kept(cast, visit):
    page = visit("/accounts/settings/", cast.dev, expect={401})
    page.get_by_label("Name (optional)").fill("A name that nobody saved yet")
    Session.objects.all().delete()
    cache.clear()
    page.get_by_role("button", name="Notifications").click()
    dialog = page.get_by_role("dialog", name="Your session has ended")
    expect(dialog).to_be_visible()
    assert_accessible(page)
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_label("Name (optional)")).to_have_value("A name that nobody saved yet")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("Your settings are saved.")).to_be_visible()


def test_a_form_sent_into_an_ended_session_keeps_what_was_typed(cast, visit):
    page = visit("/accounts/settings/", cast.dev, expect={401})
    page.get_by_label("Name (optional)").fill("A name that took long to find")
    Session.objects.all().delete()
    cache.clear()
    page.get_by_role("button", name="Save settings").click()
    dialog = page.get_by_role("dialog", name="Your session has ended")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("Your settings are saved.")).to_be_visible()
    cast.dev.refresh_from_db()
    assert cast.dev.display_name == "A name that took long to find"


def test_a_form_that_is_sent_twice_at_once_arrives_once(cast, visit):
    page = visit("/tenants/acme/keys/issue/", cast.olivia)
    page.locator("[name=name]").fill("Twice")
    page.locator("[name=environment]").select_option(label="Support · Development")
    page.get_by_role("button", name="Issue key").dblclick()
    expect(page.locator("[data-shown-once]")).to_be_visible()
    assert ApiKey.objects.filter(name="Twice").count() == 1


def test_the_navigation_opens_and_closes_on_a_phone(cast, visit):
    page = visit("/", cast.dev, width=390)
    nav = page.get_by_role("navigation", name="Main")
    expect(nav).to_be_hidden()
    page.get_by_role("button", name="Open navigation").click()
    expect(nav.get_by_role("link", name="Home")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(nav).to_be_hidden()
    expect(page.get_by_role("button", name="Open navigation")).to_be_focused()


def test_charts_are_drawn_under_the_strict_policy_with_their_table_behind(cast, visit):
    page = visit("/about/ui/", cast.dev)
    expect(page.locator("[data-chart][data-drawn]")).to_have_count(4)
    chart = page.locator("[data-chart]").first
    chart.locator("canvas").hover()
    expect(page.locator(".at-chart-tip").first).to_be_visible()
    chart.get_by_text("Show as table").click()
    expect(chart.get_by_role("columnheader", name="smollm2")).to_be_visible()


def test_a_destructive_act_waits_until_the_name_was_typed(cast, visit):
    page = visit("/about/ui/", cast.dev)
    page.get_by_role("button", name="Confirm by name").click()
    dialog = page.get_by_role("dialog", name="Archive claims?")
    act = dialog.get_by_role("button", name="Archive tenant")
    expect(act).to_be_disabled()
    dialog.get_by_label("Type claims to go on").fill("claims")
    expect(act).to_be_enabled()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_an_id_is_copied(cast, visit):
    page = visit("/about/ui/", cast.dev)
    page.get_by_role("button", name="Copy address").click()
    assert page.evaluate("navigator.clipboard.readText()") == "https://atrium.example/v1"


def test_pages_work_without_script(cast, visit):
    page = visit("/accounts/settings/", cast.dev, javascript=False)
    page.get_by_label("Name (optional)").fill("Without a script")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("Your settings are saved.")).to_be_visible()
    cast.dev.refresh_from_db()
    assert cast.dev.display_name == "Without a script"


def test_losing_the_connection_is_told(cast, visit):
    page = visit("/", cast.dev)
    page.context.set_offline(True)
    expect(page.get_by_text("You are offline")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("You are offline")).to_be_hidden()


def test_an_ended_session_asks_for_the_password_at_once_and_a_page_of_somebody_else_is_loaded_anew(cast, visit):
    page = visit("/", cast.dev)
    page.evaluate("document.dispatchEvent(new CustomEvent('session-over'))")
    expect(page.get_by_role("dialog", name="Your session has ended").get_by_label("Password")).to_be_focused()
    page.evaluate("window.isOld = true; new BroadcastChannel('atrium-session').postMessage({ user: 'olivia' })")
    page.wait_for_function("!window.isOld")


def test_on_a_phone_what_is_clipped_on_a_desk_is_read_whole_and_copy_chips_have_text(cast, visit):
    Project.objects.filter(tenant=cast.acme).update(purpose="Answers people who ask, and asks people who answer. " * 2)
    page = visit("/tenants/acme/projects/", cast.olivia, width=390)
    purpose = page.locator("td[data-label=Purpose]").first
    assert purpose.evaluate("cell => cell.scrollWidth <= cell.clientWidth && cell.clientWidth > 250")
    chip = page.locator("main td .at-copy > .at-clip").first
    assert chip.evaluate("text => text.clientWidth >= text.scrollWidth && text.clientWidth > 0")
    search = page.get_by_role("button", name="Search", exact=True)
    field = page.get_by_role("searchbox", name="Search projects")
    assert abs(search.bounding_box()["y"] - field.bounding_box()["y"]) < 8
