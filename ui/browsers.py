"""What a browser says of itself (`User-Agent`, RFC 9110 section 10.1.5) in words: `Firefox on Windows`.

Every browser names others to be taken for them; the first mark that is found here is what it is.
"""

from __future__ import annotations

LONGEST = 80  # of a program that is no browser
BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("CrOS", "ChromeOS"),
    ("Macintosh", "Mac"), ("Linux", "Linux"),
)  # fmt: skip


def browser_words(user_agent: str) -> str:
    """The browser and its system; of a program that is none, what it says."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    if not browser or not user_agent.startswith("Mozilla/"):
        return user_agent[:LONGEST] or "unknown"
    return f"{browser} on {system}" if system else browser
