"""Read what a provider answers in the form of responses: it goes on as it came, and is understood as a chat completion
by who counts."""

from __future__ import annotations

from typing import Any

from gateway.asked import Asked
from gateway.event import Event
from gateway.providers.openai.meaning import answer_of, part_of, usage_of
from gateway.providers.provider import Reading, ToldNo, Unreadable, from_json
from gateway.sse import ServerSentEvent

type Told = dict[str, Any]

LAST = ("response.completed", "response.incomplete")


class ResponsesReading(Reading):
    """The stream ends with the whole response in its last event, which tells what was used."""

    form = "responses"

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._calls: dict[int, int] = {}  # which of the calls stands at which place of the output

    def event(self, event: ServerSentEvent) -> Event | None:
        told = from_json(event.data)
        kind = told.get("type") or event.type.decode("latin-1")
        if kind == "error" or (kind != "response.failed" and told.get("error") is not None):
            raise ToldNo(told.get("error") or told, {})
        response = told.get("response")
        if not isinstance(response, dict):
            return Event(event.data, part_of(str(kind), told, self._calls), self.form, event.type)
        if response.get("error") is not None or kind == "response.failed":
            raise _told_no(response)
        chunk: Told = {name: response[name] for name in ("id", "model") if response.get(name)}
        if kind in LAST:
            self.is_over = True
            chunk |= {"choices": [{"index": 0, "delta": {}, "finish_reason": _finish_reason(response)}]}
            chunk |= {"usage": usage_of(response)}
        return Event(event.data, chunk, self.form, event.type)

    def whole(self, body: bytes) -> Event:
        told = from_json(body)
        if told.get("error") is not None or told.get("status") == "failed":
            raise _told_no(told)
        if not isinstance(told.get("output"), list):
            raise Unreadable("sent an answer without output", {"usage": usage_of(told)})
        message = {"role": "assistant"} | answer_of(told["output"])
        choice = {"index": 0, "message": message, "finish_reason": _finish_reason(told)}
        return Event(body, {"choices": [choice], "usage": usage_of(told)}, self.form)


def _told_no(response: Told) -> ToldNo:
    return ToldNo(response.get("error"), {"usage": usage_of(response)})


def _finish_reason(response: Told) -> str:
    """Why it ended, as a chat says it."""
    details = response.get("incomplete_details")
    if response.get("status") == "incomplete":
        reason = details.get("reason") if isinstance(details, dict) else None
        return "content_filter" if reason == "content_filter" else "length"
    output = response.get("output")
    items = output if isinstance(output, list) else []
    has_calls = any(isinstance(item, dict) and item.get("type") == "function_call" for item in items)
    return "tool_calls" if has_calls else "stop"
