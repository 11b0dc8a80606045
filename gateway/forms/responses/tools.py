"""Say the tools of a request for a response as those of a chat, which knows functions alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.asked import InvalidRequest
from gateway.forms.shared import runs_there

CHOICES = ("auto", "none", "required")
# Whoever asks runs these.
OF_CLIENTS = ("function", "custom", "local_shell", "apply_patch", "computer", "computer_use_preview")


def tools_of(body: Mapping[str, Any], lost: list[str]) -> dict[str, Any]:
    """The parameters of a chat that concern tools; what they cannot say is added to `lost`. Raises `InvalidRequest`."""
    given = body.get("tools")
    if given is None:
        return {}
    if not isinstance(given, list) or not all(isinstance(tool, dict) for tool in given):
        raise InvalidRequest("“tools” must be a list of tools.", field="tools")
    choice, allowed = _choice(body.get("tool_choice"), lost)
    for tool in given:  # all of them, as who takes this form is sent those as well that may not be chosen
        if tool.get("type") not in OF_CLIENTS:
            raise runs_there(str(tool.get("type"))[:60], "tools")
    tools = [_tool(tool, lost) for tool in given if allowed is None or str(tool.get("name")) in allowed]
    if not tools:  # a chat without tools must not say how to choose
        return {}
    chat: dict[str, Any] = {"tools": tools}
    if choice is not None:
        chat["tool_choice"] = choice
    if body.get("parallel_tool_calls") is not None:
        chat["parallel_tool_calls"] = body["parallel_tool_calls"]
    return chat


def _tool(tool: dict[str, Any], lost: list[str]) -> dict[str, Any]:
    if tool["type"] != "function":
        lost.append(f"it has no “{str(tool.get('type'))[:60]}” as a tool")
        return tool
    function = {
        name: tool[name] for name in ("name", "description", "parameters", "strict") if tool.get(name) is not None
    }
    return {"type": "function", "function": function}


def _choice(given: Any, lost: list[str]) -> tuple[Any, set[str] | None]:
    """How to choose, and among which names; None for what was not said."""
    if given is None or given in CHOICES:
        return given, None
    if not isinstance(given, dict):
        raise InvalidRequest(f"“tool_choice” must be one of {', '.join(CHOICES)}, or an object.", field="tool_choice")
    kind = given.get("type")
    if kind == "function":
        return {"type": "function", "function": {"name": given.get("name")}}, None
    if kind == "allowed_tools" and isinstance(given.get("tools"), list):
        names = (tool.get("name") for tool in given["tools"] if isinstance(tool, dict))
        return given.get("mode"), {name for name in names if isinstance(name, str)}
    lost.append(f"it cannot choose a tool by “{str(kind)[:60]}”")
    return None, None
