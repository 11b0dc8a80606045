"""What Anthropic's Messages API is asked (its API reference, "Messages"): as the client has it, or out of a chat."""

from __future__ import annotations

import re
from typing import Any

from gateway.asked import InvalidRequest
from gateway.counting import ASSUMED_OUTPUT
from gateway.effort import SHARES, budget_of
from gateway.prompting.messages import system_of
from gateway.providers.anthropic.turns import turns_of
from gateway.providers.parts import bound_of, inside, stops_of, tools_of
from gateway.snapshot import Target

Body = dict[str, Any]

SAME = ("temperature", "top_p", "top_k", "stream")
# Fields of its own that a client of another form may send all the same.
OWN = ("thinking", "output_config", "cache_control", "context_management")
# The betas that reach nothing in the account and change no price, without their dates: a longer context costs more, as
# does a faster answer, and files, containers and servers of others are the account's.
BETAS = (
    "adaptive-thinking", "advanced-tool-use", "claude-code", "computer-use", "context-management", "effort",
    "extended-cache-ttl", "fine-grained-tool-streaming", "interleaved-thinking", "max-tokens-3-5-sonnet", "output-128k",
    "pdfs", "prompt-caching", "prompt-caching-scope", "redact-thinking", "structured-outputs", "token-counting",
    "token-efficient-tools",
)  # fmt: skip
BETA = re.compile(r"(.+)-\d{4}-\d{2}-\d{2}|(claude-code)-\d{8}")
ONLY_JSON = "Answer with one JSON object and nothing else."
SCHEMA = ("response_format", "json_schema", "schema")
CHOICES = {"auto": "auto", "required": "any", "none": "none"}
EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
# From 4.6 on a model is told how hard to think and decides for itself; before, it was given tokens to think with.
FIRST_ADAPTIVE = (4, 6)
VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2})(?!\d))?")


def check_betas(header: str) -> None:
    """Raise `InvalidRequest` for a beta that may change a price, or reach what all tenants share."""
    for beta in filter(None, map(str.strip, header.split(","))):
        found = BETA.fullmatch(beta)
        if found is None or (found[1] or found[2]) not in BETAS:
            raise InvalidRequest(
                f"The beta “{beta[:60]}” is not passed on: it may have a price of its own, or reach what all tenants "
                f"share. These are: {', '.join(BETAS)}.",
                field="anthropic-beta",
            )


def as_sent(body: Body) -> Body:
    """A client's own request, without thoughts that nobody has signed: they are another model's, and not taken."""
    messages = body["messages"]
    if not any(_has_unsigned(message) for message in messages):
        return body
    return body | {"messages": [_without_unsigned(message) for message in messages]}


def translated(neutral: Body, target: Target) -> Body:
    """A chat completion's request. Raises `InvalidRequest` for what cannot be said."""
    body: Body = {name: neutral[name] for name in (*SAME, *OWN) if neutral.get(name) is not None}
    if not isinstance(body.get("output_config", {}), dict):
        raise InvalidRequest("“output_config” must be an object.", field="output_config")
    bound = bound_of(neutral)
    body["max_tokens"] = (target.max_output_tokens or ASSUMED_OUTPUT) if bound is None else bound
    system = [text for text in (system_of(neutral["messages"]), _add_shape(neutral, body)) if text]
    turns = turns_of(neutral["messages"])
    # A conversation cannot be empty: instructions without a question are asked as one.
    body["messages"] = turns or [{"role": "user", "content": "\n\n".join(system)}]
    if system and turns:
        body["system"] = "\n\n".join(system)
    if stops := stops_of(neutral):
        body["stop_sequences"] = stops
    if user := neutral.get("safety_identifier") or neutral.get("user"):
        body["metadata"] = {"user_id": user}
    if neutral.get("service_tier") in ("auto", "default"):
        body["service_tier"] = "auto" if neutral["service_tier"] == "auto" else "standard_only"
    _add_tools(neutral, body)
    _add_effort(neutral, body, target)
    return body


def _add_tools(neutral: Body, body: Body) -> None:
    if tools := tools_of(neutral):
        body["tools"] = [_tool(function) for function in tools]
    elif neutral.get("functions"):
        raise InvalidRequest("“functions” were replaced by “tools”; send those.", field="functions")
    else:
        return
    chosen, alone = neutral.get("tool_choice"), neutral.get("parallel_tool_calls") is False
    if chosen is None and not alone:
        return
    choice: Body
    if isinstance(chosen, dict):
        name = inside(chosen, "function", "name")
        if not isinstance(name, str):
            raise InvalidRequest("“tool_choice” must be a word, or name a function.", field="tool_choice")
        choice = {"type": "tool", "name": name}
    elif str(chosen or "auto") in CHOICES:
        choice = {"type": CHOICES[str(chosen or "auto")]}
    else:
        raise InvalidRequest("“tool_choice” must be auto, required or none, or name a function.", field="tool_choice")
    body["tool_choice"] = choice | ({"disable_parallel_tool_use": True} if alone and choice["type"] != "none" else {})


def _tool(function: Body) -> Body:
    if not isinstance(function.get("name"), str):
        raise InvalidRequest("A function needs a “name”.", field="tools")
    made = {"name": function["name"], "input_schema": function.get("parameters") or {"type": "object"}}
    return made | {name: function[name] for name in ("description", "strict") if function.get(name) is not None}


def _add_shape(neutral: Body, body: Body) -> str:
    """A schema for the answer; returns what has to be said in words, as there is no field for it."""
    kind, schema = inside(neutral, "response_format", "type"), inside(neutral, *SCHEMA)
    if kind == "json_schema" and not isinstance(schema, dict):
        raise InvalidRequest("“json_schema” needs a “schema”.", field=".".join(SCHEMA))
    if kind == "json_schema":
        body["output_config"] = body.get("output_config", {}) | {"format": {"type": "json_schema", "schema": schema}}
    return ONLY_JSON if kind == "json_object" else ""


def _add_effort(neutral: Body, body: Body, target: Target) -> None:
    """How hard to think. No model may think when a tool is forced on it, nor an older one in the middle of a turn that
    it began without its thoughts, which a chat completion does not carry."""
    effort = neutral.get("reasoning_effort")
    if effort is None or "thinking" in body:
        return
    if not isinstance(effort, str) or effort not in ("none", *SHARES):
        raise InvalidRequest(f"“reasoning_effort” is one of none, {', '.join(SHARES)}.", field="reasoning_effort")
    decides = _decides(target.upstream_name)
    if decides and effort != "none":
        body["output_config"] = body.get("output_config", {}) | {"effort": EFFORTS[effort]}
    if thinking := _thinking(effort, body, decides=decides):
        body["thinking"] = thinking


def _thinking(effort: str, body: Body, *, decides: bool) -> Body | None:
    if effort == "none":
        return {"type": "disabled"} if decides else None
    if body.get("tool_choice", {}).get("type") in ("any", "tool"):
        return None
    if decides:
        return {"type": "adaptive", "display": "summarized"}
    if _answers_tools(body["messages"]) or type(body["max_tokens"]) is not int:
        return None
    budget = budget_of(effort, body["max_tokens"])
    return {"type": "enabled", "budget_tokens": budget} if budget is not None else None


def _decides(upstream_name: str) -> bool:
    """Whether a model decides itself how much to think; one whose name tells no version is a recent one."""
    version = VERSION.search(upstream_name)
    return version is None or (int(version[1]), int(version[2] or 0)) >= FIRST_ADAPTIVE


def _answers_tools(messages: list[Body]) -> bool:
    content = messages[-1]["content"]
    return isinstance(content, list) and any(block["type"] == "tool_result" for block in content)


def _is_unsigned(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "thinking" and not block.get("signature")


def _has_unsigned(message: Body) -> bool:
    return isinstance(message["content"], list) and any(map(_is_unsigned, message["content"]))


def _without_unsigned(message: Body) -> Body:
    if not _has_unsigned(message):
        return message
    return message | {"content": [block for block in message["content"] if not _is_unsigned(block)]}
