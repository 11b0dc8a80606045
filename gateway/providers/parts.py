"""What is in the messages of a chat completion, taken apart for providers whose own form is another one."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from gateway.asked import BOUNDS, InvalidRequest
from gateway.prompting.messages import text_of
from gateway.providers.provider import Unreadable

_DATA = re.compile(r"data:([^;,]*)(?:;[^;,]*)*;base64,")  # RFC 2397, with parameters of the type in between


class Image(NamedTuple):
    """An image: its `data` in base64 with its media type, or where it lies."""

    media_type: str
    data: str
    url: str


def image_of(part: dict[str, Any], field: str) -> Image | None:
    """The image in a part of type `image_url`; None in any other. Raises `InvalidRequest` for one that is none."""
    if part.get("type") != "image_url":
        return None
    given = part.get("image_url")
    url = given.get("url") if isinstance(given, dict) else given
    if not isinstance(url, str) or not url:
        raise InvalidRequest("An image needs a “url”: https://…, or data:image/png;base64,…", field=field)
    inlined = inlined_in(url)
    return Image(*inlined, "") if inlined and "/" in inlined[0] else Image("", "", url)


def inlined_in(url: str) -> tuple[str, str] | None:
    """The media type and the base64 of a `data:` address; None for any other."""
    found = _DATA.match(url)
    return (found[1], url[found.end() :]) if found else None


class ToolCall(NamedTuple):
    """A function that the model called before."""

    id: str
    name: str
    arguments: str  # JSON
    signature: str  # of its thoughts, which Google wants back


def inside(value: Any, *names: str) -> Any:
    """What lies in objects within objects under `names`; None where one of them is not there."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def object_of(value: Any) -> dict[str, Any]:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def word(value: Any) -> str | None:
    """A name or a text that a provider tells; None for what is none, which could not be written at any depth."""
    return value if isinstance(value, str) else None


def as_text(given: Any) -> str:
    """The arguments of a call as JSON; never raises, for what may be read is nested deeper than `orjson` writes."""
    try:
        return orjson.dumps(given if given is not None else {}).decode()
    except orjson.JSONEncodeError:
        return json.dumps(given, ensure_ascii=False, separators=(",", ":"))


def writable(told: dict[str, Any]) -> dict[str, Any]:
    """What a provider told, for forms that write it as it is. Raises `Unreadable` where that cannot be."""
    try:
        orjson.dumps(told)
    except orjson.JSONEncodeError as error:  # it reads deeper than it writes
        raise Unreadable("sent what is nested too deep", told) from error
    return told


def counts_of(usage: Any, needed: Sequence[str], others: Sequence[str] = ()) -> list[int] | None:
    """The counts called `needed`, then `others`, 0 for one of these that is not told. None unless all are whole numbers
    from 0, so that none can be believed: a negative one would take away from another."""
    told = usage if isinstance(usage, dict) else {}
    counts: list[Any] = [told.get(name) for name in needed]
    counts += [told[name] if told.get(name) is not None else 0 for name in others]
    return counts if all(type(count) is int and count >= 0 for count in counts) else None


def add_turn(turns: list[dict[str, Any]], role: str, content: list[dict[str, Any]], under: str = "content") -> None:
    """Content goes `under` this name into the turn that is under way, as what one side says in several messages, or
    what several tools answer, must stand in one."""
    if not content:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1][under] += content
    else:
        turns.append({"role": role, under: content})


def told_by_tool(message: dict[str, Any]) -> Any:
    """What a tool answered: as JSON says it where it is that, else the text."""
    text = text_of(message)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def calls_of(message: dict[str, Any], field: str) -> list[ToolCall]:
    """The tool calls in an assistant's message. Raises `InvalidRequest` for what is none."""
    given = message.get("tool_calls")
    if given is None:
        return []
    if not isinstance(given, list):
        raise InvalidRequest("“tool_calls” must be a list.", field=f"{field}.tool_calls")
    calls = []
    for each in given:
        key, name, arguments = (
            inside(each, "id"),
            inside(each, "function", "name"),
            inside(each, "function", "arguments"),
        )
        if not isinstance(key, str) or not isinstance(name, str) or not isinstance(arguments, str | None):
            raise InvalidRequest(
                "A tool call needs an “id”, and a “function” with its “name” and “arguments” as texts.",
                field=f"{field}.tool_calls",
            )
        signature = inside(each, "extra_content", "google", "thought_signature")
        calls.append(ToolCall(key, name, arguments or "{}", word(signature) or ""))
    return calls


def arguments_of(call: ToolCall, field: str) -> dict[str, Any]:
    """The arguments of a tool call in an assistant's message. Raises `InvalidRequest` where they are no JSON object."""
    text = call.arguments
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest("The arguments of a tool call must be JSON.", field=field) from error
    if not isinstance(told, dict):
        raise InvalidRequest("The arguments of a tool call must be a JSON object.", field=field)
    return told


def tools_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The functions that a request offers. Raises `InvalidRequest` for what is no list of them."""
    given = body.get("tools") or []
    if not isinstance(given, list) or not all(isinstance(inside(each, "function"), dict) for each in given):
        raise InvalidRequest("“tools” must be a list of functions, each with its “function”.", field="tools")
    return [each["function"] for each in given]


def stops_of(body: dict[str, Any]) -> list[str]:
    """The texts that end an answer."""
    stop = body.get("stop")
    if isinstance(stop, str):
        return [stop]
    return [each for each in stop if isinstance(each, str)] if isinstance(stop, list) else []


def bound_of(body: dict[str, Any]) -> int | None:
    """The most tokens that an answer may have; None where nothing bounds it. No bound that `gateway.costing` reserves
    by may be passed over."""
    for name in BOUNDS:
        if type(body.get(name)) is int:
            return int(body[name])
    return None
