"""The looks of a page: at a desk, light and dark, and on a phone. It is opened once and looked at in each."""

from __future__ import annotations

from collections.abc import Iterator

from playwright.sync_api import Page

from tests.browser.axe import findings

WIDER_THAN_THEIR_BOX = """() => [...document.querySelectorAll("main table")]
    .filter(table => table.checkVisibility({ contentVisibilityAuto: true }) && !table.closest(".at-chart, pre"))
    .map(table => [table.closest("[aria-label]")?.getAttribute("aria-label"), table.scrollWidth, table.parentElement])
    .filter(([, width, box]) => width > box.clientWidth)
    .map(([label, width, box]) => `the table ${label} has ${width} px in a box of ${box.clientWidth} px`)"""
# A page is as wide at any hour: "just now" takes half the room.
AT_THE_WIDEST_HOUR = """() => document.querySelectorAll("main table time[data-time=relative]")
    .forEach(time => { time.textContent = "56 minutes ago" })"""
OF_COLOUR = ["color-contrast"]  # whatever else axe reads is the same in the dark
# What a narrow window can change; the document is the same as in a wide one, but for the frame's menu, which is looked
# at wholly on the first page of each account.
OF_ROOM = ["color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block", "aria-hidden-focus"]
SETTLED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def at_a_desk(page: Page) -> None:
    """The look that a page is opened in."""
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    page.emulate_media(color_scheme="light", reduced_motion="reduce")


def problems(page: Page, *, is_first: bool) -> Iterator[tuple[str, str]]:
    """What is wrong in each look of a page that is open at a desk, as the look and a line; `is_first` where nobody has
    looked at this person's menu yet."""
    yield from (("light", one) for one in findings(page))
    page.evaluate(AT_THE_WIDEST_HOUR)
    yield from (("1280 px", one) for one in page.evaluate(WIDER_THAN_THEIR_BOX))
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.evaluate(SETTLED)
    yield from (("dark", one) for one in findings(page, rules=OF_COLOUR))
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.evaluate("scrollTo(0, 0)")  # what has gone under the top bar cannot be pressed there, on any page
    page.evaluate(SETTLED)
    yield from (("phone", one) for one in findings(page, rules=None if is_first else OF_ROOM))
    if told := sideways(page):
        yield "phone", told


def sideways(page: Page) -> str:
    """How far the page scrolls sideways, "" where it does not."""
    wide, seen = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    return f"scrolls sideways: {wide} px of content in {seen} px" if wide > seen else ""
