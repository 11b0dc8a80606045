"""One answer while it is written: the call is opened, its chunks are taken in, and however it ends is told in words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any
from uuid import UUID

import structlog

from gateway.calls import Caller, CallSummary, open_call
from playground.asking import Planned
from playground.columns import Column
from playground.models import Answer
from refusals.errors import Refusal
from ui.markdown import Growing

logger = structlog.get_logger(__name__)

LOST = "The model stopped in the middle of its answer. What had arrived is kept; regenerate to try again."
DEFECT = "Something went wrong on our side. What had arrived is kept; regenerate to try again."
TOO_LONG = "The answer grew beyond what the playground keeps and was stopped. The first {:,} characters are kept."
LONGEST_ANSWER = 1024 * 1024  # characters of text and reasoning: all of it is saved each second


class Writing:
    """An answer in progress. `text` and `reasoning` grow; `state` leaves `running` once, at the end."""

    def __init__(self, planned: Planned) -> None:
        self.id: UUID = planned.answer.pk
        self.attempt: int = planned.answer.attempt
        self.column: Column = planned.column
        self.body = planned.body
        self.growing = Growing()
        self.reasoning = ""
        self.state: str = Answer.State.RUNNING
        self.error_code = ""
        self.error_message = ""
        self.way_out = ""
        self.call_id: UUID | None = None
        self.summary: CallSummary | None = None
        self.first_token_ms: int | None = None
        self.started = monotonic()
        self.duration_ms: int | None = None

    @property
    def text(self) -> str:
        return self.growing.text

    @property
    def is_running(self) -> bool:
        return self.state == Answer.State.RUNNING

    async def write(self, caller: Caller, *, request_id: str, changed: Callable[[], None]) -> None:
        """Call the model and take in what it says; `changed` is called whenever there is something new to show.

        Cancelling the task that runs this stops the provider's call and ends as `stopped`. Never raises otherwise.
        """
        try:
            await self._write(caller, request_id, changed)
        except Refusal as refusal:
            self._end(Answer.State.REFUSED, refusal.code, refusal.sentence, refusal.way_out)
        except asyncio.CancelledError:
            self._end(Answer.State.STOPPED)
        except Exception:
            logger.exception("playground_answer_failed", answer=str(self.id), route=self.column.route)
            self._end(Answer.State.FAILED, "internal_error", DEFECT)
        finally:
            self.duration_ms = round((monotonic() - self.started) * 1000)
            changed()

    async def _write(self, caller: Caller, request_id: str, changed: Callable[[], None]) -> None:
        body, purpose = {**self.body, "stream": True}, self.column.purpose
        call = await open_call(caller, body, request_id=request_id, purpose=purpose)
        self.call_id = call.call_id
        try:
            async for chunk in call:
                if self._take(chunk):
                    changed()
                if self._room <= 0:
                    self._end(Answer.State.FAILED, "answer_too_long", TOO_LONG.format(LONGEST_ANSWER))
                    break
        finally:
            await call.aclose()
            self.summary = call.summary
        self._conclude(call.summary)

    @property
    def _room(self) -> int:
        return LONGEST_ANSWER - len(self.text) - len(self.reasoning)

    def _take(self, chunk: dict[str, Any]) -> bool:
        """Keep what the chunk adds to the answer; whether it added anything."""
        added = False
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            delta = choice.get("delta") if isinstance(choice, dict) else None
            if not isinstance(delta, dict):
                continue  # a provider may send anything
            thought = delta.get("reasoning_content") or delta.get("reasoning")
            if isinstance(thought, str) and thought:
                self.reasoning += thought[: self._room].replace("\x00", "")
                added = True
            content = delta.get("content") or delta.get("refusal")
            if isinstance(content, str) and content:
                self.growing.text += content[: self._room].replace("\x00", "").replace("\r", "")
                added = True
        if added and self.first_token_ms is None:
            self.first_token_ms = round((monotonic() - self.started) * 1000)
        return added

    def _conclude(self, summary: CallSummary | None) -> None:
        if summary is None or summary.outcome == "ok":
            self._end(Answer.State.DONE)
        elif summary.outcome == "cancelled":
            self._end(Answer.State.STOPPED)
        else:
            state = Answer.State.INTERRUPTED if summary.outcome == "interrupted" else Answer.State.FAILED
            self._end(state, summary.error_code, summary.error_message or LOST)

    def _end(self, state: str, code: str = "", message: str = "", way_out: str = "") -> None:
        if self.is_running:
            self.state, self.error_code, self.error_message, self.way_out = (
                state,
                code[:60],
                message[:500],
                way_out[:300],
            )

    def columns_to_keep(self) -> dict[str, Any]:
        """What the answer's row is set to at the end."""
        kept: dict[str, Any] = {
            "text": self.text,
            "reasoning": self.reasoning,
            "state": self.state,
            "error_code": self.error_code,
            "error_message": self.error_message,
            "way_out": self.way_out,
            "call_id": self.call_id,
            "first_token_ms": self.first_token_ms,
            "duration_ms": self.duration_ms,
        }
        if (summary := self.summary) is not None:
            kept |= {
                "finish_reason": summary.finish_reason or "",
                "duration_ms": summary.duration_ms,
                "input_tokens": summary.input_tokens,
                "output_tokens": summary.output_tokens,
                "usage_source": summary.usage_source,
                "cost": summary.cost,
                "currency": summary.currency,
            }
            if summary.first_token_ms is not None:
                kept["first_token_ms"] = summary.first_token_ms
        return kept

    def row(self) -> Answer:
        """The answer as its row will be, for showing it."""
        return Answer(
            pk=self.id,
            column=self.column.key,
            attempt=self.attempt,
            route=self.column.route,
            parameters=self.column.parameters,
            **self.columns_to_keep(),
        )
