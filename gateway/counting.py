"""Count tokens ourselves where a provider tells none, or a call ended before it could. Always marked `counted`.

The tokenizer is one of many, so the count is an estimate: within a few percent for Latin text. A very long text is
counted by a sample of it, so that no count takes longer than some milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from catalog.tokenizing import tokenizer

SAMPLE = 64 * 1024  # characters
CHARACTERS_A_TOKEN = 4
ASSUMED_OUTPUT = 4096  # of a model whose longest answer nobody has stated


@dataclass(frozen=True, slots=True)
class Template:
    """The tokens that a chat template adds: around each message, for the answer to begin, and as a system message of
    its own where the request has none."""

    a_message: int
    a_reply: int
    own_system_message: int = 0

    def added_to(self, messages: Any) -> int:
        """What it adds to the text of `messages`."""
        sent = messages if isinstance(messages, list) else []
        own = self.own_system_message
        if own and sent and sent[0].get("role") == "system":
            own = 0
        return self.a_message * len(sent) + self.a_reply + own

    def most_added_to(self, messages: Any) -> int:
        """The most that it can add to it."""
        return self.added_to(messages)


# OpenAI's cookbook, "How to count tokens with tiktoken": three a message and one for its role, three for the reply.
USUAL = Template(a_message=4, a_reply=3)
# SmolLM2's, read off its server: <|im_start|>, role, line end, <|im_end|>, line end; and who it is, unless told.
LOCAL = Template(a_message=5, a_reply=3, own_system_message=22)


def tokens_of(text: str) -> int:
    """The number of tokens of a text."""
    if not text:
        return 0
    sample = text[:SAMPLE]
    counted = len(tokenizer().encode(sample.encode("utf-8", "replace").decode(), add_special_tokens=False).ids)
    return counted if len(sample) == len(text) else math.ceil(counted * len(text) / len(sample))


def tokens_of_length(characters: int) -> int:
    """A rougher estimate for when only the length is known."""
    return math.ceil(characters / CHARACTERS_A_TOKEN)


def texts_of(messages: Any) -> Iterable[str]:
    """Every text in messages: plain content, text parts, and the arguments of tool calls."""
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, dict):
            continue
        content = message.get("content")
        if isinstance(content, str):
            yield content
        elif isinstance(content, list):
            yield from (
                part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
            )
        if len(message) > 2:  # more than a role and what was said
            yield from texts_of_answer(message, ("reasoning_content", "reasoning"))


def texts_of_answer(
    answer: Any, fields: tuple[str, ...] = ("content", "reasoning_content", "reasoning", "refusal")
) -> Iterable[str]:
    """Every text in a message or delta of an answer."""
    if not isinstance(answer, dict):
        return
    for field in fields:
        if field in answer and (text := answer[field]) and isinstance(text, str):
            yield text
    if "tool_calls" not in answer:
        return
    tool_calls = answer["tool_calls"]
    for call in tool_calls if isinstance(tool_calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        for field in ("name", "arguments"):
            text = function.get(field) if isinstance(function, dict) else None
            if text and isinstance(text, str):
                yield text
