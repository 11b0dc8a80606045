"""axe-core on the page as it stands: WCAG 2.2 AA and good practice, no finding allowed."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOURCE = (Path(__file__).parent / "vendor/axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def load(page: Page) -> None:
    """Have axe read once; it may look at the page several times."""
    # Evaluated through the debugger, since the page's own security policy forbids a script from elsewhere.
    if not page.evaluate("'axe' in window"):
        page.evaluate(SOURCE)


def findings(page: Page, rules: list[str] | None = None) -> list[str]:
    """What axe finds (by `rules` alone, where given), one line for each element at fault; empty when all is well."""
    load(page)
    violations: list[dict[str, Any]] = page.evaluate(
        "async runOnly => (await axe.run(document, {runOnly, resultTypes: ['violations']})).violations",
        {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS},
    )
    return [
        f"{rule['id']} ({rule['impact']}): {' '.join(map(str, node['target']))} — "
        f"{' / '.join(check['message'] for check in (*node['any'], *node['all'], *node['none']))[:300]}"
        for rule in violations
        for node in rule["nodes"]
    ]


def assert_accessible(page: Page, rules: list[str] | None = None) -> None:
    found = findings(page, rules)
    assert not found, f"{page.url}\n" + "\n".join(found)
