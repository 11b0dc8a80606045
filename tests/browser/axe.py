"""axe-core on the page as it stands: WCAG 2.2 AA and good practice, no finding allowed."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOURCE = (Path(__file__).parent / "vendor/axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def findings(page: Page) -> list[str]:
    """What axe finds, one line for each element at fault; empty when all is well."""
    # Evaluated through the debugger, since the page's own security policy forbids a script from elsewhere.
    page.evaluate(SOURCE)
    result: dict[str, Any] = page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})", TAGS
    )
    return [
        f"{rule['id']} ({rule['impact']}): {' '.join(map(str, node['target']))} — "
        f"{' / '.join(check['message'] for check in (*node['any'], *node['all'], *node['none']))[:300]}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]


def assert_accessible(page: Page) -> None:
    found = findings(page)
    assert not found, f"{page.url}\n" + "\n".join(found)
