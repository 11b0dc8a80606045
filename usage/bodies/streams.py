"""Put the events of a kept stream together to the answer that they make, in the form that the client was answered in.

The streams are our own (server-sent events, WHATWG HTML 9.2), so an event is a block between two empty lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def answer_of(form: str, stream: bytes) -> dict[str, Any] | None:
    """The answer as it would have come at once, as far as it came; None where there was none."""
    events = list(_events(stream))
    if not events:
        return None
    match form:
        case "responses":
            return _response(events)
        case "messages":
            return _message(events)
    return _choices(events)


def _events(stream: bytes) -> Iterator[dict[str, Any]]:
    for block in stream.split(b"\n\n"):
        data = b"\n".join(line[5:].lstrip() for line in block.split(b"\n") if line.startswith(b"data:"))
        try:
            event = json.loads(data) if data and data != b"[DONE]" else None
        except (ValueError, RecursionError):  # the last one, where it was cut; or one that nobody can read
            continue
        if isinstance(event, dict):
            yield event


def _choices(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Chat completions, and completions."""
    said: dict[int, dict[str, Any]] = {}
    for event in events:
        choices = event.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                continue
            held = said.setdefault(_index(choice), {"tool_calls": {}})
            delta = choice["delta"] if isinstance(choice.get("delta"), dict) else choice
            for name in ("reasoning_content", "content", "refusal", "text"):
                if isinstance(delta.get(name), str):
                    held[name] = held.get(name, "") + delta[name]
            calls = delta.get("tool_calls")
            for call in calls if isinstance(calls, list) else ():
                if isinstance(call, dict):
                    _add_call(held["tool_calls"], call)
    told = [held | {"tool_calls": list(held["tool_calls"].values())} for _, held in sorted(said.items())]
    return {"choices": [{"message": held} for held in told]}


def _add_call(calls: dict[int, dict[str, Any]], call: dict[str, Any]) -> None:
    held = calls.setdefault(_index(call), {"name": "", "arguments": ""})
    function = call.get("function")
    if not isinstance(function, dict):
        return
    for name in held:
        if isinstance(said := function.get(name), str):
            held[name] += said


def _index(piece: dict[str, Any]) -> int:
    """Where it belongs; a provider may write anything there."""
    at = piece.get("index")
    return at if isinstance(at, int) else 0


def _response(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The last event holds all of it; before that came, what was written."""
    for event in reversed(events):
        if isinstance(event.get("response"), dict) and event["response"].get("output"):
            whole: dict[str, Any] = event["response"]
            return whole
    texts = [event.get("delta") for event in events if event.get("type") == "response.output_text.delta"]
    return {"output": [{"text": "".join(text for text in texts if isinstance(text, str))}]}


def _message(events: list[dict[str, Any]]) -> dict[str, Any]:
    blocks: dict[int, dict[str, Any]] = {}
    for event in events:
        at = _index(event)
        if event.get("type") == "content_block_start" and isinstance(event.get("content_block"), dict):
            blocks[at] = dict(event["content_block"])
        elif event.get("type") == "content_block_delta" and isinstance(delta := event.get("delta"), dict):
            held = blocks.setdefault(at, {})
            for name in ("text", "thinking", "partial_json"):
                if isinstance(delta.get(name), str):
                    key = "input" if name == "partial_json" else name
                    held[key] = (held.get(key) if isinstance(held.get(key), str) else "") + delta[name]
    return {"content": [block for _, block in sorted(blocks.items())]}
