"""Write an answer as a response: whole, or as the stream of events that tells how it grows.

What a provider says in this form itself goes on as it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


class ResponsesWriting(Writing):
    """`event` tells what has come, `end` and `last_words` how it ended: what was used is known only then."""

    def __init__(self, form: Form, asked: Asked) -> None:
        super().__init__(form, asked)
        self._response, self._output = Response(asked), Output()
        self._sent = 0  # events: each carries its number
        self._known: Told = {}  # what the provider has said of the answer: which model gave it, and so on
        self._is_its_own = False  # the provider tells it in this form

    def whole(self, event: Event) -> bytes:
        if event.form == self.form.name:
            return event.data
        for _ in self._read(event.chunk):
            pass
        *_, last = self._ended(*ended_as(self._output.finish_reason))
        return orjson.dumps(last["response"])

    def event(self, event: Event) -> bytes:
        if event.form != self.form.name:
            return self._written(self._read(event.chunk))
        self._is_its_own = True
        self._sent += 1
        self._learn(event.chunk)
        return sent_event(event.data, event.kind)

    def end(self) -> bytes:
        return b"" if self._is_its_own else self._written(self._ended(*ended_as(self._output.finish_reason)))

    def last_words(self, refusal: Refusal, request_id: str) -> bytes:
        """The error as it is documented, beside it the object by which OpenAI's clients raise; then the end.

        It comes in any case: without the output where that is what cannot be written.
        """
        error = error_object(refusal)["error"]
        told: Told = {name: error[name] for name in ("code", "message", "param")} | {"type": "error", "error": error}
        code = "rate_limit_exceeded" if refusal.status == 429 else "server_error"
        failed: Told = {"error": {"code": code, "message": error["message"]}}
        if self._is_its_own:
            store = self.asked.body.get("store")
            failed |= {"id": self._known.get("id"), "store": store if isinstance(store, bool) else None}
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
