"""All tenants share a provider's account: whatever a client's form calls it, nothing there can be named or run."""

from __future__ import annotations

import pytest

from gateway.asked import InvalidRequest
from gateway.forms.responses import RESPONSES
from tests.gateway.provider import Body

RESPONSE: Body = {"model": "echo-model", "input": "Say something."}
FUNCTION: Body = {"type": "function", "name": "f", "parameters": {"type": "object"}}


def test_a_tool_that_may_not_be_chosen_is_checked_all_the_same() -> None:
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}
    with pytest.raises(InvalidRequest, match="“web_search” is run by the provider"):
        RESPONSES.read(RESPONSE | {"tools": [FUNCTION, {"type": "web_search"}], "tool_choice": choice})
    asked = RESPONSES.read(
        RESPONSE | {"tools": [FUNCTION, FUNCTION | {"type": "custom", "name": "g"}], "tool_choice": choice}
    )
    assert [tool["function"]["name"] for tool in asked.neutral["tools"]] == ["f"] and not asked.lost
