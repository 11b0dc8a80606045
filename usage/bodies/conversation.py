"""Show kept content as a conversation: who said what, in every form that clients ask in. What cannot be understood, as
what was cut, is shown as the text that it is; nothing of it is ever HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from usage.bodies.reading import Opened
from usage.bodies.streams import answer_of


@dataclass(frozen=True, slots=True)
class Turn:
    """One part of a conversation. `is_raw`: it could not be understood, and is the text that was kept."""

    who: str
    text: str
    is_answer: bool = False
    is_raw: bool = False


def turns_of(opened: Opened) -> list[Turn]:
    """What was asked, then what was answered."""
    turns: list[Turn] = []
    if opened.prompt is not None:
        asked = _object(opened.prompt)
        turns += _raw("asked", opened.prompt) if asked is None else _asked(opened.body.form, asked)
    if opened.answer is not None:
        body = opened.body
        told = answer_of(body.form, opened.answer) if body.is_streamed else _object(opened.answer)
        said = [] if told is None else list(_answered(body.form, told))
        turns += said or _raw("answered", opened.answer)
    return turns


def _asked(form: str, asked: dict[str, Any]) -> Iterator[Turn]:
    for name in ("system", "instructions"):
        if asked.get(name):
            yield Turn("system", text_of(asked[name]))
    given = asked.get({"responses": "input", "embeddings": "input", "completions": "prompt"}.get(form, "messages"))
    for item in given if isinstance(given, list) else [given]:
        if item:
            yield _turn(item)


def _turn(item: Any) -> Turn:
    if not isinstance(item, dict):
        return Turn("user", text_of(item))
    who = item.get("role") or {"function_call_output": "tool", "function_call": "assistant"}.get(
        str(item.get("type")), "user"
    )
    return Turn(str(who)[:40], text_of(item))


def _answered(form: str, told: dict[str, Any]) -> Iterator[Turn]:
    match form:
        case "responses":
            items = told.get("output")
        case "messages":
            items = [told.get("content")]
        case _:
            items = told.get("choices")
    for item in items if isinstance(items, list) else ():
        said = item.get("message", item) if isinstance(item, dict) else item
        if text := text_of(said):
            yield Turn("assistant", text, is_answer=True)


def text_of(value: Any, depth: int = 0) -> str:
    """What somebody said, however it is written: texts one after another, calls of tools and media as a line each."""
    if isinstance(value, str):
        return value
    if value is None or depth > 8:
        return ""
    if isinstance(value, list):
        return "\n".join(filter(None, (text_of(each, depth + 1) for each in value)))
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if "atrium_media" in value and isinstance(value["atrium_media"], dict):
        media = value["atrium_media"]
        return f"[{media.get('type') or 'media'}, {media.get('bytes')} bytes, SHA-256 {media.get('sha256')}]"
    if value.get("name") and ("arguments" in value or "input" in value):
        given = value.get("arguments", value.get("input"))
        return f"[calls {value['name']}({given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)})]"
    names = (
        "reasoning_content", "thinking", "summary", "text", "content", "refusal", "output", "image_url", "source",
        "input_audio", "file", "data", "file_data", "url", "function", "tool_calls",
    )  # fmt: skip
    return "\n".join(filter(None, (text_of(value[name], depth + 1) for name in names if value.get(name))))


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _raw(who: str, content: bytes) -> list[Turn]:
    text = content.decode("utf-8", "replace")
    return [Turn(who, text, is_answer=who == "answered", is_raw=True)] if text else []
