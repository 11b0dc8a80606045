"""The pages of routing fit every width, show what changes by themselves, and their buttons do what they say."""

from __future__ import annotations

from gateway.routing.telling import exchange
from tests.browser.looks import at_a_desk, problems, sideways
from tests.cast import route
from tests.portal.test_routing_page import opened, told


def test_every_page_of_routing_is_accessible_and_fits(cast, visit):
    target = route().targets.get()
    for path in ("routing/", "routing/?q=zzz", "routing/echo-model/", f"deployments/{target.deployment_id}/"):
        exchange("one", told(target.deployment_id, **opened()))
        page = visit(f"/platform/{path}", cast.pat)
        at_a_desk(page)
        assert sideways(page) == "", path
        assert list(problems(page, is_first=path == "routing/")) == [], path


def test_what_changes_is_shown_by_itself_and_a_deployment_is_drained_and_resumed(cast, visit):
    target = route().targets.get()
    page = visit("/platform/routing/", cast.pat)
    page.get_by_text("No process has asked a deployment yet").wait_for()
    exchange("one", told(target.deployment_id, **opened()))
    page.get_by_text("Breaker open").wait_for()
    assert page.get_by_text("status 500").is_visible() and page.get_by_role("button", name="Try now").is_visible()
    page.get_by_role("link", name="Drain…").click()
    page.get_by_text("the only one that serves echo-model").wait_for()
    page.get_by_role("button", name="Drain").click()
    page.get_by_text("gets no new calls").first.wait_for()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("gets calls again").first.wait_for()
    page.get_by_role("link", name="Change").click()
    page.get_by_label("Weight of").fill("30")
    page.get_by_label("By latency").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("go as you said").wait_for()
    target.refresh_from_db()
    assert target.weight == 30 and target.route.policy == "latency"
