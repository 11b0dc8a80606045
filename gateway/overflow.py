"""Whether a prompt is larger than what a deployment holds: by our own count beforehand, and as providers say it, which
is close to how they say that they are asked too often."""

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
    "too many tokens: ",  # without the colon it is what Bedrock says to whom asks too often
    "too large for model with",
)
# Bedrock; OpenAI and Anthropic; Gemini and Vertex; who repeats HTTP's words.
THROTTLED = ("throttl", "rate_limit", "resource_exhausted", "too_many_requests")
TOO_MANY = 429


def is_told(error: Any) -> bool:
    """Whether what a provider says in an error is that the prompt is too long for it."""
    if not isinstance(error, dict) or is_throttled(error):
        return False
    if error.get("code") in CODES or error.get("type") in CODES:
        return True
    said = error.get("message")
    return isinstance(said, str) and any(words in said.lower() for words in SENTENCES)


def is_throttled(error: Any) -> bool:
    """Whether it says by the kind of its error that it is asked too often, whatever the sentence is."""
    if not isinstance(error, dict):
        return False
    kinds = [error.get(name) for name in ("type", "code", "status", "__type")]
    return any(
        kind == TOO_MANY or (isinstance(kind, str) and any(words in kind.lower() for words in THROTTLED))
        for kind in kinds
    )


def is_longer(asked: Asked, tokens: int) -> bool:
    """Whether a prompt has more tokens than that. It is counted once at most, and only where it matters: counting takes
    milliseconds."""
    found = asked.found
    if found.by_length is None:
        found.by_length = prompt_tokens(asked, USUAL, is_rough=True)
    if found.by_length * 2 <= tokens:
        return False
    if found.tokens is None:
        found.tokens = prompt_tokens(asked, USUAL)
    return found.tokens > tokens
