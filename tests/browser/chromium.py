"""Debian's Chromium, watched: what it complains about and whom it asks besides Atrium."""

from __future__ import annotations

import re
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
    asked: int = 0

    def over(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", self._asked)
        page.on("requestfinished", self._answered)
        page.on("requestfailed", self._answered)

    def until_quiet(self, page: Page) -> None:
        """Wait until the page has asked for nothing for a while and nothing is under way.

        Playwright's own `networkidle` lasts half a second on every page.
        """
        for _ in range(LONGEST_MS // QUIET_MS):
            before = self.asked
            page.wait_for_timeout(QUIET_MS)
            if not self.under_way and self.asked == before:
                return
        raise AssertionError(f"{page.url} goes on asking: {[request.url for request in self.under_way]}")

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        status = _status.search(message.text)
        if status and int(status[1]) in self.expected_statuses:
            return
        self.problems.append(f"{message.type}: {message.text}")

    def _answered(self, request: Request) -> None:
        self.under_way.discard(request)

    def _asked(self, request: Request) -> None:
        self.asked += 1
        self.under_way.add(request)
        if not request.url.startswith((*self.own, "data:", "blob:", "about:")):
            self.problems.append(f"asked a foreign host: {request.url}")
