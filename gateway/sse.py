"""Read server-sent events from bytes as they arrive (WHATWG HTML, "Server-sent events", 9.2.5 and 9.2.6).

Any cutting of the stream into pieces gives the same events. Lines may end in CRLF, LF or CR; text stays bytes, so a
character cut in two is whole again before anybody decodes it. An event that grows without end is refused.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LARGEST_EVENT = 8 * 1024 * 1024  # bytes
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class ServerSentEvent(NamedTuple):
    """`data` with its lines joined by LF; `type` is empty unless the sender named one."""

    data: bytes
    type: bytes = b""


class EventTooLarge(ValueError):
    """An event is larger than the parser's limit."""


class EventParser:
    """Feed it pieces, it returns the events that they complete. What is unfinished at the end is no event."""

    def __init__(self, largest: int = LARGEST_EVENT) -> None:
        self._largest = largest
        self._line: list[bytes] = []  # pieces of a line whose end has not come yet
        self._line_size = 0
        self._data: list[bytes] = []
        self._data_size = 0
        self._type = b""
        self._skip_line_feed = False  # the last piece ended in CR: a LF now belongs to it
        self._start: bytes | None = b""  # what came so far, until it is known whether it is a byte order mark

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """The events completed by `piece`. Raises `EventTooLarge`."""
        if self._start is not None:
            self._start += piece
            if self._start != _BYTE_ORDER_MARK[: len(self._start)] or len(self._start) >= 3:
                piece, self._start = self._start.removeprefix(_BYTE_ORDER_MARK), None
            else:
                return []
        if self._skip_line_feed and piece:
            self._skip_line_feed = False
            piece = piece.removeprefix(b"\n")
        if not piece:
            return []
        events: list[ServerSentEvent] = []
        is_whole = piece.endswith(b"\n\n") and not (self._line or self._data or self._type) and b"\r" not in piece
        if is_whole and len(piece) <= self._largest:  # events to their ends, as most pieces are
            for block in piece.split(b"\n\n"):
                if block.startswith(b"data: ") and b"\n" not in block:
                    events.append(ServerSentEvent(block[6:]))
                elif block:
                    for line in (*block.split(b"\n"), b""):
                        self._take(line, events)
            return events
        if b"\r" in piece:
            lines = _LINE_END.split(piece)
            self._skip_line_feed = piece.endswith(b"\r")
        else:
            lines = piece.split(b"\n")
        rest = lines.pop()
        for line in lines:
            if self._line:
                self._line.append(line)
                line = b"".join(self._line)
                self._line, self._line_size = [], 0
            self._take(line, events)
        if rest:
            self._line.append(rest)
            self._line_size += len(rest)
        if self._line_size + self._data_size > self._largest:
            raise EventTooLarge(f"an event is larger than {self._largest} bytes")
        return events

    def _take(self, line: bytes, events: list[ServerSentEvent]) -> None:
        if not line:
            if self._data:
                events.append(ServerSentEvent(b"\n".join(self._data), self._type))
            self._data, self._data_size, self._type = [], 0, b""
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._data_size += len(value) + 1
            if self._data_size > self._largest:
                raise EventTooLarge(f"an event is larger than {self._largest} bytes")
        elif field == b"event":
            self._type = value
        # A comment (the field is empty), "id", "retry" and unknown fields mean nothing here.
