"""A chat completion's messages as Anthropic's turns: instructions apart, then a user and an assistant in turn."""

from __future__ import annotations

import re
from typing import Any

import orjson

from gateway.asked import InvalidRequest

Block = dict[str, Any]
DATA_URL = re.compile(r"data:([^;,]+);base64,(.*)", re.DOTALL)


def turns_of(messages: list[dict[str, Any]]) -> tuple[list[str], list[Block]]:
    """The instructions in their order, and the turns. Raises `InvalidRequest`.

    Instructions without a question are asked as one, as a conversation cannot be empty.
    """
    system: list[str] = []
    turns: list[Block] = []
    for place, message in enumerate(messages):
        here = f"messages[{place}]"
        match message["role"]:
            case "system" | "developer":
                system += [block["text"] for block in _content(message.get("content"), here) if block["type"] == "text"]
            case "user":
                _add(turns, "user", _content(message.get("content"), here))
            case "assistant":
                _add(turns, "assistant", _answer(message, here))
            case "tool":
                _add(turns, "user", [_result(message, here)])
            case other:
                raise InvalidRequest(f"What serves this model takes no role “{other[:40]}”.", field=f"{here}.role")
    if not turns:
        turns, system = [{"role": "user", "content": "\n\n".join(system)}], []
    return system, turns


def _add(turns: list[Block], role: str, blocks: list[Block]) -> None:
    """Content goes into the turn that is under way, as the answers of several tools must stand in one."""
    if not blocks:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    else:
        turns.append({"role": role, "content": blocks})


def _answer(message: dict[str, Any], here: str) -> list[Block]:
    blocks = _content(message.get("content") or message.get("refusal") or "", here)
    calls = message.get("tool_calls") or []
    for place, call in enumerate(calls if isinstance(calls, list) else [calls]):
        field = f"{here}.tool_calls[{place}]"
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(call.get("id"), str):
            raise InvalidRequest("A tool call needs an “id” and a “function”.", field=field)
        used = {"id": call["id"], "name": str(function.get("name") or "")}
        blocks.append({"type": "tool_use", **used, "input": _input(function.get("arguments"), field)})
    return blocks


def _input(arguments: Any, field: str) -> dict[str, Any]:
    try:
        parsed = orjson.loads(arguments or "{}")
    except (orjson.JSONDecodeError, TypeError):
        parsed = None
    if not isinstance(parsed, dict):
        raise InvalidRequest("The arguments of a tool call must be a JSON object.", field=f"{field}.function.arguments")
    return parsed


def _result(message: dict[str, Any], here: str) -> Block:
    answers = message.get("tool_call_id")
    if not isinstance(answers, str):
        raise InvalidRequest("What a tool answers needs a “tool_call_id”.", field=f"{here}.tool_call_id")
    content = message.get("content")
    return {
        "type": "tool_result",
        "tool_use_id": answers,
        "content": content if isinstance(content, str) else _content(content, here),
    }


def _content(content: Any, here: str) -> list[Block]:
    """Content as blocks; none for an empty text, which is not taken."""
    if content is None or isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if not isinstance(content, list):
        raise InvalidRequest("Content must be a text or a list of parts.", field=f"{here}.content")
    blocks = [_part(part, f"{here}.content[{place}]") for place, part in enumerate(content)]
    return [block for block in blocks if block.get("text") != ""]


def _part(part: Any, field: str) -> Block:
    kind = part.get("type") if isinstance(part, dict) else None
    block: Block | None = None
    match kind:
        case "text" | "refusal":
            text = part.get(kind)
            block = {"type": "text", "text": text} if isinstance(text, str) else None
        case "image_url":
            stated = part.get("image_url")
            url = stated.get("url") if isinstance(stated, dict) else stated
            block = {"type": "image", "source": _source(url)} if isinstance(url, str) else None
        case "file":
            block = _document(part.get("file"))
    if block is None:
        raise InvalidRequest("What serves this model takes no such part.", field=f"{field}.type")
    return block | ({"cache_control": part["cache_control"]} if part.get("cache_control") else {})


def _source(url: str) -> Block:
    data = DATA_URL.fullmatch(url)
    return {"type": "base64", "media_type": data[1], "data": data[2]} if data else {"type": "url", "url": url}


def _document(file: Any) -> Block | None:
    """A file that came with the request; one that lies with another provider cannot be had."""
    data = file.get("file_data") if isinstance(file, dict) else None
    if not isinstance(data, str):
        return None
    name = {"title": file["filename"]} if isinstance(file.get("filename"), str) else {}
    return {"type": "document", "source": _source(data), **name}
