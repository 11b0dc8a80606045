"""What would change an answer and a kind of provider has no word for is refused before, not left out silently."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.forms.chat import CHAT
from gateway.providers import known

CHAT_OF: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "w", "schema": {"type": "object"}}}


@pytest.mark.parametrize(
    ("kind", "asked", "why"),
    [
        ("bedrock", {"response_format": SCHEMA}, "it has no “json_schema” as the format of a text"),
        ("bedrock", {"response_format": {"type": "json_object"}}, "it has no “json_object” as the format of a text"),
        ("bedrock", {"response_format": {"type": "text"}}, ""),
        ("bedrock", {"logprobs": True}, "it tells no log probabilities"),
        ("bedrock", {"logprobs": False, "seed": 7}, ""),
        ("mistral", {"logprobs": True}, "it tells no log probabilities"),
        ("mistral", {"response_format": SCHEMA, "seed": 7}, ""),
        ("gemini", {"logprobs": True, "response_format": SCHEMA}, ""),
    ],
)
def test_a_kind_says_what_it_cannot_be_asked(kind: str, asked: dict[str, Any], why: str) -> None:
    assert known()[kind].cannot(CHAT.read(CHAT_OF | asked)) == why
