"""Catch what one call asks and is answered, as far as its environment keeps it, and make of it what is stored.

On the call's way only pieces that exist anyway are put into a list. Everything else happens in a thread (`keeper`).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import orjson
from django.conf import settings

from gateway.bodies.media import without_media
from usage.bodies.sealing import Part, end_user_hash, seal
from usage.bodies.storing import BodyRecord

if TYPE_CHECKING:
    from gateway.bodies.rules import Rule
    from gateway.pipeline import Call
    from gateway.snapshot import Snapshot

_RANDOM = (1 << 62) - 1  # the bits of a version 7 identifier that are random (RFC 9562, 5.7)
_UNKNOWN_BYTES = 64 * 1024  # what a request is taken for in memory whose size nobody has counted
FAILED = ("failed", "interrupted")


class Caught:
    """The content of one call. `told` is handed each piece of the answer as the client gets it, once and in order."""

    __slots__ = ("_left", "pieces", "request_bytes", "rule", "size")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.pieces: list[bytes] = []
        self.size = 0
        self.request_bytes = _UNKNOWN_BYTES
        self._left: int = settings.GATEWAY_LARGEST_KEPT if rule.keeping.answers else 0

    def told(self, piece: bytes) -> None:
        self.size += len(piece)
        if self._left > 0:
            self.pieces.append(piece)
            self._left -= len(piece)

    @property
    def held_bytes(self) -> int:
        """About what it keeps in memory."""
        return self.request_bytes + min(self.size, settings.GATEWAY_LARGEST_KEPT)


def catch(snapshot: Snapshot, call: Call) -> Caught | None:
    """What catches the content of `call`; None where nothing of it is kept."""
    rule = snapshot.bodies.get(call.admitted.caller.environment_id)
    if rule is None or (call.id.int & _RANDOM) % 100 >= rule.keeping.share:
        return None
    return Caught(rule)


def record_of(caught: Caught, call: Call, outcome: str) -> BodyRecord:
    """What is stored of a call that has ended: cut to what is kept, without media, encrypted."""
    rule, keeping, caller, asked = caught.rule, caught.rule.keeping, call.admitted.caller, call.meter.asked
    largest = settings.GATEWAY_LARGEST_KEPT
    began = dt.datetime.fromtimestamp(call.meter.began_at_ns / 1e9, dt.UTC)

    def sealed(part: Part, content: bytes) -> bytes:
        return seal(rule.secret, rule.tenant_id, call.id, part, content[:largest])

    prompt = orjson.dumps(asked.body if keeping.media else without_media(asked.body)) if keeping.prompts else b""
    answer = b"".join(caught.pieces)
    return BodyRecord(
        id=call.id,
        tenant_id=caller.tenant_id,
        project_id=caller.project_id,
        environment_id=caller.environment_id,
        key_id=rule.key_id,
        key_prefix=caller.key_prefix,
        end_user_hashes=tuple(end_user_hash(rule.secret, name) for name in end_users(asked.body)),
        form=asked.form,
        is_streamed=call.is_streamed,
        has_failed=outcome in FAILED,
        started_at=began,
        erase_at=began + dt.timedelta(days=keeping.days),
        prompt=sealed("prompt", prompt) if keeping.prompts else None,
        answer=sealed("answer", answer) if keeping.answers else None,
        prompt_bytes=len(prompt),
        answer_bytes=caught.size if keeping.answers else 0,
        is_prompt_cut=len(prompt) > largest,
        is_answer_cut=keeping.answers and caught.size > largest,
    )


def end_users(body: dict[str, Any]) -> list[str]:
    """Whom a request says that it is for: in OpenAI's fields, the older one too, and in Anthropic's."""
    metadata = body.get("metadata")
    told = [body.get("safety_identifier"), body.get("user")]
    told.append(metadata.get("user_id") if isinstance(metadata, dict) else None)
    return list(dict.fromkeys(name for name in told if isinstance(name, str) and name))
