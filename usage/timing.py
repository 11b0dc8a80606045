"""The times of one call as its row in the ledger keeps them, in whole milliseconds.

The gateway writes it with the end of a call (`gateway.timeline`); rows from before it was kept, and of calls whose
process died, have none.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Attempt(TypedDict):
    """One deployment that was asked; moments since the call was admitted. Names are kept as text.

    `fallback` is the route for which it was asked, where that is another than was called; `sent_ms` when the request
    went out, where it waited for its opening to be safe; `failure` the code of why it was left, `status` what the
    provider answered with, if it did. Without `ended_ms` it was at work when the call ended.
    """

    deployment: str
    provider: str
    upstream_name: str
    began_ms: int
    fallback: NotRequired[str]
    sent_ms: NotRequired[int]
    answered_ms: NotRequired[int]
    ended_ms: NotRequired[int]
    failure: NotRequired[str]
    status: NotRequired[int]


class Timing(TypedDict):
    """`reading_ms` and `admission_ms` were spent before the call began (its `started_at`, from which its duration
    counts): until the request was read, and until it was admitted, counted at limits and reserved of budgets. `waits`
    are the stretches in which it waited for room, `attempts` the deployments that were asked, in order."""

    reading_ms: int
    admission_ms: int
    waits: list[list[int]]
    attempts: list[Attempt]
