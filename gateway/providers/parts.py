"""What is in the messages of a chat completion, taken apart for providers whose own form is another one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from gateway.asked import InvalidRequest

SYSTEM = ("system", "developer")
_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,(.*)", re.DOTALL)


class Image(NamedTuple):
    """An image: its `data` in base64 with its media type, or where it lies."""

    media_type: str
    data: str
    url: str


def system_of(messages: list[dict[str, Any]]) -> str:
    """What the system says, all of it together."""
    return "\n\n".join(text for message in messages if message["role"] in SYSTEM and (text := text_of(message)))


def text_of(message: dict[str, Any]) -> str:
    """The text of a message, without its other parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in parts_of(message) if isinstance(part.get("text"), str))


def parts_of(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of a message that is given as such. A text alone is one part."""
    content = message.get("content")
    if isinstance(content, str):
        if content:
            yield {"type": "text", "text": content}
    elif isinstance(content, list):
        yield from (part for part in content if isinstance(part, dict))


def image_of(part: dict[str, Any], field: str) -> Image | None:
    """The image in a part of type `image_url`; None in any other. Raises `InvalidRequest` for one that is none."""
    if part.get("type") != "image_url":
        return None
    given = part.get("image_url")
    url = given.get("url") if isinstance(given, dict) else given
    if not isinstance(url, str) or not url:
        raise InvalidRequest("An image needs a “url”: https://…, or data:image/png;base64,…", field=field)
    if found := _DATA.fullmatch(url):
        return Image(found[1], found[2], "")
    return Image("", "", url)


def arguments_of(call: dict[str, Any], field: str) -> dict[str, Any]:
    """The arguments of a tool call in an assistant's message. Raises `InvalidRequest` where they are no JSON object."""
    text = (call.get("function") or {}).get("arguments") or "{}"
    try:
        told = orjson.loads(text)
    except (orjson.JSONDecodeError, TypeError) as error:
        raise InvalidRequest("The arguments of a tool call must be JSON.", field=field) from error
    if not isinstance(told, dict):
        raise InvalidRequest("The arguments of a tool call must be a JSON object.", field=field)
    return told


def tools_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The functions that a request offers."""
    given = body.get("tools") or [{"type": "function", "function": each} for each in body.get("functions") or ()]
    return [each["function"] for each in given if isinstance(each, dict) and isinstance(each.get("function"), dict)]


def stops_of(body: dict[str, Any]) -> list[str]:
    """The texts that end an answer."""
    stop = body.get("stop")
    return [stop] if isinstance(stop, str) else [each for each in stop or () if isinstance(each, str)]


def bound_of(body: dict[str, Any]) -> int | None:
    """The most tokens that an answer may have; None where nothing bounds it."""
    for name in ("max_completion_tokens", "max_tokens"):
        if type(body.get(name)) is int:
            return int(body[name])
    return None
