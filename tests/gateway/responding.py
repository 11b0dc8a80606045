"""Responses as OpenAI's own server tells them, and reading those that the gateway tells."""

from __future__ import annotations

import json
from typing import Any

import httpx
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.gateway.provider import Behaviour, Body, Exchange

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def events_of(answer: httpx.Response) -> list[Body]:
    """The events of a stream, each checked against the client's own types, its name and its number."""
    assert answer.status_code == 200, answer.text
    events = []
    for place, block in enumerate(block for block in answer.text.split("\n\n") if block):
        named, told = block.split("\n")
        event = json.loads(told.removeprefix("data: "))
        assert EVENT.validate_python(event).type == event["type"] == named.removeprefix("event: ")
        assert event["sequence_number"] == place
        events.append(event)
    return events


def response_in(told: Body) -> Body:
    """`told`, checked against the client's own type."""
    Response.model_validate(told)
    return told


def kinds(events: list[Body]) -> list[str]:
    """What happened, in order, each kind once where it is repeated."""
    names = [event["type"].removeprefix("response.") for event in events]
    return [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]


USAGE: Body = {
    "input_tokens": 21,
    "input_tokens_details": {"cached_tokens": 6, "cache_write_tokens": 0},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 30,
}


def message(text: str) -> Body:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}


def response(status: str = "completed", *output: Body, **more: Any) -> Body:
    return {
        "id": "resp_theirs", "object": "response", "created_at": 7, "status": status, "model": "upstream-name",
        "output": list(output), "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "store": True,
        "usage": USAGE if status in ("completed", "incomplete", "failed") else None, **more,
    }  # fmt: skip


def says(text: str, *, last: Body | None = None) -> list[Body]:
    """The stream of a response that says `text`; `last` instead of its end."""
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    opened = message("") | {"status": "in_progress", "content": []}
    events: list[Body] = [
        {"type": "response.created", "response": response("in_progress")},
        {"type": "response.in_progress", "response": response("in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": opened},
        {"type": "response.content_part.added", **place, "part": part | {"text": ""}},
        *({"type": "response.output_text.delta", **place, "delta": word, "logprobs": []} for word in text.split("|")),
    ]
    text = text.replace("|", "")
    ending: list[Body] = [
        {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part | {"text": text}},
        {"type": "response.output_item.done", "output_index": 0, "item": message(text)},
        {"type": "response.completed", "response": response("completed", message(text))},
    ]
    return [told | {"sequence_number": place} for place, told in enumerate(events + ([last] if last else ending))]


def streamed(events: list[Body]) -> Behaviour:
    """The events, each under its name; there is no [DONE] in this form."""

    async def behaviour(exchange: Exchange) -> None:
        await exchange.head(kind="text/event-stream")
        for event in events:
            await exchange.event(event, event["type"])
        await exchange.end()

    return behaviour
