"""What a client may send a great deal of, or nest, is read in a time that grows with its size, and no deeper than it is
used."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.forms.responses import items
from gateway.forms.responses.items import messages_of
from tests.gateway.provider import Body


class Thought(str):
    """A text that must not be added to another: adding many to one copies all that came before, each time."""

    __slots__ = ()

    def __radd__(self, other: str) -> str:
        raise AssertionError("texts are joined one by one")


def test_many_thoughts_are_joined_once(monkeypatch: pytest.MonkeyPatch) -> None:
    thought = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm. "}]}
    [message] = messages_of([thought] * 1000, [])
    assert message == {"role": "assistant", "content": "", "reasoning_content": "Hm. " * 1000}
    monkeypatch.setattr(items, "_thought", lambda item: Thought("Hm. "))
    assert messages_of([thought] * 1000, []) == [message]


def test_of_what_a_provider_wants_back_only_the_signature_is_kept() -> None:
    item: Body = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    kept = {"google": {"thought_signature": "c2ln", "more": deep}, "other": deep}
    [message] = messages_of([item | {"extra_content": kept}], [])
    assert message["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "c2ln"}}
    for odd in ({"google": {"thought_signature": deep}}, {"google": "x"}, deep, "x", {}):
        [message] = messages_of([item | {"extra_content": odd}], [])
        assert "extra_content" not in message["tool_calls"][0]
