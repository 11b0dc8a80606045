"""Log probabilities of a chat completion as a response tells them."""

from __future__ import annotations

from typing import Any

type Told = dict[str, Any]


def logprobs_of(choice: Told) -> list[Told]:
    """Those of a choice, as they stand in a text; empty where none were asked for."""
    told = choice.get("logprobs")
    tokens = told.get("content") if isinstance(told, dict) else None
    return [
        _token(token) | {"top_logprobs": [_token(each) for each in _listed(token.get("top_logprobs"))]}
        for token in _listed(tokens)
    ]


def told_with_a_delta(logprobs: list[Told]) -> list[Told]:
    """The same without the tokens' bytes."""
    return [_plain(token) | {"top_logprobs": [_plain(each) for each in token["top_logprobs"]]} for token in logprobs]


def _listed(given: Any) -> list[Told]:
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


def _token(told: Told) -> Told:
    text = str(told.get("token", ""))
    return {
        "token": text,
        "bytes": told.get("bytes") or list(text.encode("utf-8", "replace")),
        "logprob": told.get("logprob"),
    }


def _plain(token: Told) -> Told:
    return {"token": token["token"], "logprob": token["logprob"]}
