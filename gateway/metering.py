"""Count what one call uses and write it down: opened in the journal before the provider is asked, closed at its end.

Tokens are the provider's own count where it tells one that can be true, else counted here and marked so; where it tells
a part, the rest is. The price is the one of the deployment that was in force when the call began.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from audit.identifiers import uuid7_text
from gateway import counting
from gateway.admission import Admitted
from gateway.costing import expected_tokens, prompt_tokens
from gateway.failures import ProviderFailure
from gateway.holding import Hold
from gateway.journal import Journal
from gateway.options import options
from gateway.providers import provider_of
from gateway.rates import Use, use_of
from gateway.routing import Choice
from gateway.row_json import INTERRUPTED, Beginning, Shared, beginning, own_columns
from gateway.seat import Seat
from gateway.snapshot import Grant, Target, UnitPrice
from gateway.stop import Stopped
from gateway.timeline import Timeline
from gateway.told import Told, Used, told_by
from gateway.tracing import Trace, begun
from usage.pricing import cost

JOURNAL_EVERY_S = 1.0
KEEP_CHARACTERS = 1024 * 1024  # of an answer, for counting; what goes beyond is counted by its length


@dataclass(slots=True)  # not frozen, which would take three times as long, and one is made a call
class CallSummary:
    """What came of a call. `cost` None says that no price was known; `usage_source` is `provider` or `counted`."""

    call_id: str
    outcome: str
    status: int
    error_code: str
    error_message: str
    finish_reason: str
    first_token_ms: int | None
    waited_ms: int | None
    duration_ms: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    reasoning_tokens: int
    cache_write_tokens: int
    cost: Decimal | None
    currency: str
    usage_source: str
    provider: str
    upstream_name: str


class Meter:
    """The account of one call."""

    # As it is at first. What a call never has stands here alone, and takes it neither time nor memory.
    summary: CallSummary | None = None
    finish_reason = ""
    choice: Choice | None = None  # who was asked and who was not, and why (`reasons`)
    waited_ms: int | None = None
    _target: Target | None = None
    _price: UnitPrice | None = None
    _begins_with: Beginning | None = None  # its row, at this target
    _is_open = False
    _was_taken = False  # the provider has the prompt, as far as we know
    _first_token_ms: int | None = None
    _told: Told | None = None
    _told_after = 0  # how many pieces of text had come when it was told
    _has_answer = False
    _kept = _beyond = _chunks = 0
    _prompt_by_length: int | None = None  # at this target, for the journal
    _seat: Seat | None = None
    _expected: Use | None = None
    _trace: Trace | None = None

    def __init__(
        self,
        admitted: Admitted,
        journal: Journal,
        hold: Hold,
        *,
        is_streamed: bool,
        max_wait_s: float | None = None,
    ) -> None:
        self.admitted = admitted
        self.asked = admitted.asked  # as it is sent next, by what its grant demands then (`Seated`)
        self.hold = hold
        self.id_text = uuid7_text()
        self._journal = journal
        self._is_streamed = is_streamed
        self._began = time.monotonic()
        self.timeline = Timeline(self._began)
        self._started_at = dt.datetime.now(dt.UTC)
        self._grant = admitted.grant
        self._pieces: list[str] = []
        self._journaled = self._began
        self.may_wait_until = self._began + (options.gateway_queue_wait_s if max_wait_s is None else max_wait_s)

    @property
    def trace(self) -> Trace:
        """The trace that the call is a part of: the client's where that is told, else one that begins here."""
        if self._trace is None:
            self._trace = begun()
        return self._trace

    @trace.setter
    def trace(self, told: Trace) -> None:
        self._trace = told

    def tries(self, target: Target, route: str) -> None:
        """`target` is about to be asked, as one that serves `route`."""
        is_recorded = options.otel_spans and self.trace.is_sampled
        self.timeline.tries(target, route, called=self.admitted.route.slug, has_own_span=is_recorded)

    def trace_lines(self) -> str:
        """What the deployment that is asked is told of the trace, as lines of a head: its parent is the attempt's span,
        where that is recorded, else the call's."""
        tried = self.timeline.tried
        sent = self.trace.headers(tried[-1].span_id if tried else "")
        return "".join([f"{name}: {value}\r\n" for name, value in sent.items()])

    @property
    def began_at_ns(self) -> int:
        """When the call began, in nanoseconds since 1970."""
        return int(self._started_at.timestamp() * 1_000_000) * 1_000

    @property
    def started_at(self) -> dt.datetime:
        return self._started_at

    @property
    def target(self) -> Target | None:
        return self._target

    def sends_to(self, target: Target, grant: Grant) -> asyncio.Future[None] | None:
        """The call is about to be sent to `target`, allowed by `grant`. Raises `JournalUnwritable` the first time,
        `ReservationGone`, and `Stopped` when its account was written meanwhile: nothing may be opened, or sent, after
        that.

        What is returned has to be awaited first, and `is_kept` told: then the opening is as safe as
        `gateway.durability` has it. Who leaves meanwhile, or is refused, has sent nothing.
        """
        if self.summary is not None:
            raise Stopped
        self.hold.check()
        self._grant = grant
        is_other = target is not self._target
        self._target, self._price, self._prompt_by_length = target, target.price_at(self._started_at), None
        self._begins_with = None
        if self._seat is not None:
            self._seat.is_used = True
        self._was_taken = True
        if not self._is_open:
            kept = self._journal.opened(self.id_text, self._beginning().opening(self._opening()))
            self._is_open = True
        elif is_other:
            kept = self._journal.moved(self._progress_row())
        else:
            self._progress()
            return None
        self._was_taken = kept is None
        return kept

    def is_kept(self) -> None:
        """What `sends_to` returned is done: the call goes out."""
        self._was_taken = True
        self.timeline.is_kept()

    # --- room at deployments that are limited (`gateway.queueing`) ----------------------------------------------------

    @property
    def expected_use(self) -> Use:
        """What the call may use, as far as that is known beforehand."""
        if self._expected is None:
            self._expected = use_of(*expected_tokens(self.admitted.asked))
        return self._expected

    def sits_down(self, seat: Seat) -> None:
        """The call has room at the deployment that it is sent to next."""
        self._seat = seat

    def stands_up(self) -> None:
        """The deployment that it was sent to is done with it, and another may be tried."""
        if (seat := self._seat) is not None:
            self._seat = None
            used, _ = self._used(is_rough=True)
            seat.settle(used[0], used[1])

    def waited(self, seconds: float) -> None:
        """The call has waited for room; who is turned away at once has not."""
        if milliseconds := round(seconds * 1000):
            self.waited_ms = (self.waited_ms or 0) + milliseconds
            self.timeline.waited(seconds)

    def was_refused(self) -> None:
        """No connection, or an answer that says no: nothing was used at the target that it was sent to."""
        self._was_taken = False

    def was_told_no(self, told: Any = None) -> None:
        """What came with status 200 is an error, or no answer at all: before any text, only what it tells was used."""
        if not (isinstance(told, dict) and self._hears(told.get("usage"))) and not self._chunks:
            self._was_taken = False

    def goes_elsewhere(self, failure: ProviderFailure) -> None:
        """The target failed and another is tried. If it had the prompt it may bill it: that is a row of its own."""
        if self._was_taken:
            ended = self._account("failed", failure.status, failure.code, failure.sentence)
            self._write(uuid7_text(), ended)
        self._was_taken = False
        self._told, self.finish_reason, self._first_token_ms = None, "", None
        self._told_after, self._has_answer = 0, False
        self._pieces = []
        self._kept = self._beyond = self._chunks = 0

    def saw(self, chunk: Mapping[str, Any]) -> None:
        """A parsed chunk (or the whole answer) went by."""
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                continue
            reason = choice.get("finish_reason")
            if reason and isinstance(reason, str):
                self.finish_reason = reason
            for text in counting.texts_of_answer(choice.get("delta") or choice.get("message")):
                self._took(text)
        self._has_answer = self._has_answer or self._chunks > 0 or bool(chunk.get("data"))
        self._hears(chunk.get("usage"))

    def answered(self) -> None:
        """The caller is about to get the beginning of the answer, and with it the status 200, whatever comes next."""
        if self._is_open and self._is_streamed:
            self._journal.progressed({"id": self.id_text, "status": 200})

    def _hears(self, usage: Any) -> bool:
        """Take note of a usage; whether it can be true."""
        told = told_by(usage)
        if told is None:
            return False
        self._told, self._told_after = told.after(self._told), self._chunks
        return True

    def _took(self, text: str) -> None:
        now = time.monotonic()
        if self._first_token_ms is None and self._is_streamed:
            self._first_token_ms = round((now - self._began) * 1000)
        self._chunks += 1
        if self._kept < KEEP_CHARACTERS:
            self._pieces.append(text)
            self._kept += len(text)
        else:
            self._beyond += len(text)
        if now - self._journaled >= JOURNAL_EVERY_S:
            self._progress(now)

    def _progress(self, now: float | None = None) -> None:
        self._journal.progressed(self._progress_row(now))

    def _progress_row(self, now: float | None = None) -> dict[str, Any]:
        self._journaled = now or time.monotonic()
        own = self._own(self.id_text, self._so_far())
        return self._beginning().where | {name: own[name] for name in CHANGING}

    def close(self, outcome: str, status: int, error_code: str = "", error_message: str = "") -> CallSummary:
        """The call has ended, in one way or another; a second time changes nothing."""
        if self.summary is not None:
            return self.summary
        summary = self._account(outcome, status, error_code, error_message)
        if self._is_open:
            self._write(self.id_text, summary)
        if (seat := self._seat) is not None:
            self._seat = None
            seat.settle(summary.input_tokens, summary.output_tokens)
        self.summary = summary
        return summary

    def _write(self, row_id: str, account: CallSummary) -> None:
        self.hold.owes(row_id, account.cost, account.currency)  # first: the ledger may have the row at any moment
        timeline = self.timeline
        own = self._own(row_id, account)
        own["timing"], own["attempts"], own["fell_back"] = timeline.timing(), timeline.attempts, timeline.fell_back
        self._journal.closed(row_id, self._beginning().row(own))

    # --- the row in the ledger ---------------------------------------------------------------------------------------

    def _opening(self) -> dict[str, Any]:
        """What of `OPENED` is this call's own, before anything was used but the prompt."""
        target, price = self._target, self._price
        tokens_in = self._counted_prompt(target, is_rough=True) if target is not None else 0
        return {
            "id": self.id_text,
            "request_id": self.admitted.request_id,
            "trace_id": self.trace.trace_id,
            "started_at": self._started_at.isoformat(),
            "waited_ms": self.waited_ms,
            "duration_ms": round((time.monotonic() - self._began) * 1000),
            "cost": None if price is None else format(cost(price, tokens_in, 0), "f"),
            "input_tokens": tokens_in,
        }

    def _so_far(self) -> CallSummary:
        """What the row says if nobody lives to tell the end."""
        return self._account("interrupted", 500, "interrupted", INTERRUPTED, is_rough=True)

    def _account(self, outcome: str, status: int, code: str, message: str, *, is_rough: bool = False) -> CallSummary:
        target, price = self._target, self._price
        used, source = self._used(is_rough=is_rough)
        tokens_in, tokens_out, cached, reasoning, written = used
        return CallSummary(
            self.id_text, outcome, status, code, message, self.finish_reason, self._first_token_ms, self.waited_ms,
            round((time.monotonic() - self._began) * 1000), tokens_in, tokens_out, cached, reasoning, written,
            cost(price, tokens_in, tokens_out, cached, written) if price else None,
            price.currency if price else options.currency, source, target.provider if target else "",
            target.upstream_name if target else "",
        )  # fmt: skip

    def _beginning(self) -> Beginning:
        if self._begins_with is None:
            self._begins_with = self._find_beginning()
        return self._begins_with

    def _find_beginning(self) -> Beginning:
        admitted = self.admitted
        return beginning(
            Shared(
                admitted.caller, admitted.place, admitted.route, self._target, self._grant, self._price,
                self._is_streamed,
            )
        )  # fmt: skip

    def _own(self, row_id: str, account: CallSummary) -> dict[str, Any]:
        """The columns that are this call's alone."""
        return own_columns(row_id, self.admitted.request_id, self.trace.trace_id, self._started_at, account)

    def _used(self, *, is_rough: bool) -> tuple[Used, str]:
        """The tokens, and who counted them.

        What the provider did not tell, or cannot be true of an answer that came, is counted.
        """
        told = self._told
        if self._target is None or (told is None and not self._was_taken):
            return Used(0, 0), "counted"
        if told is not None and told.tokens_in and told.tokens_out and self._told_after == self._chunks:
            return told.used(told.tokens_in, told.tokens_out), "provider"  # as most do
        tokens_in = told.tokens_in if told else None
        tokens_out = (told.tokens_out if told else None) or 0
        has_told_in = tokens_in is not None and (tokens_in > 0 or not self._has_answer)
        has_told_out = told is not None and (self._chunks == 0 or (tokens_out > 0 and self._told_after == self._chunks))
        if tokens_in is None or not has_told_in:
            tokens_in = self._counted_prompt(self._target, is_rough=is_rough)
        if not has_told_out:
            tokens_out = max(tokens_out, self._counted_output(is_rough=is_rough))
        source = "provider" if has_told_in and has_told_out else "counted"
        if told is None:
            return Used(tokens_in, tokens_out), source
        return told.used(tokens_in, tokens_out), source

    def _counted_prompt(self, target: Target, *, is_rough: bool) -> int:
        if not is_rough:
            return prompt_tokens(self.admitted.asked, provider_of(target).template)
        if self._prompt_by_length is None:  # asked each second of a stream, and always the same
            template = provider_of(target).template
            self._prompt_by_length = prompt_tokens(self.admitted.asked, template, is_rough=True)
        return self._prompt_by_length

    def _counted_output(self, *, is_rough: bool) -> int:
        if is_rough:  # several times a call, for the journal: by length, or one token a chunk when that is more
            return max(self._chunks, counting.tokens_of_length(self._kept + self._beyond))
        return counting.tokens_of("".join(self._pieces)) + counting.tokens_of_length(self._beyond)


CHANGING = (  # beside where it is sent
    "id", "finish_reason", "first_token_ms", "waited_ms", "duration_ms", "usage_source", "cost", "input_tokens",
    "output_tokens", "cached_input_tokens", "reasoning_tokens", "cache_write_tokens",
)  # fmt: skip
