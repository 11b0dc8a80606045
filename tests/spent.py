"""Where a run of tests spends processor time: of pytest, and of every process that it starts, Postgres too.

    python -m tests.spent [tests and options of pytest]     # one process of tests; Linux

Told by file and for the longest tests. It is processor time and not the clock's, so a busy machine changes it little.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter

PR_SET_CHILD_SUBREAPER = 36  # of <linux/prctl.h>: what a daemon leaves behind becomes ours, and not the machine's
ABOVE = "ATRIUM_TESTS_SPENT_ABOVE"
FILES, TESTS = 40, 25
TICKS = os.sysconf("SC_CLK_TCK")


class Spending:
    """A plugin of pytest that counts between one step of a test and the next."""

    def __init__(self, above: int) -> None:
        self.above, self.seen = above, 0.0
        self.by_test: Counter[str] = Counter()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if not self.by_test:
            self._note("(to begin)")
        try:
            return (yield)
        finally:
            self._note(item.nodeid)

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        by_file: Counter[str] = Counter()
        for name, seconds in self.by_test.items():
            by_file[name.partition("::")[0]] += seconds  # type: ignore[assignment]
        terminalreporter.section(f"{sum(by_file.values()):.1f} s of a processor")
        for told, most in ((by_file, FILES), (self.by_test, TESTS)):
            for name, seconds in told.most_common(most):
                terminalreporter.line(f"{seconds:8.1f} s  {name}")
            terminalreporter.line("")

    def _note(self, name: str) -> None:
        now = spent_below(self.above)
        self.by_test[name] += now - self.seen  # type: ignore[assignment]
        self.seen = now


def spent_below(above: int) -> float:
    """Seconds of a processor of all processes below `above` that live, and of those whose end was taken note of."""
    parents, ticks = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            parents[int(folder.name)], ticks[int(folder.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    return sum(spent for process, spent in ticks.items() if _is_below(process, above, parents)) / TICKS


def _is_below(process: int, above: int, parents: dict[int, int]) -> bool:
    while process and process != above:
        process = parents.get(process, 0)
    return process == above


def main() -> int:
    """Run pytest below this process, and end as it did."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    asked = ["-p", "tests.spent", "-n", "0", "-q", *sys.argv[1:]]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *asked], check=False, env=os.environ | {ABOVE: str(os.getpid())}
    ).returncode


def pytest_configure(config: pytest.Config) -> None:
    if ABOVE in os.environ:
        config.pluginmanager.register(Spending(int(os.environ[ABOVE])))


if __name__ == "__main__":
    sys.exit(main())
