"""Pictures of every named page of a running Atrium with demonstration data, for eyes: `make shots`.

python -m tests.browser.shots --url http://127.0.0.1:8000 [--to .shots] [--only NAME …]

Each page is taken in light and dark at 1280 px and in light at 390 px. Console errors and foreign requests are told.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Error

from tests.browser.chromium import Watch, chromium
from tests.browser.pages import PAGES, NamedPage

PASSWORD = "atrium-demo"
APPEARANCES = (("light", 1280, "light"), ("dark", 1280, "dark"), ("phone", 390, "light"))
SETTLE_MS = 500


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--to", type=Path, default=Path(".shots"))
    parser.add_argument("--only", nargs="*", default=[], help="names (or beginnings of names) of pages")
    asked = parser.parse_args()
    wanted = [page for page in PAGES if not asked.only or page.name.startswith(tuple(asked.only))]
    problems: list[str] = []
    with chromium() as browser:
        for folder, width, scheme in APPEARANCES:
            (asked.to / folder).mkdir(parents=True, exist_ok=True)
            for account in dict.fromkeys(page.account for page in wanted):
                context = _context(browser, asked.url, width, scheme, account)
                for page in (page for page in wanted if page.account == account):
                    problems += _take(context, asked.url, page, asked.to / folder / f"{page.name}.png")
                context.close()
    print(f"{len(wanted)} pages, {len(APPEARANCES)} appearances each, in {asked.to}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _context(browser: Browser, url: str, width: int, scheme: str, account: str | None) -> BrowserContext:
    context = browser.new_context(
        base_url=url,
        viewport={"width": width, "height": 850},
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
    )
    context.set_default_timeout(15_000)
    if account:
        page = context.new_page()
        page.goto("/accounts/login/")
        page.fill("[name=login]", account)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_selector("body[data-user]")
        page.close()
    return context


def _take(context: BrowserContext, url: str, named: NamedPage, file: Path) -> list[str]:
    watch = Watch(own=(url,), expected_statuses={403, 404})
    page = context.new_page()
    watch.over(page)
    try:
        page.goto(named.path)
        page.wait_for_load_state("networkidle")
        for selector in named.then:
            page.click(selector)
        page.wait_for_timeout(SETTLE_MS)
        page.screenshot(path=file, full_page=not named.then)
    except Error as error:
        watch.problems.append(str(error).splitlines()[0])
    finally:
        page.close()
    return [f"{file.parent.name}/{named.name}: {problem}" for problem in watch.problems]


if __name__ == "__main__":
    sys.exit(main())
