"""What the parts of a response mean as parts of a chat completion."""

from __future__ import annotations

from typing import Any

type Told = dict[str, Any]

# The field of a chat's answer that a text goes to, by the kind of event that brings it.
TEXTS = {
    "response.output_text.delta": "content",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning_content",
    "response.reasoning_summary_text.delta": "reasoning_content",
}
# What a model writes to a tool, whoever runs that.
ARGUMENTS = (
    "response.function_call_arguments.delta", "response.custom_tool_call_input.delta",
    "response.mcp_call_arguments.delta", "response.code_interpreter_call_code.delta",
)  # fmt: skip


def part_of(kind: str, told: Told, calls: dict[int, int]) -> Told:
    """What an event of a stream brings; empty for nothing. `calls` is the number of each call by its place so far."""
    delta, place = told.get("delta"), told.get("output_index")
    if kind in TEXTS and isinstance(delta, str):
        return _choice({TEXTS[kind]: delta})
    if kind in ARGUMENTS and isinstance(delta, str) and isinstance(place, int):
        return _choice({"tool_calls": [{"index": calls.setdefault(place, len(calls)), **_function(arguments=delta)}]})
    item = told.get("item")
    is_call = kind == "response.output_item.added" and isinstance(item, dict) and item.get("type") == "function_call"
    if is_call and isinstance(item, dict) and isinstance(place, int):
        index = calls.setdefault(place, len(calls))
        called = {"index": index, "id": item.get("call_id"), "type": "function", **_function(name=item.get("name"))}
        return _choice({"tool_calls": [called]})
    return {}


def answer_of(output: list[Any]) -> Told:
    """The message of a chat that says what the items of `output` say."""
    texts: dict[str, list[str]] = {"content": [], "refusal": [], "reasoning_content": []}
    calls = []
    for item in output:
        if not isinstance(item, dict):
            continue
        if item.get("type") == "function_call":
            named = {name: item.get(name) for name in ("name", "arguments")}
            calls.append({"id": item.get("call_id"), "type": "function", "function": named})
        elif item.get("type") == "reasoning":
            texts["reasoning_content"] += _texts(item.get("summary"), "text") + _texts(item.get("content"), "text")
        else:
            texts["content"] += _texts(item.get("content"), "text")
            texts["refusal"] += _texts(item.get("content"), "refusal")
    told: Told = {field: "".join(pieces) for field, pieces in texts.items() if pieces}
    return told | {"tool_calls": calls} if calls else told


def usage_of(response: Told) -> Told | None:
    """What was used, as a chat tells it."""
    usage = response.get("usage")
    if not isinstance(usage, dict):
        return None
    return {
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "total_tokens": usage.get("total_tokens"),
        "prompt_tokens_details": usage.get("input_tokens_details"),
        "completion_tokens_details": usage.get("output_tokens_details"),
    }


def _choice(delta: Told) -> Told:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def _function(**told: Any) -> Told:
    return {"function": told}


def _texts(parts: Any, field: str) -> list[str]:
    listed = parts if isinstance(parts, list) else []
    return [part[field] for part in listed if isinstance(part, dict) and isinstance(part.get(field), str)]
