"""Mistral's API: near to OpenAI's, but it takes no field that it does not know, and names some otherwise.

Source: https://docs.mistral.ai/api/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, ClassVar

from gateway.asked import Asked
from gateway.prompting.messages import SYSTEM
from gateway.providers.compatible import Compatible
from gateway.providers.compatible.reading import ChatReading, EmbeddingsReading
from gateway.providers.parts import bound_of, calls_of, tools_of, writable
from gateway.providers.provider import Reading, Request, as_json
from gateway.snapshot import Target

SAME = (
    "temperature", "top_p", "n", "stop", "stream", "presence_penalty", "frequency_penalty", "parallel_tool_calls",
    "prediction", "response_format", "safe_prompt", "prompt_mode",
)  # fmt: skip
OF_A_MESSAGE = ("role", "content", "name", "prefix")
FINISHED = {"model_length": "length", "error": "stop"}
_CALL_ID = re.compile(r"[A-Za-z0-9]{9}")


class MistralReading(ChatReading):
    """Chat completions whose content may be in parts, thoughts among them."""

    form = ""  # some of what it says has another meaning in OpenAI's form

    def meaning(self, told: dict[str, Any]) -> dict[str, Any]:
        choices = told.get("choices")
        if not isinstance(choices, list):
            return writable(told)
        return writable(told | {"choices": [_choice(choice) for choice in choices if isinstance(choice, dict)]})


class Mistral(Compatible):
    name = "mistral"
    words = "Mistral"
    listed_as = "mistral"
    address = "https://api.mistral.ai/v1"
    example = address
    about = ""
    has_completions = False
    marks_begun: ClassVar[dict[str, Any]] = {"prefix": True}
    paths: ClassVar[Mapping[str, str]] = {"chat": "/chat/completions", "embeddings": "/embeddings"}
    readings: ClassVar[Mapping[str, type[Reading]]] = {"chat": MistralReading, "embeddings": EmbeddingsReading}

    def cannot(self, asked: Asked) -> str:
        if asked.operation == "embeddings" and asked.tokens:
            return "it takes texts, no token numbers"
        return asked.lost or ("it tells no log probabilities" if asked.neutral.get("logprobs") else "")

    def request(self, target: Target, asked: Asked) -> Request:
        body = _embedding(asked.neutral) if asked.operation == "embeddings" else _chat(asked.neutral)
        url = f"{target.base_url}{self.paths[asked.operation]}"
        return Request(url, self.headers(target), as_json({"model": target.upstream_name, **body}))

    def reading(self, asked: Asked) -> Reading:
        return self.readings[asked.operation](asked)


def _chat(body: dict[str, Any]) -> dict[str, Any]:
    sent = {name: body[name] for name in SAME if body.get(name) is not None}
    sent["messages"] = [_message(message, f"messages[{place}]") for place, message in enumerate(body["messages"])]
    if (bound := bound_of(body)) is not None:
        sent["max_tokens"] = bound
    if body.get("seed") is not None:
        sent["random_seed"] = body["seed"]
    if tools := tools_of(body):
        sent["tools"] = [{"type": "function", "function": tool} for tool in tools]
        if (choice := body.get("tool_choice")) is not None:
            sent["tool_choice"] = "any" if choice == "required" else choice
    return sent


def _message(message: dict[str, Any], field: str) -> dict[str, Any]:
    sent = {name: message[name] for name in OF_A_MESSAGE if message.get(name) is not None}
    if message["role"] in SYSTEM:
        sent["role"] = "system"
    if calls := calls_of(message, field):
        sent["tool_calls"] = [
            {"id": _call_id(each.id), "type": "function", "function": {"name": each.name, "arguments": each.arguments}}
            for each in calls
        ]
    if message["role"] == "tool":
        sent["tool_call_id"] = _call_id(message.get("tool_call_id"))
    return sent


def _call_id(given: Any) -> str:
    """Its identifiers of calls have nine letters and digits; another's is made into one, always the same."""
    text = str(given)
    return text if _CALL_ID.fullmatch(text) else sha256(text.encode("utf-8", "replace")).hexdigest()[:9]


def _embedding(body: dict[str, Any]) -> dict[str, Any]:
    sent = {"input": body["input"]}
    if body.get("dimensions"):
        sent["output_dimension"] = body["dimensions"]
    if body.get("encoding_format"):
        sent["encoding_format"] = body["encoding_format"]
    return sent


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    told = dict(choice)
    for part in ("delta", "message"):
        if isinstance(said := choice.get(part), dict):
            told[part] = _said(said)
    if isinstance(reason := choice.get("finish_reason"), str):
        told["finish_reason"] = FINISHED.get(reason, reason)
    return told


def _said(said: dict[str, Any]) -> dict[str, Any]:
    content = said.get("content")
    if not isinstance(content, list):
        return said
    parts = [part for part in content if isinstance(part, dict)]
    told = said | {"content": "".join(map(_text, parts))}
    if thought := "".join(_text(each) for part in parts for each in _thoughts(part)):
        told["reasoning_content"] = thought
    return told


def _thoughts(part: dict[str, Any]) -> list[dict[str, Any]]:
    given = part.get("thinking") if part.get("type") == "thinking" else None
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


def _text(part: dict[str, Any]) -> str:
    text = part.get("text")
    return text if isinstance(text, str) else ""


PROVIDER = Mistral()
