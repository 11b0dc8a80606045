"""What Atrium counts where a provider tells nothing lies near what the provider would have told."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.counting import LOCAL, tokens_of
from gateway.forms.chat import CHAT

SHORT = "Write a short poem about the sea and the moon."
LONG = (
    "Explain in three sentences why banks use capital buffers, and what happens when one falls short of the "
    "requirement during a downturn in the economy."
)


def said(*texts: str, system: str = "") -> list[dict[str, str]]:
    """A conversation that begins and ends with the person."""
    before = [{"role": "system", "content": system}] if system else []
    roles = ("user", "assistant")
    return before + [{"role": roles[place % 2], "content": text} for place, text in enumerate(texts)]


# What SmolLM2's own server told for each, as its template stands in llama.cpp.
@pytest.mark.parametrize(
    ("messages", "told"),
    [
        pytest.param(said("Hi"), 31, id="one word"),
        pytest.param(said(SHORT), 41, id="one line"),
        pytest.param(said(LONG), 57, id="a question"),
        pytest.param(said(SHORT, SHORT, SHORT), 74, id="three messages"),
        pytest.param(said(LONG, system="Be brief."), 44, id="with a system prompt"),
    ],
)
def test_a_prompt_is_counted_as_the_local_model_counts_it(messages: list[dict[str, str]], told: int) -> None:
    asked = CHAT.read({"model": "smollm2", "messages": messages})
    counted = tokens_of("\n".join(asked.texts)) + asked.added_by(LOCAL)
    assert abs(counted - told) <= max(2, told * 0.1)


@pytest.mark.parametrize("content", [None, [], [None, 3], 7, {"text": "x"}, [{"type": "text", "text": 3}]], ids=str)
def test_odd_content_is_counted_without_trouble(content: Any) -> None:
    asked = CHAT.read({"model": "smollm2", "messages": [{"role": "user", "content": content, "tool_calls": "x"}]})
    assert list(asked.texts) == [] and asked.added_by(LOCAL) > 0
