"""Whether a prompt is larger than what a deployment holds: as providers say it, and by our own count beforehand."""

from __future__ import annotations

from typing import Any

from gateway.asked import Asked
from gateway.costing import prompt_tokens
from gateway.counting import USUAL

# OpenAI and who speaks as it does; llama.cpp; vLLM's older form has only its sentence.
CODES = {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}
# Anthropic, Bedrock, Gemini and Vertex, Mistral, Cohere, vLLM: as their sentences begin or go on.
SENTENCES = (
    "prompt is too long",
    "input is too long",
    "exceeds the maximum number of tokens",
    "maximum context length",
    "exceeds the available context size",
    "exceeds the context window",
    "too many tokens",
    "too large for model with",
)


def is_told(error: Any) -> bool:
    """Whether what a provider says in an error is that the prompt is too long for it."""
    if not isinstance(error, dict):
        return False
    if error.get("code") in CODES or error.get("type") in CODES:
        return True
    said = error.get("message")
    return isinstance(said, str) and any(words in said.lower() for words in SENTENCES)


class PromptSize:
    """The tokens of a prompt, counted once and only where it matters."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._by_length: int | None = None
        self._counted: int | None = None

    def is_beyond(self, context_tokens: int) -> bool:
        """Whether it is larger than that. Counting takes milliseconds, so what is clearly smaller is not counted."""
        if self._by_length is None:
            self._by_length = prompt_tokens(self._asked, USUAL, is_rough=True)
        if self._by_length * 2 <= context_tokens:
            return False
        if self._counted is None:
            self._counted = prompt_tokens(self._asked, USUAL)
        return self._counted > context_tokens
