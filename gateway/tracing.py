"""The trace that a call is a part of, as W3C Trace Context has it (https://www.w3.org/TR/trace-context/, level 1 and
the random flag of level 2): the client's is gone on with, and where there is none that can be read, one is begun.

Providers are sent it with our own span as the parent. Baggage is not passed on: nobody knows what clients put there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_KEY = r"[a-z][_0-9a-z\-*/]{0,255}|[a-z0-9][_0-9a-z\-*/]{0,240}@[a-z][_0-9a-z\-*/]{0,13}"
_MEMBER = re.compile(rf"({_KEY})=([\x20-\x2b\x2d-\x3c\x3e-\x7e]{{0,255}}[\x21-\x2b\x2d-\x3c\x3e-\x7e])")
_SAMPLED, _RANDOM = 0x01, 0x02  # flags that are understood; others are not passed on
MOST_MEMBERS = 32
LONGEST_STATE, LARGE_MEMBER = 512, 128  # characters: what every vendor passes on, and what is left out first
NOTHING, NOBODY = "0" * 32, "0" * 16


class Trace(NamedTuple):
    """`trace_id` of all spans, `span_id` of this call, `parent_id` of the client's (empty: the trace begins here)."""

    trace_id: str
    span_id: str
    parent_id: str = ""
    flags: int = _RANDOM
    state: str = ""

    @property
    def is_sampled(self) -> bool:
        """Whether the client records it."""
        return bool(self.flags & _SAMPLED)

    def headers(self, span_id: str = "") -> dict[str, str]:
        """What a provider is sent, with the span `span_id` as the parent (empty: that of this call)."""
        sent = {"traceparent": f"00-{self.trace_id}-{span_id or self.span_id}-{self.flags:02x}"}
        if self.state:
            sent["tracestate"] = self.state
        return sent


_is_recorded: list[Callable[[str], bool]] = []


def are_recorded_by(decides: Callable[[str], bool]) -> None:
    """From now on `decides` says of each trace that begins here whether it is recorded."""
    _is_recorded[:] = [decides]


def begun() -> Trace:
    """A trace of which this call is the first span."""
    drawn = os.urandom(24).hex()
    flags = _RANDOM | (_SAMPLED if _is_recorded and _is_recorded[0](drawn[:32]) else 0)
    return Trace(drawn[:32], drawn[32:], flags=flags)


def trace_of(parents: Sequence[str], states: Sequence[str]) -> Trace:
    """The trace that the `traceparent` headers of a request name, with its `tracestate` headers; a new one where they
    are missing, several, or not as the specification has them."""
    found = _PARENT.fullmatch(parents[0].strip(" \t")) if len(parents) == 1 else None
    if found is None:
        return begun()
    version, trace_id, parent_id, flags, more = found.groups()
    is_known = version != "ff" and (version != "00" or more is None)
    if not is_known or trace_id == NOTHING or parent_id == NOBODY:
        return begun()
    return Trace(trace_id, os.urandom(8).hex(), parent_id, int(flags, 16) & (_SAMPLED | _RANDOM), _state(states))


def _state(headers: Sequence[str]) -> str:
    """The members in their order; nothing when one of them cannot be read, is there twice, or they are too many.

    Of a longer state than `LONGEST_STATE` whole members are left out: the large ones first, then from the end.
    """
    members = [member for each in headers for part in each.split(",") if (member := part.strip(" \t"))]
    if len(members) > MOST_MEMBERS:
        return ""
    keys = set()
    for member in members:
        found = _MEMBER.fullmatch(member)
        if found is None or found[1] in keys:
            return ""
        keys.add(found[1])
    while len(state := ",".join(members)) > LONGEST_STATE:
        large = [place for place, member in enumerate(members) if len(member) > LARGE_MEMBER]
        del members[large[-1] if large else -1]
    return state
