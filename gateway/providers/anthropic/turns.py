"""A chat completion's messages as Anthropic's turns, a user's and an assistant's by turns; the system stands apart."""

from __future__ import annotations

import re
from typing import Any

from gateway.asked import InvalidRequest
from gateway.prompting.messages import SYSTEM
from gateway.providers.parts import add_turn, arguments_of, calls_of, image_of, inlined_in, inside

Block = dict[str, Any]
NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")  # of calls of tools; other providers give such


def turns_of(messages: list[dict[str, Any]]) -> list[Block]:
    """The turns; none where there is nothing but instructions. Raises `InvalidRequest`."""
    turns: list[Block] = []
    for place, message in enumerate(messages):
        here, role = f"messages[{place}]", message["role"]
        if role in SYSTEM:
            continue
        if role == "user":
            add_turn(turns, "user", _content(message.get("content"), here))
        elif role == "assistant":
            add_turn(turns, "assistant", _answer(message, here))
        elif role == "tool":
            add_turn(turns, "user", [_result(message, here)])
        else:
            raise InvalidRequest(f"What serves this model takes no role “{role[:40]}”.", field=f"{here}.role")
    return turns


def _answer(message: dict[str, Any], here: str) -> list[Block]:
    blocks = _content(message.get("content") or message.get("refusal") or "", here)
    for call in calls_of(message, here):
        given = arguments_of(call, f"{here}.tool_calls")
        blocks.append({"type": "tool_use", "id": NOT_IN_IDS.sub("_", call.id), "name": call.name, "input": given})
    return blocks


def _result(message: dict[str, Any], here: str) -> Block:
    answers, content = message.get("tool_call_id"), message.get("content")
    if not isinstance(answers, str):
        raise InvalidRequest("What a tool answers needs a “tool_call_id”.", field=f"{here}.tool_call_id")
    told = content if isinstance(content, str) else _content(content, here)
    return {"type": "tool_result", "tool_use_id": NOT_IN_IDS.sub("_", answers), "content": told}


def _content(content: Any, here: str) -> list[Block]:
    """Content as blocks; none for an empty text, which is not taken."""
    if content is None or isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if not isinstance(content, list):
        raise InvalidRequest("Content must be a text or a list of parts.", field=f"{here}.content")
    blocks = [_part(part, f"{here}.content[{place}]") for place, part in enumerate(content)]
    return [block for block in blocks if block.get("text") != ""]


def _part(part: Any, field: str) -> Block:
    """A part as a block, with how it is to be cached, where that is said as OpenRouter has it."""
    block = _block(part, field) if isinstance(part, dict) else None
    if block is None:
        raise InvalidRequest("What serves this model takes no such part.", field=f"{field}.type")
    return block | ({"cache_control": part["cache_control"]} if part.get("cache_control") else {})


def _block(part: dict[str, Any], field: str) -> Block | None:
    kind = part.get("type")
    if kind in ("text", "refusal"):
        return {"type": "text", "text": part[kind]} if isinstance(part.get(kind), str) else None
    if image := image_of(part, field):
        lies = {"type": "url", "url": image.url}
        given = {"type": "base64", "media_type": image.media_type, "data": image.data}
        return {"type": "image", "source": lies if image.url else given}
    file = inside(part, "file", "file_data")  # one that lies with another provider cannot be had
    if kind != "file" or not isinstance(file, str) or not (found := inlined_in(file)):
        return None
    name = inside(part, "file", "filename")
    titled = {"title": name} if isinstance(name, str) else {}
    return {"type": "document", "source": {"type": "base64", "media_type": found[0], "data": found[1]}, **titled}
