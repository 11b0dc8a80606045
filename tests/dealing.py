"""Which tests stay together in one process: files whose tests share something that is costly to start.

Groups are begun first, the largest first, and then test by test: so no process has a long one left when the others
have ended. (The groups of xdist itself, `xdist_group`, have no effect with pytest 9.2, which lets nobody rename tests.)
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


class Dealing(LoadScopeScheduling):
    """xdist's scheduler of scopes, with ours."""

    def _split_scope(self, nodeid: str) -> str:
        return next((group for start, group in GROUPS.items() if nodeid.startswith(start)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Dealing:
    return Dealing(config, log)
