"""From "we would like to use generative AI" to a working key: a newcomer with a phone, a board, an owner.

On the whole installation, with its real worker. Clicks and seconds stand at the end of the report (`tests.measured`);
they are counted, not limited.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.browser.axe import findings
from tests.browser.conftest import SignIn
from tests.installation import Installation

NAME = "Claims Desk"
PHONE = 390
KINDS = {"prod": "production", "dev": "development"}
COLLEAGUE = "viewer@atrium.example"
# The heads of tables are for ears on a phone, in a corner of a pixel.
SQUEEZED = """() => [...document.querySelectorAll("main :not(thead, thead *)")].filter((one) => {
  const text = one.textContent.trim(), { width } = one.getBoundingClientRect();
  return !one.children.length && text.length > 12 && width > 1 && width < 40;
}).map((one) => one.textContent.trim())"""


class Counted:
    """A page whose presses are counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks = page, 0

    def press(self, role: str, name: str | re.Pattern[str]) -> None:
        self.clicks += 1
        self.page.get_by_role("main").get_by_role(role, name=name).first.click()  # type: ignore[arg-type]

    def choose(self, label: str) -> None:
        self.clicks += 1
        self.page.get_by_label(label, exact=True).check()

    def write(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)

    def fits(self) -> None:
        """Nothing that axe finds, nothing to scroll sideways, no words of a letter a line."""
        wide, seen = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= seen, self.page.url
        assert self.page.evaluate(SQUEEZED) == [], self.page.url
        assert not list(findings(self.page)), self.page.url


def test_from_a_wish_to_a_working_key(
    whole: Installation, sign_in: SignIn, record_property: Callable[..., None]
) -> None:
    began = time.monotonic()
    newcomer = Counted(sign_in("newcomer", PHONE))
    _the_wizard_is_filled(newcomer)
    number = _it_is_sent(newcomer)
    _the_board_approves(sign_in("risk-board"), number)
    _the_owner_arrives(newcomer)
    secret = _a_key_is_collected(newcomer, "prod")
    with OpenAI(base_url=f"http://127.0.0.1:{whole.port}/v1", api_key=secret) as client:
        _says_hello(client)
    took_s = time.monotonic() - began
    record_property("to a working production key", f"{newcomer.clicks} clicks of the team and {took_s:.0f} s")
    began, before = time.monotonic(), newcomer.clicks
    _a_colleague_is_invited(newcomer)
    colleague = Counted(sign_in("viewer"))
    _they_join(colleague)
    with OpenAI(base_url=f"http://127.0.0.1:{whole.port}/v1", api_key=_a_key_is_collected(colleague, "dev")) as client:
        _says_hello(client)
    clicks, took_s = newcomer.clicks - before, time.monotonic() - began
    record_property("to a colleague's own key", f"{clicks} and {colleague.clicks} clicks, {took_s:.0f} s")


def _says_hello(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="smollm2", messages=[{"role": "user", "content": "Say hello."}], max_tokens=12
    )
    assert answer.choices[0].message.content


def _the_wizard_is_filled(on: Counted) -> None:
    on.page.goto("/tenants/new/")
    on.press("button", re.compile("^Begin"))
    on.press("link", re.compile("^Begin|^Go on"))
    on.write("Name of the team", NAME)
    on.write("Short name", "claims-desk")
    on.write("Line of business", "Insurance")
    on.write("Cost centre", "CC-7100")
    on.write("Sponsor", "Head of Claims")
    on.fits()
    on.press("button", "Save and go on")

    on.write("Name of the use case", "Claims letters")
    on.write("Its short name", "claims-letters")
    on.write("What is it for?", "Draft letters about invented claims; a person reads and signs each.")
    for label in ("Internal: not for outsiders, harmless if it got out", "The team itself", "No",
                  "It suggests, a person does", "In the European Union only"):  # fmt: skip
        on.choose(label)
    on.write("About how many people will use it?", "12")
    on.fits()
    on.press("button", "Save and go on")

    on.write("Person 1", "developer")
    on.fits()
    on.press("button", "Save and go on")

    on.choose("SmolLM2 135M Instruct (smollm2)")
    on.fits()
    on.press("button", "Save and go on")

    on.write("Calls of smollm2 a day", "200")
    on.press("button", "Save and estimate")
    expect(on.page.get_by_role("region", name="Estimate")).to_contain_text("$")
    on.fits()
    on.press("button", "Save and go on")

    on.choose("Shared: the same processes and database as others, held apart twice in code and database")
    on.fits()
    on.press("button", "Save and go on")

    on.choose("I have read these terms, and the team will keep to them")
    on.fits()
    on.press("button", "Save and go on")


def _it_is_sent(on: Counted) -> int:
    expect(on.page.get_by_role("main")).to_contain_text("Every page is answered")
    on.press("link", "Check your answers and send")
    expect(on.page.get_by_role("main")).to_contain_text("Low risk")
    on.fits()
    on.press("button", "Send to the board")
    expect(on.page.get_by_text(re.compile(r"Your request is sent as R-\d+"))).to_be_visible()
    return int(on.page.url.rstrip("/").rsplit("/", 1)[1])


def _the_board_approves(page: Page, number: int) -> None:
    page.goto(f"/requests/{number}/?tab=evidence")
    expect(page.get_by_role("main")).to_contain_text("Low risk")
    page.goto(f"/requests/{number}/")
    page.get_by_label("Comment", exact=True).first.fill("A small team on harmless texts. Welcome.")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text(f"You approved R-{number}.")).to_be_visible()


def _the_owner_arrives(on: Counted) -> None:
    on.page.goto("/tenants/new/")
    on.press("link", NAME)
    expect(on.page.get_by_role("main")).to_contain_text(f"{NAME} is ready", timeout=60_000)
    on.fits()
    on.press("link", "See what to do next")
    expect(on.page.get_by_role("main")).to_contain_text("Five things to do next")
    on.fits()


def _a_colleague_is_invited(on: Counted) -> None:
    on.page.goto("/tenants/claims-desk/members/")
    on.fits()
    on.press("link", re.compile("^Invite$"))
    on.write("E-mail", COLLEAGUE)
    on.page.get_by_label("Role").select_option("developer")
    on.fits()
    on.press("button", "Send invitation")
    expect(on.page.get_by_role("main")).to_contain_text(f"{COLLEAGUE} is invited as Developer")
    on.fits()


def _they_join(on: Counted) -> None:
    on.page.goto("/")
    expect(on.page.get_by_role("main")).to_contain_text("You are invited")
    on.press("link", NAME)
    on.press("button", re.compile("^Accept"))
    expect(on.page.get_by_role("heading", level=1)).to_contain_text(NAME)
    on.page.goto("/tenants/claims-desk/welcome/")


def _a_key_is_collected(on: Counted, kind: str) -> str:
    on.press("link", "Collect a key")
    wanted = on.page.get_by_label("Environment").get_by_role("option", name=re.compile(KINDS[kind], re.IGNORECASE))
    on.page.get_by_label("Environment").select_option(wanted.get_attribute("value"))
    on.page.get_by_role("textbox", name="Name").fill("first key")
    on.press("button", re.compile("^Issue"))
    secret = on.page.get_by_role("region", name="The key").inner_text().strip()
    assert secret.startswith(f"atrium_{kind}_")
    return secret
