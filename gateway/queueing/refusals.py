"""What a call is told that gets no room at any deployment of its route: whose limit it is, where it stood, when to come
again."""

from __future__ import annotations

from typing import Any

from refusals import Refusal


class NoRoom(Refusal):
    """Every deployment that could answer is used to its full. It heals by itself: `retry_after_s`."""

    status = 429
    title = "No room at the moment"

    def __init__(self, sentence: str, *, position: int, expected_wait_s: int | None, **facts: Any) -> None:
        queue = {"position": position, "expected_wait_s": expected_wait_s}
        super().__init__(sentence, retry_after_s=expected_wait_s or 1, queue=queue, **facts)


class WaitedTooLong(NoRoom):
    code = "waited_too_long"


class FallbackFull(Refusal):
    """Nobody of the route is asked, and its fallback, which is not waited for, has as many calls as it takes."""

    code = "fallback_full"
    status = 429
    title = "No room at the moment"


class QueueFull(NoRoom):
    code = "queue_full"
