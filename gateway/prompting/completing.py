"""A chat completion's request as one for a completion of the text that its conversation was written down as."""

from __future__ import annotations

from typing import Any

from catalog.prompting.profile import Prompting
from gateway.asked import BOUNDS
from gateway.prompting.messages import Message

RAW_FORM = "completions"
# What a chat has, and no completion of a text: it is said in the prompt already, or means nothing there.
OF_CHATS = (
    "messages", *BOUNDS, "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "modalities",
    "reasoning_effort", "verbosity", "store", "metadata", "prediction", "stop", "response_format", "logprobs",
    "top_logprobs", "add_generation_prompt", "continue_final_message", "chat_template", "chat_template_kwargs",
)  # fmt: skip


def cannot_complete(neutral: dict[str, Any]) -> str:
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
    return ""


def as_completion(neutral: dict[str, Any], text: str, prompting: Prompting) -> dict[str, Any]:
    """The body of the request that completes `text`, with what ends an answer."""
    body = {name: value for name, value in neutral.items() if name not in OF_CHATS}
    body["prompt"] = text
    bounds = [neutral[name] for name in BOUNDS if neutral.get(name) is not None]
    if bounds:
        body["max_tokens"] = max(bounds)  # as it was reserved
    given = neutral.get("stop") or []
    stops = [given] if isinstance(given, str) else list(given)
    if stops := list(dict.fromkeys([*stops, *prompting.stops])):
        body["stop"] = stops
    return body
