"""A chat completion, or a request for embeddings, as Cohere is asked it."""

from __future__ import annotations

from typing import Any

from gateway.asked import Asked, InvalidRequest
from gateway.effort import tokens_to_think
from gateway.prompting.messages import SYSTEM, parts_of, text_of
from gateway.providers.parts import bound_of, calls_of, image_of, inside, stops_of, tools_of
from gateway.providers.vectors import refuse_more, texts_to_embed

# What it calls the same or otherwise; a chat completion's name first.
SAME = {
    "temperature": "temperature", "top_p": "p", "top_k": "k", "seed": "seed", "stream": "stream",
    "presence_penalty": "presence_penalty", "frequency_penalty": "frequency_penalty",
}  # fmt: skip
ANYTHING = {"type": "object", "properties": {}}  # the parameters of a tool that states none: it wants some
MOST_TEXTS = 96  # to one request for embeddings
PURPOSES = ("search_document", "search_query", "classification", "clustering")


def as_chat(body: dict[str, Any]) -> dict[str, Any]:
    """The body of `/v2/chat`. Raises `InvalidRequest`."""
    sent = {theirs: body[ours] for ours, theirs in SAME.items() if body.get(ours) is not None}
    sent["messages"] = [_message(message, f"messages[{place}]") for place, message in enumerate(body["messages"])]
    if (bound := bound_of(body)) is not None:
        sent["max_tokens"] = bound
    if stops := stops_of(body):
        sent["stop_sequences"] = stops
    if (thought := tokens_to_think(body.get("reasoning_effort"))) is not None:
        sent["thinking"] = {"type": "enabled", "token_budget": thought} if thought else {"type": "disabled"}
    return sent | _shape(body) | _tools(body)


def as_embedding(asked: Asked) -> dict[str, Any]:
    """The body of `/v2/embed`. What the vectors are for it has to be told; a client may say it in its own field, else
    they are of documents that will be searched. Raises `InvalidRequest`."""
    texts, purpose = texts_to_embed(asked), asked.neutral.get("input_type") or PURPOSES[0]
    refuse_more(len(texts), MOST_TEXTS)
    if purpose not in PURPOSES:
        raise InvalidRequest(f"“input_type” is one of {', '.join(PURPOSES)}.", field="input_type")
    more = {"output_dimension": asked.neutral["dimensions"]} if asked.neutral.get("dimensions") else {}
    return {"texts": texts, "input_type": purpose, "embedding_types": ["float"], **more}


def _message(message: dict[str, Any], field: str) -> dict[str, Any]:
    role = message["role"]
    if role in SYSTEM:
        return {"role": "system", "content": text_of(message)}
    if role == "tool":
        return {"role": "tool", "tool_call_id": str(message.get("tool_call_id")), "content": text_of(message)}
    if role == "assistant":
        return {"role": "assistant", **_answered(message, field)}
    if role != "user":
        raise InvalidRequest(f"What serves this model takes no role “{role[:40]}”.", field=f"{field}.role")
    return {"role": "user", "content": _said(message, field)}


def _answered(message: dict[str, Any], field: str) -> dict[str, Any]:
    """What a model says before it calls tools is its plan; without calls it is the answer."""
    text, calls = text_of(message), calls_of(message, field)
    if not calls:
        return {"content": text}
    called = [{"id": each.id, "type": "function", "function": {"name": each.name, "arguments": each.arguments}}
              for each in calls]  # fmt: skip
    return {"tool_calls": called} | ({"tool_plan": text} if text else {})


def _said(message: dict[str, Any], field: str) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    for part in parts_of(message):
        if image := image_of(part, field):
            url = image.url or f"data:{image.media_type};base64,{image.data}"
            detail = inside(part, "image_url", "detail")
            told = {"detail": detail} if detail in ("auto", "low", "high") else {}
            content.append({"type": "image_url", "image_url": {"url": url, **told}})
        elif isinstance(part.get("text"), str):
            content.append({"type": "text", "text": part["text"]})
        else:
            raise InvalidRequest(f"A part of type “{str(part.get('type'))[:40]}” cannot be sent to it.", field=field)
    return content


def _shape(body: dict[str, Any]) -> dict[str, Any]:
    kind, schema = inside(body, "response_format", "type"), inside(body, "response_format", "json_schema", "schema")
    if kind not in ("json_object", "json_schema"):
        return {}
    wanted = {"type": "json_object"} | ({"json_schema": schema} if isinstance(schema, dict) else {})
    return {"response_format": wanted}


def _tools(body: dict[str, Any]) -> dict[str, Any]:
    """One function cannot be named as the one to call: then it alone is offered, and one has to be called."""
    offered, choice = tools_of(body), body.get("tool_choice")
    if (name := inside(choice, "function", "name")) is not None:
        offered = [tool for tool in offered if tool.get("name") == name]
        if not offered:
            raise InvalidRequest("“tool_choice” names a function that is not among the tools.", field="tool_choice")
    if not offered:
        return {}
    sent: dict[str, Any] = {"tools": [{"type": "function", "function": _function(tool)} for tool in offered]}
    if name is not None or choice == "required":
        sent["tool_choice"] = "REQUIRED"
    elif choice == "none":
        sent["tool_choice"] = "NONE"
    if all(tool.get("strict") is True for tool in offered):
        sent["strict_tools"] = True
    return sent


def _function(tool: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(tool.get("name"), str):
        raise InvalidRequest("A function needs a “name”.", field="tools")
    told = {"name": tool["name"], "parameters": tool.get("parameters") or ANYTHING}
    return told | ({"description": tool["description"]} if tool.get("description") else {})
