"""Which tests stay together in one process: files whose tests share something that is costly to start.

Groups are begun first, the largest first, then the long tests, and then test by test: so no process has a long one left
when the others have ended. (The groups of xdist itself, `xdist_group`, have no effect with pytest 9.2, which lets
nobody rename tests.)
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

GROUPS = {  # by how the names of their tests begin
    "tests/browser/test_whole": "the whole installation",
    "tests/faults/test_recovery": "installations that are killed",
    "tests/faults/test_ledger_under_kills": "installations that are killed",
    "tests/faults/test_database_outage": "a server without its database",
    "tests/portal/test_single_sign_on": "a server with a sign-in service",
    "tests/portal/test_api_document": "the document of the API",
}

# What takes a core a quarter of a minute and more, by how the names begin: of several processes one would be at it
# alone, at the end.
LONG = (
    "tests/tenants/test_two_deeds_at_once",
    "tests/tenants/test_histories",
    "tests/tenants/test_lists_and_kills",
    "tests/tenants/test_invitation_lists.py::test_fifty_thousand",
    "tests/faults/test_killed_workers",
    "tests/gateway/test_kills",
    "tests/gateway/test_budgets.py::test_nor_when_one_of_them_is_killed",
)


class Dealing(LoadScopeScheduling):
    """xdist's scheduler of scopes, with ours; it goes on after a process that ended amid a test.

    That of xdist deals the test again that ended it, and gives the process that takes its place one group and then
    waits for its report, while a process begins a test only when it knows the next one: the run would never end.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((group for start, group in GROUPS.items() if nodeid.startswith(start)), nodeid)

    def remove_node(self, node: Any) -> str | None:
        """The test that `node` was at, if any; what else was dealt to it is dealt to the others, before all the rest.

        Raises `KeyError` for a process that was never dealt to.
        """
        left: dict[str, dict[str, bool]] = {}
        ended_by = None
        for group, tests in self.assigned_work.pop(node).items():
            for nodeid, is_done in tests.items():
                if is_done:
                    continue
                if ended_by is None:
                    ended_by = nodeid
                else:
                    left.setdefault(group, {})[nodeid] = False
        for group in reversed(left):
            self.workqueue[group] = left[group]
            self.workqueue.move_to_end(group, last=False)
        if ended_by is not None:
            for other in self.nodes:
                self._reschedule(other)
        return ended_by

    def _reschedule(self, node: Any) -> None:
        if node not in self.registered_collections:
            return  # it is about to look which tests there are, and is dealt to then
        super()._reschedule(node)
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Dealing:
    return Dealing(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The scheduler keeps this order among the groups of one size, and so among single tests."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
