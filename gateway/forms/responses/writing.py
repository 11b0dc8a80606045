"""Write an answer as a response: whole, or as the stream of events that tells how it grows.

What a provider says in this form itself goes on as it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from gateway.asked import Asked
from gateway.event import Event
from gateway.forms.form import Form, Writing, sent_event
from gateway.forms.responses.output import Output
from gateway.forms.responses.response import Response, ended_as, usage_of
from gateway.wire_errors import error_object
from refusals import Refusal

type Told = dict[str, Any]

ENDS = ("response.completed", "response.incomplete")


class ResponsesWriting(Writing):
    """`event` tells what has come, `end` and `last_words` how it ended: what was used is known only then."""

    def __init__(self, form: Form, asked: Asked) -> None:
        super().__init__(form, asked)
        self._response, self._output = Response(asked), Output()
        self._sent = 0  # events: each carries its number
        self._known: Told = {}  # what the provider has said of the answer: which model gave it, and so on
        self._is_its_own = False  # the provider tells it in this form
        self._last: Told = {}  # the event that ends it, with the whole response
        self._before = b""  # what is sent right before it
        self._is_whole = False  # it is no stream: of the last event the response alone is sent

    def stores(self, name: str) -> None:
        self._response.stored_as = name

    @property
    def stored(self) -> bytes | None:
        is_over = self._last.get("type") in ENDS
        return orjson.dumps(self._last["response"]) if self._response.stored_as and is_over else None

    def unstored(self) -> bytes:
        self._last["response"] |= {"store": False}
        return self._end_of_it()

    def whole(self, event: Event) -> bytes:
        self._is_whole = True
        if event.form == self.form.name:
            if self._response.is_as_its_provider_tells:
                return event.data
            told = self._ours(event.data, lambda whole: {"response": whole, "type": f"response.{whole.get('status')}"})
            if told is None:
                return event.data
            self._last = told
            return self._end_of_it()
        for _ in self._read(event.chunk):
            pass
        *_, self._last = self._ended(*ended_as(self._output.finish_reason))
        return self._end_of_it()

    def event(self, event: Event) -> bytes:
        if event.form != self.form.name:
            return self._written(self._read(event.chunk))
        self._is_its_own = True
        self._sent += 1
        self._learn(event.chunk)
        if self._response.is_as_its_provider_tells or b'"response"' not in event.data:
            return sent_event(event.data, event.kind)
        told = self._ours(event.data, lambda whole: whole)
        if told is None:
            return sent_event(event.data, event.kind)
        if told.get("type") in ENDS:  # it says whether it is stored, so it waits until that is known
            self._last = told
            return b""
        return sent_event(orjson.dumps(told), event.kind)

    def end(self) -> bytes:
        if self._is_its_own:
            return self._end_of_it() if self._last else b""
        written: list[bytes] = []
        for told in self._ended(*ended_as(self._output.finish_reason)):
            self._last = told | {"sequence_number": self._sent}
            written.append(self._numbered(told))
        self._before = b"".join(written[:-1])
        return b"".join(written)

    def _ours(self, data: bytes, as_event: Callable[[Told], Told]) -> Told | None:
        """What a provider of this form tells, with what is ours in its response; None where it has none, or one that is
        nested so deep that it is read and cannot be written: that one goes on as it is, and is not stored."""
        told = as_event(orjson.loads(data))
        if not isinstance(told.get("response"), dict):
            return None
        told |= {"response": self._response.ours(told["response"])}
        try:
            orjson.dumps(told)
        except orjson.JSONEncodeError:
            self._response.stored_as = ""
            return None
        return told

    def _end_of_it(self) -> bytes:
        if self._is_whole:
            return orjson.dumps(self._last["response"])
        return self._before + sent_event(orjson.dumps(self._last), self._last["type"].encode())

    def last_words(self, refusal: Refusal, request_id: str) -> bytes:
        """The error as it is documented, beside it the object by which OpenAI's clients raise; then the end.

        It comes in any case: without the output where that is what cannot be written.
        """
        error = error_object(refusal)["error"]
        told: Told = {name: error[name] for name in ("code", "message", "param")} | {"type": "error", "error": error}
        code = "rate_limit_exceeded" if refusal.status == 429 else "server_error"
        failed: Told = {"error": {"code": code, "message": error["message"]}}
        if self._response.stored_as:
            failed |= {"store": False}  # what breaks off is not
        elif self._is_its_own:
            failed |= {"id": self._known.get("id"), "store": self.asked.body.get("store")}
        *_, last = self._ended("failed", failed)
        error_event = self._numbered(told)
        try:
            return error_event + self._numbered(last)
        except orjson.JSONEncodeError:
            return error_event + self._numbered(last | {"response": last["response"] | {"output": []}})

    def _learn(self, chunk: Told) -> None:
        told = {name: chunk[name] for name in ("id", "model", "usage") if chunk.get(name)}
        self._known |= {name: value for name, value in told.items() if name == "usage" or isinstance(value, str)}

    def _read(self, chunk: Told) -> Iterator[Told]:
        """What a piece of a chat completion, or all of one, changes."""
        self._learn(chunk)
        yield from self._begun()
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and not choice.get("index"):
                yield from self._output.take(choice)

    def _begun(self) -> Iterator[Told]:
        if not self._sent:
            for step in ("created", "in_progress"):
                yield {"type": f"response.{step}", "response": self._told("in_progress")}

    def _ended(self, status: str, more: Told) -> Iterator[Told]:
        yield from self._begun()
        yield from self._output.end("completed" if status == "completed" else "incomplete")
        usage = self._known.get("usage")
        details = usage.get("prompt_tokens_details") if isinstance(usage, dict) else None
        written = details.get("cache_write_tokens") if isinstance(details, dict) else None
        told = self._told(status, usage=usage_of(self.counted, written), **more)
        yield {"type": f"response.{status}", "response": told}

    def _told(self, status: str, **more: Any) -> Told:
        return self._response.told(status, self._output.items, model=self._known.get("model"), **more)

    def _written(self, events: Iterable[Told]) -> bytes:
        """Each is written before the next is asked for, as items go on changing."""
        return b"".join(map(self._numbered, events))

    def _numbered(self, told: Told) -> bytes:
        event = sent_event(orjson.dumps(told | {"sequence_number": self._sent}), told["type"].encode())
        self._sent += 1
        return event
