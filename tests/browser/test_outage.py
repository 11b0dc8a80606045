"""What a person sees while the database is stopped: a page that says so, and opens by itself when it is back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.server import serving
from tests.cast import Cast
from tests.faults.link import Link

SENTENCE = "Atrium cannot reach its database"


@pytest.fixture
def link() -> Iterator[Link]:
    with Link() as made:
        yield made


@pytest.fixture
def served(transactional_db: None, link: Link, tmp_path: Path) -> Iterator[str]:
    """An Atrium whose wire to the database can be cut, in the place of the usual one."""
    database = link.url(str(connection.settings_dict["NAME"]))
    with serving("", tmp_path / "log", DATABASE_URL=database, DATABASE_PATIENCE_S="2.5") as address:
        yield address


@pytest.mark.parametrize("look", [{}, {"dark": True}, {"width": 390}], ids=["light", "dark", "phone"])
def test_the_page_opens_by_itself_when_the_database_is_back(
    cast: Cast, link: Link, visit: Callable[..., Page], look: dict[str, object]
) -> None:
    page = visit("/accounts/settings/", cast.dev, expect={503}, **look)
    link.cut()
    page.set_default_timeout(15_000)
    page.reload()
    expect(page.get_by_role("heading", name=SENTENCE)).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("This page opens by itself as soon as Atrium is back.")
    assert_accessible(page)
    link.mend()
    expect(page.get_by_label(re.compile("^Name"))).to_have_value("Dev", timeout=15_000)


def test_a_form_is_not_sent_into_it_and_what_was_typed_stays(
    cast: Cast, link: Link, visit: Callable[..., Page]
) -> None:
    page = visit("/accounts/settings/", cast.dev, expect={503})
    page.get_by_label(re.compile("^Name")).fill("Devika")
    link.cut()
    page.set_default_timeout(15_000)
    page.get_by_role("button", name="Save").click()
    told = page.locator("[data-toasts]")
    expect(told).to_contain_text(SENTENCE, timeout=15_000)
    expect(told).to_contain_text("Nothing was sent, and nothing you typed is lost.")
    assert_accessible(page)
    link.mend()
    page.wait_for_timeout(2_000)
    expect(page.get_by_label(re.compile("^Name"))).to_have_value("Devika")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[data-toasts]")).to_contain_text("Your settings are saved", timeout=15_000)
    cast.dev.refresh_from_db()
    assert cast.dev.display_name == "Devika"
