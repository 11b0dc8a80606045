"""Cuts `application/vnd.amazon.eventstream` into its messages.

Each has a length, headers, a payload and two checksums. Source:
https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html (the encoding is the same for every service).
"""

from __future__ import annotations

import struct
import zlib

from gateway.providers.provider import Unreadable
from gateway.sse import LARGEST_EVENT, EventTooLarge, ServerSentEvent

PRELUDE = struct.Struct(">III")  # the whole length, that of the headers, the checksum of both
CHECKSUM = struct.Struct(">I")
TEXT = 7
# How long the value of a header is, by its type; texts and bytes tell their length themselves.
SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class FrameParser:
    """Feed it pieces, it returns the messages that they complete: payload and type, `exception …` of errors."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """The messages completed by `piece`. Raises `EventTooLarge`, and `Unreadable` for what is no such stream."""
        self._held += piece
        events = []
        while len(self._held) >= PRELUDE.size:
            total, _, checksum = PRELUDE.unpack_from(self._held)
            if zlib.crc32(self._held[:8]) != checksum or total < PRELUDE.size + CHECKSUM.size:
                raise Unreadable("sent a stream that cannot be read")
            if total > LARGEST_EVENT:
                raise EventTooLarge(f"an event is larger than {LARGEST_EVENT} bytes")
            if len(self._held) < total:
                break
            events.append(_message(bytes(self._held[:total])))
            del self._held[:total]
        return events


def _message(message: bytes) -> ServerSentEvent:
    _, size, _ = PRELUDE.unpack_from(message)
    end = len(message) - CHECKSUM.size
    if CHECKSUM.unpack_from(message, end)[0] != zlib.crc32(message[:end]) or PRELUDE.size + size > end:
        raise Unreadable("sent a stream that cannot be read")
    headers = _headers(message[PRELUDE.size : PRELUDE.size + size])
    payload = message[PRELUDE.size + size : end]
    kind = headers.get(b":message-type", b"event")
    if kind == b"event":
        return ServerSentEvent(payload, headers.get(b":event-type", b""))
    return ServerSentEvent(payload, b"exception " + headers.get(b":exception-type", headers.get(b":error-code", b"")))


def _headers(data: bytes) -> dict[bytes, bytes]:
    """Those whose value is a text."""
    found, at = {}, 0
    try:
        while at < len(data):
            name = data[at + 1 : at + 1 + data[at]]
            at += 1 + len(name)
            kind = data[at]
            at += 1
            if kind in SIZES:
                at += SIZES[kind]
                continue
            size = int.from_bytes(data[at : at + 2])
            if kind == TEXT:
                found[name] = data[at + 2 : at + 2 + size]
            at += 2 + size
    except IndexError as error:
        raise Unreadable("sent a stream that cannot be read") from error
    return found
