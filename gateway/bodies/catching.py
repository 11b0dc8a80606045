"""Catch what one call asks and is answered, as far as its environment keeps it, and make of it what is stored.

On the call's way only pieces that exist anyway are put into a list. Everything else happens in a thread (`keeper`).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import orjson
from django.conf import settings

from gateway.bodies.media import without_media
from gateway.conditions import told_of
from usage.bodies.sealing import Part, end_user_hash, seal
from usage.bodies.storing import BodyRecord

if TYPE_CHECKING:
    from gateway.bodies.rules import Rule
    from gateway.pipeline import Call
    from gateway.snapshot import Snapshot

_RANDOM = (1 << 62) - 1  # the bits of a version 7 identifier that are random (RFC 9562, 5.7)
_UNKNOWN_BYTES = 64 * 1024  # what a request is taken for in memory whose size nobody has counted
LARGEST_HELD = 64 * 1024 * 1024  # bytes of caught content that a process holds before it lets some go
FAILED = ("failed", "interrupted")


class Room:
    """How much caught content a process holds, of calls under way and of those that wait to be written. Touched by the
    event loop alone."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = 0


class Caught:
    """The content of one call. `told` is handed each piece of the answer as the client gets it, once and in order.

    Whoever is done with it calls `release`. `is_let_go`: there was no room for it.
    """

    __slots__ = (
        "_held",
        "_left",
        "_room",
        "is_let_go",
        "pieces",
        "request_bytes",
        "rule",
        "size",
        "whole",
    )

    def __init__(self, rule: Rule, room: Room) -> None:
        self.rule = rule
        self._room = room
        self._held = 0
        self.is_let_go = False
        self.whole: bytes | None = None  # the answer, where it came to its end as a response that is to be stored
        self.pieces: list[bytes] = []
        self.size = 0
        self.request_bytes = _UNKNOWN_BYTES
        self._left: int = settings.GATEWAY_LARGEST_KEPT if rule.keeping.answers else 0

    def told(self, piece: bytes) -> None:
        self.size += len(piece)
        if self._left > 0:
            kept = piece[: self._left]
            if self.hold(len(kept)):
                self.pieces.append(kept)
                self._left -= len(kept)

    def became(self, answer: bytes) -> None:
        """The answer came to its end as `answer`, which is kept instead of the pieces that it was told in."""
        told = sum(len(piece) for piece in self.pieces)
        self._held -= told
        self._room.held -= told
        self.pieces, self.size, self.whole = [], len(answer), answer
        self.hold(len(answer))

    def hold(self, size: int) -> bool:
        """Count `size` bytes that it keeps in memory; False where there is no room beside other calls: it is let go."""
        room = self._room
        if room.held > self._held and room.held + size > LARGEST_HELD:
            self.release()
            self.is_let_go = True
            return False
        self._held += size
        room.held += size
        return True

    def release(self) -> None:
        """Keep none of it in memory any longer. A second time changes nothing."""
        self._room.held -= self._held
        self._held = self._left = 0
        self.pieces, self.whole = [], None


def catch(snapshot: Snapshot, call: Call, room: Room) -> Caught | None:
    """What catches the content of `call`, as far as there is `room`; None where nothing of it is kept."""
    rule = snapshot.bodies.get(call.admitted.caller.environment_id)
    if rule is None or (call.id.int & _RANDOM) % 100 >= rule.keeping.share:
        return None
    return Caught(rule, room)


def record_of(caught: Caught, call: Call, outcome: str) -> BodyRecord:
    """What is stored of a call that has ended: cut to what is kept, without media, encrypted."""
    rule, keeping, caller, asked = caught.rule, caught.rule.keeping, call.admitted.caller, call.meter.asked
    largest, body = settings.GATEWAY_LARGEST_KEPT, asked.own
    began = dt.datetime.fromtimestamp(call.meter.began_at_ns / 1e9, dt.UTC)

    def sealed(part: Part, content: bytes) -> bytes:
        return seal(rule.secret, rule.tenant_id, call.id, part, content[:largest])

    now = (end_user_hash(rule.secret, name) for name in end_users(body))
    before = asked.goes_on.end_user_hashes if asked.goes_on is not None else ()
    bare = without_media(body) if keeping.prompts else None
    prompt = orjson.dumps(body if keeping.media else bare) if keeping.prompts else b""
    answer = b"".join(caught.pieces) if caught.whole is None else caught.whole
    is_whole = len(prompt) <= largest and caught.size <= largest and (keeping.media or bare == body)
    if caught.whole is not None and not is_whole:
        answer = orjson.dumps(orjson.loads(answer) | {"store": False})  # as it is told then
    return BodyRecord(
        id=call.id,
        tenant_id=caller.tenant_id,
        project_id=caller.project_id,
        environment_id=caller.environment_id,
        key_id=rule.key_id,
        key_prefix=caller.key_prefix,
        end_user_hashes=tuple(dict.fromkeys((*now, *before))),
        form=asked.form,
        is_streamed=call.is_streamed and caught.whole is None,
        has_failed=outcome in FAILED,
        has_media=keeping.prompts and keeping.media and bare != body,
        started_at=began,
        erase_at=began + dt.timedelta(days=keeping.days),
        prompt=sealed("prompt", prompt) if keeping.prompts else None,
        answer=sealed("answer", answer) if keeping.answers else None,
        prompt_bytes=len(prompt),
        answer_bytes=caught.size if keeping.answers else 0,
        is_prompt_cut=len(prompt) > largest,
        is_answer_cut=keeping.answers and caught.size > largest,
        is_response=caught.whole is not None and is_whole,
        previous=asked.goes_on.previous if asked.goes_on is not None else None,
        data_classes=tuple(sorted(told_of(call.admitted.place, asked.stated))),
    )


def end_users(body: dict[str, Any]) -> list[str]:
    """Whom a request says that it is for: in OpenAI's fields, the older one too, and in Anthropic's."""
    metadata = body.get("metadata")
    told = [body.get("safety_identifier"), body.get("user")]
    told.append(metadata.get("user_id") if isinstance(metadata, dict) else None)
    return list(dict.fromkeys(name for name in told if isinstance(name, str) and name))
