"""Debian's Chromium, watched: what it complains about and whom it asks besides Atrium."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

EXECUTABLE = Path("/usr/bin/chromium")
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LONGEST_MS = 20_000
QUIET_MS = 200  # longer than any script of ours pauses before it asks for something unless it is typed into
_status = re.compile(r"status of (\d{3})")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser. Without it the tests fail: a page that nobody looked at is not tested."""
    if not EXECUTABLE.exists():
        raise RuntimeError(f"The browser tests need Chromium at {EXECUTABLE}: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(EXECUTABLE), args=list(SWITCHES))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watch:
    """Everything on a page that must not be: console errors, uncaught exceptions, requests to foreign hosts.

    `expected_statuses` are answers that the test provokes; the browser reports each as an error of its console.
    """

    own: tuple[str, ...]
    expected_statuses: set[int] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    under_way: set[Request] = field(default_factory=set)
    moved: float = field(default_factory=time.monotonic)  # when something was last asked, answered, loaded or pressed

    def over(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", self._asked)
        page.on("requestfinished", self._answered)
        page.on("requestfailed", self._answered)
        page.on("load", lambda _: self.has_moved())

    def has_moved(self) -> None:
        """Something has happened that the page may ask after."""
        self.moved = time.monotonic()

    def until_quiet(self, page: Page) -> None:
        """Wait until nothing has moved for a while and nothing is under way. What was done since counts as waiting.

        Playwright's own `networkidle` lasts half a second on every page.
        """
        until = time.monotonic() + LONGEST_MS / 1000
        page.wait_for_timeout(1)  # what has happened by now is told
        while (left_ms := QUIET_MS - (time.monotonic() - self.moved) * 1000) > 0 or self.under_way:
            assert time.monotonic() < until, f"{page.url} goes on asking: {[each.url for each in self.under_way]}"
            page.wait_for_timeout(max(left_ms, 10))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        status = _status.search(message.text)
        if status and int(status[1]) in self.expected_statuses:
            return
        self.problems.append(f"{message.type}: {message.text}")

    def _answered(self, request: Request) -> None:
        self.has_moved()
        self.under_way.discard(request)

    def _asked(self, request: Request) -> None:
        self.has_moved()
        if request.resource_type != "eventsource":  # a stream of events is under way as long as its page is there
            self.under_way.add(request)
        if not request.url.startswith((*self.own, "data:", "blob:", "about:")):
            self.problems.append(f"asked a foreign host: {request.url}")
