"""What tests counted and measured on their way (`record_property`), as lines at the end of pytest's report.

It is told and not judged: how long something takes depends on the machine.
"""

from __future__ import annotations

from collections.abc import Iterator

from _pytest.reports import TestReport
from _pytest.terminal import TerminalReporter


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Called by pytest once all tests have run; with several workers their reports have come together here."""
    lines = [line for kind in ("passed", "failed") for line in _told(terminalreporter.stats.get(kind, []))]
    if lines:
        terminalreporter.section("what was measured on the way")
        for line in sorted(lines):
            terminalreporter.line(line)


def _told(reports: list[TestReport]) -> Iterator[str]:
    for report in reports:
        if report.when == "call" and report.user_properties:
            name = report.nodeid.rpartition("::")[2].removeprefix("test_").replace("_", " ")
            yield f"{name}: {', '.join(f'{what} {value}' for what, value in report.user_properties)}"
