"""A session is told by its browser and system, not by what the browser says of itself."""

from __future__ import annotations

import pytest

from ui.browsers import LONGEST, browser_words

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
SAID = {
    f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/140.0.0.0 Safari/537.36": "Chrome on Linux",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0.0.0 Safari/537.36 Edg/140.0": "Edge on Windows",
    f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {WEBKIT} Chrome/140.0.0.0 Mobile Safari/537.36": "Chrome on Android",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0": "Firefox on Mac",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 "
    "Mobile/15E148 Safari/604.1": "Safari on iPhone",
    "Mozilla/5.0 (Haiku) Firefox/140.0": "Firefox",
    "python-httpx/0.28.1": "python-httpx/0.28.1",
    "Not Chrome/1 at all": "Not Chrome/1 at all",
    "": "unknown",
    "x" * 500: "x" * LONGEST,
}


@pytest.mark.parametrize("user_agent", SAID)
def test_it_works(user_agent: str) -> None:
    assert browser_words(user_agent) == SAID[user_agent]
