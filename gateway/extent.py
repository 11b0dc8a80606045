"""How much a request may hold, told from its bytes: what is parsed, read and written again in one go keeps every other
call of the process waiting.

A size in bytes alone does not bound that: twenty megabytes are one picture, or six hundred thousand messages.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator

from refusals import Refusal

MOST_CONTAINERS = 25_000  # objects and lists: ten thousand messages, or eight thousand of parts
MOST_STRINGS = 200_000  # names of fields too
MOST_VALUES = 500_000  # the numbers of an embedding's tokens are the most of them
NEVER_TOO_MUCH = 2 * MOST_CONTAINERS  # bytes that cannot hold more
HEAVY = 256 * 1024  # bytes from which on the work is done in a thread
PIECE = 512 * 1024  # bytes that are gone over at once
_NO_BACKSLASH = re.compile(rb"[^\\]")


class TooMuchInIt(Refusal):
    code = "request_holds_too_much"
    status = 413
    title = "The request holds too much"


def check_extent(body: bytes) -> None:
    """Raise `TooMuchInIt` for JSON with more in it than is read here. What stands in texts does not count."""
    if len(body) <= NEVER_TOO_MUCH:
        return
    containers = body.count(b"{") + body.count(b"[") <= MOST_CONTAINERS
    if containers and body.count(b'"') <= 2 * MOST_STRINGS and body.count(b",") < MOST_VALUES:
        return  # there is no more even if none of these signs stands in a text
    bare = b"".join(map(_unescaped, _pieces(body)))  # every quotation mark left in it begins or ends a text
    if bare.count(b'"') > 2 * MOST_STRINGS:
        raise _refusal(f"{MOST_STRINGS:,} texts and names")
    outside = b"".join(bare.split(b'"')[::2])
    if outside.count(b"{") + outside.count(b"[") > MOST_CONTAINERS:
        raise _refusal(f"{MOST_CONTAINERS:,} objects and lists")
    if outside.count(b",") >= MOST_VALUES:
        raise _refusal(f"{MOST_VALUES:,} values")


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
    return await asyncio.to_thread(work, *given) if is_heavy else work(*given)


def _refusal(most: str) -> TooMuchInIt:
    return TooMuchInIt(f"A request may hold at most {most}. Send less at once, such as a part of the conversation.")
