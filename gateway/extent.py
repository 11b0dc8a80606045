"""How much a request may hold, told from its bytes, and where the work on large ones is done.

What is parsed in one go keeps every other call of the process waiting. A size in bytes alone does not bound that:
twenty megabytes are one picture, or six hundred thousand messages. What is heavy waits its turn for a thread that does
nothing else; in those of the process it would keep names of providers from being resolved. A second thread would make
nothing quicker, as one piece of Python runs at a time, and calls would wait for both.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import UUID

from gateway.options import options
from refusals import Refusal

HEAVY = 256 * 1024  # bytes from which on the work is done in a thread
PIECE = 512 * 1024  # bytes that are gone over at once
WAITING_OF_A_TENANT = 64 * 1024 * 1024  # bytes of heavy bodies that wait or are worked on, from which on no more wait
WAITING = 4 * WAITING_OF_A_TENANT  # the same, of all tenants
RETRY_AFTER_S = 2  # some tens of megabytes are read in that time
_NO_BACKSLASH = re.compile(rb"[^\\]")
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="heavy")


class TooMuchInIt(Refusal):
    code = "request_holds_too_much"
    status = 413
    title = "The request holds too much"


class LargeRequestsWaiting(Refusal):
    code = "large_requests_waiting"
    status = 429
    title = "Too many large requests at once"


class TooManyLargeRequests(Refusal):
    code = "too_many_large_requests"
    status = 503
    title = "Too many large requests at the moment"


def check_extent(body: bytes) -> None:
    """Raise `TooMuchInIt` for JSON with more in it than is read here. What stands in texts does not count."""
    most_objects, most_texts = options.gateway_most_objects, options.gateway_most_texts
    most_values = options.gateway_most_values
    if len(body) <= min(most_objects, most_texts, most_values):
        return  # bytes that cannot hold more
    containers = body.count(b"{") + body.count(b"[") <= most_objects
    if containers and body.count(b'"') <= 2 * most_texts and body.count(b",") < most_values:
        return  # there is no more even if none of these signs stands in a text
    bare = b"".join(map(_unescaped, _pieces(body)))  # every quotation mark left in it begins or ends a text
    if bare.count(b'"') > 2 * most_texts:
        raise _refusal(f"{most_texts:,} texts and names")
    outside = b"".join(bare.split(b'"')[::2])
    if outside.count(b"{") + outside.count(b"[") > most_objects:
        raise _refusal(f"{most_objects:,} objects and lists")
    if outside.count(b",") >= most_values:
        raise _refusal(f"{most_values:,} values")


def _unescaped(piece: bytes) -> bytes:
    return piece.replace(b"\\\\", b"").replace(b'\\"', b"")


def _pieces(body: bytes) -> Iterator[bytes]:
    """`body` cut where nothing is escaped, so that another thread may run in between."""
    at = 0
    while at < len(body):
        found = _NO_BACKSLASH.search(body, at + PIECE - 1)
        ends = found.end() if found else len(body)
        yield body[at:ends]
        at = ends


async def apart[*Given, Made](is_heavy: bool, work: Callable[[*Given], Made], *given: *Given) -> Made:
    """What `work` makes; of something heavy in a thread, which shares the processor with the calls of others."""
    return await asyncio.get_running_loop().run_in_executor(_thread, work, *given) if is_heavy else work(*given)


class Turns:
    """The heavy bodies of one process that wait to be read or are being read: how many bytes, by tenant."""

    def __init__(self) -> None:
        self._of: dict[UUID | None, int] = defaultdict(int)

    @contextmanager
    def waiting(self, tenant: UUID | None, size: int) -> Iterator[None]:
        """Wait with a body of `size` bytes. One always may, however large.

        Raises `LargeRequestsWaiting` and `TooManyLargeRequests`.
        """
        if self._of[tenant] >= WAITING_OF_A_TENANT:
            raise LargeRequestsWaiting(
                "Your large requests of this moment wait to be read, and no more of them can. "
                f"Try again in {RETRY_AFTER_S} s, or send fewer at once.",
                retry_after_s=RETRY_AFTER_S,
            )
        if sum(self._of.values()) >= WAITING:
            raise TooManyLargeRequests(
                f"Too many large requests wait to be read. Try again in {RETRY_AFTER_S} s.",
                retry_after_s=RETRY_AFTER_S,
            )
        self._of[tenant] += size
        try:
            yield
        finally:
            self._of[tenant] -= size
            if not self._of[tenant]:
                del self._of[tenant]


def _refusal(most: str) -> TooMuchInIt:
    return TooMuchInIt(f"A request may hold at most {most}. Send less at once, such as a part of the conversation.")
