"""A chat completion's request as one for a completion of the text that its conversation was written down as."""

from __future__ import annotations

import math
from typing import Any

from catalog.prompting.profile import Prompting
from gateway.asked import BOUNDS, InvalidRequest
from gateway.counting import ASSUMED_OUTPUT, tokens_of
from gateway.prompting.messages import Message, text_of
from gateway.snapshot import Target

RAW_FORM = "completions"
MARGIN = 1.1  # the prompt is counted by a tokenizer that need not be the model's own
# What a chat has, and no completion of a text: it is said in the prompt already, or means nothing there.
OF_CHATS = (
    "messages", *BOUNDS, "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "modalities",
    "reasoning_effort", "verbosity", "store", "metadata", "prediction", "stop", "response_format", "logprobs",
    "top_logprobs", "add_generation_prompt", "continue_final_message", "chat_template", "chat_template_kwargs",
)  # fmt: skip


def cannot_complete(neutral: dict[str, Any], prompting: Prompting) -> str:
    """Why a model that completes texts cannot be asked this; empty where it can."""
    messages: list[Message] = neutral["messages"]
    if neutral.get("tools") or neutral.get("functions") or any(each.get("tool_calls") for each in messages):
        return (
            "its model completes texts and calls no tools. Leave the tools out, or ask a route whose model calls them"
        )
    if neutral.get("logprobs"):
        return "it tells no log probabilities of a chat"
    shape = neutral.get("response_format")
    if isinstance(shape, dict) and shape.get("type") not in (None, "text"):
        return "its model completes texts, and nothing holds it to a format. Ask for the format in words"
    if sign := _sign_in(messages, prompting):
        return (
            f"“{sign}” stands in a message, and its model, which completes texts, would take it for the beginning or "
            "the end of somebody's turn. Leave that out, or ask a route whose model takes chats"
        )
    return ""


def _sign_in(messages: list[Message], prompting: Prompting) -> str:
    """The first sign of the template that stands in what somebody says, who could forge what others say with it."""
    signs = prompting.signs
    for each in messages if signs else ():
        said = "\n" + text_of(each)  # what is said may come to begin a line
        if found := next((sign for sign in signs if sign in said), ""):
            return found.strip()
    return ""


def as_completion(
    neutral: dict[str, Any], text: str, prompting: Prompting, target: Target, *, is_bounded: bool = False
) -> dict[str, Any]:
    """The body of the request that completes `text` at `target`, with what ends an answer. `is_bounded`: the bound of
    the answer that is in it was put there by us. Raises `InvalidRequest`."""
    body = {name: value for name, value in neutral.items() if name not in OF_CHATS}
    body["prompt"] = text
    body["max_tokens"] = _bound(neutral, text, target, is_bounded)
    if stops := list(dict.fromkeys([*_stops_of(neutral), *prompting.stops])):
        body["stop"] = stops
    return body


def _bound(neutral: dict[str, Any], text: str, target: Target, is_bounded: bool) -> int:
    """The longest answer, as `gateway.costing` reserves it. It is always told: a completion without a bound is cut
    after 16 tokens. One that the caller did not choose leaves room for the prompt, or some servers refuse it."""
    stated = [neutral[name] for name in BOUNDS if neutral.get(name) is not None]
    longest = target.max_output_tokens or (max(stated) if stated else ASSUMED_OUTPUT)
    bound = min(max(stated), longest) if stated else longest
    holds = target.context_tokens
    if holds is None or (stated and not is_bounded) or bound + len(text.encode("utf-8", "replace")) <= holds:
        return bound
    return max(1, min(bound, holds - math.ceil(tokens_of(text) * MARGIN)))


def _stops_of(neutral: dict[str, Any]) -> list[str]:
    given = neutral.get("stop")
    if given is None:
        return []
    stops = [given] if isinstance(given, str) else given
    if not isinstance(stops, list) or not all(isinstance(each, str) for each in stops):
        raise InvalidRequest("“stop” must be a text, or a list of texts.", field="stop")
    return stops
