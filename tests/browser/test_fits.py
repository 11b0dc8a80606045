"""What a page holds is seen at the width it is looked at: every tab at a desk, every figure of a card on a phone."""

from __future__ import annotations

from django.conf import settings
from playwright.sync_api import expect

from tenants.invite import invite
from tenants.keys import issue
from tenants.models import User
from tenants.structure import change_project
from tests.browser.looks import at_a_desk, problems, sideways
from tests.cast import route
from usage.limits.places import of_environment, of_project
from usage.limits.setting import set_limits

PHONE = 390
OUTSIDE = """([inner, outer]) => [...document.querySelectorAll(inner)].filter((one) => {
  const box = one.closest(outer).getBoundingClientRect(), own = one.getBoundingClientRect();
  return own.right > box.right + 1 || own.left < box.left - 1;
}).map((one) => one.textContent.trim())"""


def test_every_tab_of_a_tenant_is_seen_at_a_desk(cast, visit):
    page = visit("/tenants/acme/", cast.olivia)
    assert page.locator(".at-tab").count() >= 12
    assert page.evaluate(OUTSIDE, [".at-tab", "main"]) == []


def test_a_limit_its_own_and_whose_it_is_stay_within_their_card(cast, visit):
    environment = cast.environment()
    set_limits(place=of_project(cast.project), amounts={"requests": 600}, by=cast.olivia)
    set_limits(place=of_environment(environment), amounts={"requests": 1_000_000}, by=cast.olivia)
    page = visit("/tenants/acme/limits/", cast.olivia, width=PHONE)
    assert page.locator("td s").count() == 1, "the limit that does not apply"
    assert page.evaluate(OUTSIDE, ["td *", "td"]) == []


def test_the_refusal_of_a_strangers_invitation_fits_a_phone(cast, visit):
    link = invite(tenant=cast.acme, email="ned@example.test", role="viewer", by=cast.olivia).link
    page = visit(link.removeprefix(settings.PUBLIC_URL), cast.greta, width=PHONE, expect={403})
    assert page.get_by_role("link", name="My e-mail addresses").is_visible()
    assert sideways(page) == ""


def test_a_long_word_in_a_name_pushes_nothing_out_of_sight(cast, visit):
    User.objects.filter(pk=cast.vera.pk).update(display_name="W" * 120)
    change_project(project=cast.project, name="M" * 120, purpose="", by=cast.olivia)
    issue(environment=cast.environment(), name="K" * 80, by=cast.olivia)
    for path in ("", "members/", "keys/", "projects/", "access-review/"):
        page = visit(f"/tenants/acme/{path}", cast.olivia)
        for width in (1280, PHONE):
            page.set_viewport_size({"width": width, "height": 844})
            assert sideways(page) == "", (path, width)
            assert page.evaluate(OUTSIDE, ["main td, main th[scope=row]", ".at-table-scroll"]) == [], (path, width)
            if path == "members/":
                assert page.locator("td select").first.bounding_box()["width"] > 70


def test_limits_of_five_kinds_fit_a_desk_and_a_phone(cast, visit):
    route()
    set_limits(place=of_project(cast.project), amounts={"input_tokens": 600_000_000, "concurrent": 3}, by=cast.olivia)
    paths = ("/tenants/acme/limits/", "/tenants/acme/limits/change/?place=acme", "/platform/models/echo-model/limits/")
    for path in paths:
        page = visit(path, cast.pat)
        at_a_desk(page)
        assert sideways(page) == "", path
        assert page.evaluate(OUTSIDE, ["main td a", ".at-table-scroll"]) == [], path
        assert list(problems(page, is_first=path == paths[0])) == [], path
        assert page.evaluate(OUTSIDE, ["main td a", ".at-table-scroll"]) == [], (path, PHONE)


def test_what_is_folded_on_a_phone_is_folded_in_its_look(cast, visit):
    page = visit("/platform/audit/", cast.ada)
    folded = page.locator("details[data-fold-on-a-phone]")
    assert folded.get_attribute("open") is not None
    at_a_desk(page)
    assert list(problems(page, is_first=False)) == []
    assert folded.get_attribute("open") is None
    at_a_desk(page)
    expect(folded).to_have_attribute("open", "")
