"""Reads a request in Anthropic's form, and says it as a chat completion (Anthropic's API reference, "Messages")."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.asked import Asked, InvalidRequest, checked_object, object_in
from gateway.effort import effort_of
from gateway.forms.messages.conversation import Conversation, blocks_of
from gateway.forms.shared import refuse_elsewhere, refuse_named, refuse_shared, runs_there

SAME = ("temperature", "top_p", "top_k", "stream")  # as a chat completion has them, or a server that takes more
ONLY_HERE = ("context_management",)  # what nobody else has
SHARED = ("container", "mcp_servers")
OF_CLIENTS = ("bash_", "text_editor_", "computer_", "memory_")  # types of Anthropic's that whoever asks runs
EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "xhigh"}


def call_of(form: str, body: Any) -> Asked:
    """A request for an answer. Raises `InvalidRequest`."""
    asked = prompt_of(form, body)
    longest = body.get("max_tokens")
    if type(longest) is not int or longest < 0:
        raise InvalidRequest(
            "“max_tokens” must be a whole number: how many tokens the answer may have at most.", field="max_tokens"
        )
    asked.neutral["max_tokens"] = longest
    _think(asked.body, asked.neutral, longest)
    lost = asked.lost or ("it cannot fill a cache without an answer (“max_tokens” 0)" if not longest else "")
    return Asked(asked.form, asked.operation, asked.body, asked.neutral, lost)


def prompt_of(form: str, body: Any) -> Asked:
    """A prompt with everything around it but the bounds of its answer. Raises `InvalidRequest`."""
    body = checked_object(body)
    refuse_shared(body, SHARED)
    refuse_elsewhere(body)
    conversation = Conversation()
    if body.get("system"):
        conversation.add("system", blocks_of(body["system"], "system"), "system")
    for place, (role, content) in enumerate(_messages(body)):
        conversation.add(role, blocks_of(content, f"messages.{place}.content"), f"messages.{place}.content")
    neutral: dict[str, Any] = {"model": body["model"], "messages": conversation.messages}
    neutral |= {name: body[name] for name in SAME if body.get(name) is not None}
    if stops := _listed(body, "stop_sequences", lambda each: isinstance(each, str), "texts"):
        neutral["stop"] = stops
    if user := object_in(body, "metadata").get("user_id"):
        neutral["user"] = user
    shape = object_in(body, "output_config").get("format")
    if isinstance(shape, dict) and isinstance(shape.get("schema"), dict):
        schema = {"name": "answer", "schema": shape["schema"], "strict": True}
        neutral["response_format"] = {"type": "json_schema", "json_schema": schema}
    _tools(body, neutral, conversation)
    for name in ONLY_HERE:
        if body.get(name):
            conversation.loses(f"it has no “{name}”")
    return Asked(form, "chat", body, neutral, conversation.lost)


def _messages(body: dict[str, Any]) -> list[tuple[str, Any]]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("“messages” must be a list with at least one message.", field="messages")
    for place, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant", "system"):
            raise InvalidRequest(
                "Every message needs a “role”: user or assistant; instructions go into “system”.",
                field=f"messages.{place}.role",
            )
        refuse_named(message.get("content"), f"messages.{place}.content")
    return [(message["role"], message.get("content")) for message in messages]


def _tools(body: dict[str, Any], neutral: dict[str, Any], conversation: Conversation) -> None:
    """The tools and how they are chosen. One that is Anthropic's own is kept as it is, and makes a loss."""
    tools = []
    for place, tool in enumerate(_listed(body, "tools", lambda each: isinstance(each, dict), "objects")):
        if (kind := tool.get("type")) not in (None, "custom"):
            if not str(kind).startswith(OF_CLIENTS):
                raise runs_there(str(kind)[:60], f"tools.{place}.type")
            conversation.loses(f"it has no tool of the type “{str(kind)[:60]}”")
            tools.append(tool)
            continue
        if not isinstance(tool.get("name"), str) or not isinstance(tool.get("input_schema"), dict):
            raise InvalidRequest("A tool needs a “name” and an “input_schema”.", field=f"tools.{place}")
        function = {"name": tool["name"], "parameters": tool["input_schema"]}
        function |= {name: tool[name] for name in ("description", "strict") if tool.get(name) is not None}
        tools.append({"type": "function", "function": function})
    if tools:
        neutral["tools"] = tools
    choice = object_in(body, "tool_choice")
    if not choice:
        return
    named = {"type": "function", "function": {"name": choice.get("name")}}
    chosen = {"auto": "auto", "any": "required", "none": "none", "tool": named}.get(str(choice.get("type")))
    if chosen is None or (chosen is named and not isinstance(choice.get("name"), str)):
        raise InvalidRequest(
            "“tool_choice” must be of the type auto, any, none, or tool with a “name”.", field="tool_choice.type"
        )
    neutral["tool_choice"] = chosen
    if choice.get("disable_parallel_tool_use"):
        neutral["parallel_tool_calls"] = False


def _think(body: dict[str, Any], neutral: dict[str, Any], longest: int) -> None:
    """How hard to think, where it is said: as a word, or in tokens. Where the model decides, nothing is said."""
    thinking, effort = object_in(body, "thinking"), object_in(body, "output_config").get("effort")
    budget = thinking.get("budget_tokens")
    if isinstance(effort, str) and effort in EFFORTS:
        neutral["reasoning_effort"] = EFFORTS[effort]
    elif thinking.get("type") == "enabled" and type(budget) is int:
        neutral["reasoning_effort"] = effort_of(budget, longest)


def _listed(body: dict[str, Any], field: str, fits: Callable[[Any], bool], what: str) -> list[Any]:
    value = body.get(field)
    if value is not None and not (isinstance(value, list) and all(map(fits, value))):
        raise InvalidRequest(f"“{field}” must be a list of {what}.", field=field)
    return value or []
