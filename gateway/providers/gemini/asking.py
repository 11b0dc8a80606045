"""A chat completion, or a request for embeddings, as Gemini is asked it."""

from __future__ import annotations

from typing import Any

from gateway.asked import InvalidRequest
from gateway.effort import tokens_to_think
from gateway.prompting.messages import SYSTEM, parts_of, system_of
from gateway.providers.parts import (
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

# What it calls the same; a chat completion's name first.
SAME = {
    "temperature": "temperature", "top_p": "topP", "top_k": "topK", "n": "candidateCount", "seed": "seed",
    "presence_penalty": "presencePenalty", "frequency_penalty": "frequencyPenalty", "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}  # fmt: skip
AS_DATA = ("image/", "audio/", "application/pdf")
CHOICE = {"auto": "AUTO", "none": "NONE", "required": "ANY"}


def as_contents(body: dict[str, Any]) -> dict[str, Any]:
    """The body of `generateContent`. Raises `InvalidRequest`."""
    messages = body["messages"]
    sent: dict[str, Any] = {"contents": _contents(messages)}
    if told := system_of(messages):
        sent["systemInstruction"] = {"parts": [{"text": told}]}
    if tools := tools_of(body):
        sent["tools"] = [{"functionDeclarations": [_declared(tool) for tool in tools]}]
        if (choice := _choice(body.get("tool_choice"))) is not None:
            sent["toolConfig"] = {"functionCallingConfig": choice}
    if settings := _settings(body):
        sent["generationConfig"] = settings
    return sent


def as_embedding(model: str, body: dict[str, Any]) -> dict[str, Any]:
    """The body of `batchEmbedContents`."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    more = {"outputDimensionality": body["dimensions"]} if body.get("dimensions") else {}
    return {
        "requests": [{"model": f"models/{model}", "content": {"parts": [{"text": text}]}, **more} for text in texts]
    }


def _contents(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Turns of the user and of the model. Results of tools are the user's, and name the function that was called."""
    called: dict[str, str] = {}
    turns: list[dict[str, Any]] = []
    for place, message in enumerate(messages):
        field, role = f"messages[{place}]", message["role"]
        if role in SYSTEM:
            continue
        parts = _result(message, called) if role in ("tool", "function") else _said(message, field)
        if role == "assistant":
            parts += _calls(message, called, field)
        add_turn(turns, "model" if role == "assistant" else "user", parts, under="parts")
    return turns


def _said(message: dict[str, Any], field: str) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for part in parts_of(message):
        if image := image_of(part, field):
            if not image.media_type.startswith(AS_DATA):  # what a URL names may be a film of a million tokens, or a
                # file in the account
                raise InvalidRequest("It takes images as data: only, or a PDF, or a recording.", field=field)
            parts.append({"inlineData": {"mimeType": image.media_type, "data": image.data}})
        elif isinstance(part.get("text"), str):
            parts.append({"text": part["text"]})
        elif part.get("type") == "input_audio" and isinstance(part.get("input_audio"), dict):
            audio = part["input_audio"]
            parts.append({"inlineData": {"mimeType": f"audio/{audio.get('format')}", "data": audio.get("data")}})
        elif part.get("type") != "refusal":
            raise InvalidRequest(f"A part of type “{str(part.get('type'))[:40]}” cannot be sent to it.", field=field)
    return parts


def _calls(message: dict[str, Any], called: dict[str, str], field: str) -> list[dict[str, Any]]:
    parts = []
    for call in calls_of(message, field):
        called[call.id] = call.name
        part: dict[str, Any] = {"functionCall": {"name": call.name, "args": arguments_of(call, field)}}
        if call.signature:
            part["thoughtSignature"] = call.signature
        parts.append(part)
    return parts


def _result(message: dict[str, Any], called: dict[str, str]) -> list[dict[str, Any]]:
    name = called.get(str(message.get("tool_call_id"))) or str(message.get("name") or "")
    told = told_by_tool(message)
    return [{"functionResponse": {"name": name, "response": told if isinstance(told, dict) else {"result": told}}}]


def _declared(tool: dict[str, Any]) -> dict[str, Any]:
    declared = {"name": tool.get("name"), "description": tool.get("description"),
                "parametersJsonSchema": tool.get("parameters")}  # fmt: skip
    return {name: value for name, value in declared.items() if value}


def _choice(choice: Any) -> dict[str, Any] | None:
    if isinstance(choice, str):
        return {"mode": CHOICE[choice]} if choice in CHOICE else None
    name = inside(choice, "function", "name")
    return {"mode": "ANY", "allowedFunctionNames": [name]} if name else None


def _settings(body: dict[str, Any]) -> dict[str, Any]:
    settings = {theirs: body[ours] for ours, theirs in SAME.items() if body.get(ours) is not None}
    if (bound := bound_of(body)) is not None:
        settings["maxOutputTokens"] = bound
    if stops := stops_of(body):
        settings["stopSequences"] = stops
    if (thought := tokens_to_think(body.get("reasoning_effort"))) is not None:
        settings["thinkingConfig"] = {"thinkingBudget": thought, "includeThoughts": thought > 0}
    wanted = body.get("response_format")
    kind = inside(wanted, "type")
    if kind in ("json_object", "json_schema"):
        settings["responseMimeType"] = "application/json"
    if kind == "json_schema" and (schema := inside(wanted, "json_schema", "schema")):
        settings["responseJsonSchema"] = schema
    return settings
