"""What a provider tells that a call has used, as far as it can be true."""

from __future__ import annotations

from typing import Any, NamedTuple

from usage.calls import LARGEST_COUNT

WRITTEN = "cache_creation_tokens"  # of the prompt's, to a provider's cache: a name that OpenAI's form has not


class Used(NamedTuple):
    """Tokens of a call: `cached` and `written` (to a cache) of those in, `reasoning` of those out."""

    tokens_in: int
    tokens_out: int
    cached: int = 0
    reasoning: int = 0
    written: int = 0


class Told(NamedTuple):
    """Tokens; None: it did not say. `cached` and `written` (to a cache) are some of those in, `reasoning` some of those
    out."""

    tokens_in: int | None
    tokens_out: int | None
    cached: int
    reasoning: int
    written: int = 0

    def after(self, earlier: Told | None) -> Told:
        """What is known now, where a chunk before told `earlier`: some tell the prompt at the beginning only."""
        if earlier is None or self.tokens_in:
            return self
        return self._replace(tokens_in=earlier.tokens_in, cached=earlier.cached, written=earlier.written)

    def used(self, tokens_in: int, tokens_out: int) -> Used:
        """So many tokens, with as many of them as were told and can be of some kind."""
        if not (self.cached or self.reasoning or self.written):
            return Used(tokens_in, tokens_out)
        cached = min(self.cached, tokens_in)
        return Used(
            tokens_in, tokens_out, cached, min(self.reasoning, tokens_out), min(self.written, tokens_in - cached)
        )


def told_by(usage: Any) -> Told | None:
    """What a chat completion's usage tells; None where it tells nothing, or what no call can use."""
    if not isinstance(usage, dict):
        return None
    tokens_in, tokens_out = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if type(tokens_in) is int and type(tokens_out) is int:
        if not (0 <= tokens_in <= LARGEST_COUNT and 0 <= tokens_out <= LARGEST_COUNT):
            return None
        total = usage.get("total_tokens")
        if type(total) is int and tokens_in + tokens_out < total <= LARGEST_COUNT:
            tokens_out = total - tokens_in  # xAI and others leave reasoning out of the completion
    elif [_is_count(each) for each in (tokens_in, tokens_out) if each is not None] != [True]:
        return None
    of_prompt, of_answer = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    return Told(
        tokens_in,
        tokens_out,
        0 if of_prompt is None else _detail(of_prompt, "cached_tokens"),
        0 if of_answer is None else _detail(of_answer, "reasoning_tokens"),
        0 if of_prompt is None else _detail(of_prompt, WRITTEN),
    )


def as_usage(
    tokens_in: int, tokens_out: int, cached: int, reasoning: int | None = None, written: int | None = None
) -> dict[str, Any]:
    """Tokens as a chat completion's usage tells them; what is None of those out and in is not told."""
    usage: dict[str, Any] = {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
        "prompt_tokens_details": {"cached_tokens": cached} | ({} if written is None else {WRITTEN: written}),
    }
    return usage if reasoning is None else usage | {"completion_tokens_details": {"reasoning_tokens": reasoning}}


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_COUNT


def _detail(details: Any, name: str) -> int:
    count = details.get(name) if isinstance(details, dict) else None
    return count if type(count) is int and count >= 0 else 0
