"""A chat completion as Bedrock's Converse is asked it."""

from __future__ import annotations

from typing import Any

from gateway.asked import InvalidRequest
from gateway.prompting.messages import SYSTEM, parts_of, system_of, text_of
from gateway.providers.parts import (
    ToolCall,
    add_turn,
    arguments_of,
    bound_of,
    calls_of,
    image_of,
    inside,
    stops_of,
    told_by_tool,
    tools_of,
)

FORMATS = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
ANYTHING = {"type": "object", "properties": {}}  # the parameters of a tool that states none


def as_conversation(body: dict[str, Any]) -> dict[str, Any]:
    """The body of `Converse`. Raises `InvalidRequest`."""
    messages = body["messages"]
    sent: dict[str, Any] = {"messages": _turns(messages)}
    if told := system_of(messages):
        sent["system"] = [{"text": told}]
    if settings := _settings(body):
        sent["inferenceConfig"] = settings
    has_called = any(message.get("tool_calls") for message in messages)  # it wants to know the tools of which it hears
    if (tools := tools_of(body)) and (has_called or body.get("tool_choice") != "none"):
        sent["toolConfig"] = {"tools": [_tool(tool) for tool in tools], **_choice(body.get("tool_choice"))}
    if body.get("top_k") is not None:
        sent["additionalModelRequestFields"] = {"top_k": body["top_k"]}
    return sent


def _turns(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """They go to and fro: what one side says in several messages is one turn."""
    turns: list[dict[str, Any]] = []
    for place, message in enumerate(messages):
        field, role = f"messages[{place}]", message["role"]
        if role in SYSTEM:
            continue
        content = [_result(message)] if role == "tool" else _said(message, field)
        if role == "assistant":
            content += [_called(call, field) for call in calls_of(message, field)]
        add_turn(turns, "assistant" if role == "assistant" else "user", content)
    return turns


def _said(message: dict[str, Any], field: str) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    for part in parts_of(message):
        if image := image_of(part, field):
            kind = FORMATS.get(image.media_type)
            if kind is None:
                raise InvalidRequest("It takes images as data: of PNG, JPEG, GIF or WebP only.", field=field)
            content.append({"image": {"format": kind, "source": {"bytes": image.data}}})
        elif isinstance(part.get("text"), str):
            content.append({"text": part["text"]})
        elif part.get("type") != "refusal":
            raise InvalidRequest(f"A part of type “{str(part.get('type'))[:40]}” cannot be sent to it.", field=field)
    return content


def _called(call: ToolCall, field: str) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": call.id, "name": call.name, "input": arguments_of(call, field)}}


def _result(message: dict[str, Any]) -> dict[str, Any]:
    told = told_by_tool(message)
    content = {"json": told} if isinstance(told, dict) else {"text": text_of(message)}
    return {"toolResult": {"toolUseId": message.get("tool_call_id"), "content": [content]}}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    told = {"name": tool.get("name"), "inputSchema": {"json": tool.get("parameters") or ANYTHING}}
    return {"toolSpec": told | ({"description": tool["description"]} if tool.get("description") else {})}


def _choice(choice: Any) -> dict[str, Any]:
    if choice == "required":
        return {"toolChoice": {"any": {}}}
    name = inside(choice, "function", "name")
    return {"toolChoice": {"tool": {"name": name}}} if name else {}


def _settings(body: dict[str, Any]) -> dict[str, Any]:
    settings = {
        "maxTokens": bound_of(body), "temperature": body.get("temperature"), "topP": body.get("top_p"),
        "stopSequences": stops_of(body) or None,
    }  # fmt: skip
    return {name: value for name, value in settings.items() if value is not None}
