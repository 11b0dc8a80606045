"""Say what a request for a response asks for as a chat completion, as far as that can say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.asked import InvalidRequest, object_in
from gateway.forms.chat import check_bounds
from gateway.forms.responses.items import messages_of
from gateway.forms.responses.tools import tools_of
from gateway.forms.shared import lies_there, refuse_elsewhere, refuse_named, refuse_shared

PREVIOUS = "previous_response_id"  # of a response that is stored here (`gateway.responses`)
STORED = ("conversation", "prompt")  # what names something that is stored at a provider
NOT_OF_A_CHAT = ("context_management", "moderation")
NOT_OF_A_RESPONSE = ("messages", "n")
# What is said otherwise in a chat, or means nothing there. Any other field is passed on under its own name.
OWN = frozenset(
    (
        "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning",
        "max_output_tokens", "top_logprobs", "include", "metadata", "store", "background", "background_options",
        "truncation", "max_tool_calls", "stream_options", PREVIOUS, *STORED, *NOT_OF_A_CHAT, *NOT_OF_A_RESPONSE,
    )
)  # fmt: skip
LOGPROBS = "message.output_text.logprobs"


def as_chat(body: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The chat completion, and why it would not be quite the same (empty where it is). Raises `InvalidRequest`."""
    refuse_shared(body, STORED)
    refuse_elsewhere(body)
    check_bounds(body)  # a chat's, which go on beside this form's own
    lost = _lost(body)
    chat = {name: value for name, value in body.items() if name not in OWN and value is not None}
    chat["messages"] = _instructed(body) + _messages(body, lost)
    chat |= tools_of(body, lost) | _formatted(object_in(body, "text"), lost) | _logprobs(body)
    if (bound := body.get("max_output_tokens")) is not None:
        if type(bound) is not int or bound < 1:
            raise InvalidRequest("“max_output_tokens” must be a whole number from 1.", field="max_output_tokens")
        chat["max_completion_tokens"] = bound
    if (effort := object_in(body, "reasoning").get("effort")) is not None:
        chat["reasoning_effort"] = effort
    object_in(body, "metadata")
    return chat, lost[0] if lost else ""


def _lost(body: Mapping[str, Any]) -> list[str]:
    """Parameters that a chat does not have."""
    lost = [f"it has no “{name}”" for name in (*NOT_OF_A_CHAT, *NOT_OF_A_RESPONSE) if body.get(name)]
    if body.get("truncation") == "auto":
        lost.append("it leaves nothing out of a conversation that is too long (“truncation”)")
    return lost


def _instructed(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    instructions = body.get("instructions")
    if instructions is not None and not isinstance(instructions, str):
        raise InvalidRequest("“instructions” must be a text.", field="instructions")
    return [{"role": "system", "content": instructions}] if instructions else []


def _messages(body: Mapping[str, Any], lost: list[str]) -> list[dict[str, Any]]:
    if body.get(PREVIOUS):  # whoever reads a request puts what it names in front of the input before
        raise lies_there(PREVIOUS, PREVIOUS)
    given = body.get("input")
    if not given or not isinstance(given, str | list):
        raise InvalidRequest("“input” must be a text, or a list with at least one item.", field="input")
    refuse_named(given, "input")
    return [{"role": "user", "content": given}] if isinstance(given, str) else messages_of(given, lost)


def _formatted(text: Mapping[str, Any], lost: list[str]) -> dict[str, Any]:
    """In which form the answer's text shall be."""
    chat = {"verbosity": text["verbosity"]} if text.get("verbosity") else {}
    wanted = object_in(text, "format")
    kind = wanted.get("type", "text")
    if kind == "json_schema":
        schema = {name: wanted[name] for name in ("name", "description", "schema", "strict") if name in wanted}
        return chat | {"response_format": {"type": kind, kind: schema}}
    if kind == "json_object":
        return chat | {"response_format": {"type": kind}}
    if kind != "text":
        lost.append(f"it has no “{str(kind)[:60]}” as the format of a text")
    return chat


def _logprobs(body: Mapping[str, Any]) -> dict[str, Any]:
    """Whether, and how many, log probabilities shall be told."""
    most, wanted = body.get("top_logprobs"), body.get("include")
    if most:
        return {"logprobs": True, "top_logprobs": most}
    return {"logprobs": True} if isinstance(wanted, list) and LOGPROBS in wanted else {}
