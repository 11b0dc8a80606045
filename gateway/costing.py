"""How much a call can use at most, before it is made: what it reserves of budgets and of tokens a minute."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from gateway.counting import length_of_messages, template_of, texts_of, tokens_of_length
from gateway.snapshot import Route
from usage.pricing import cost

ASSUMED_OUTPUT = 4096  # of a model whose longest answer nobody has stated
TOKENS_A_PART = 2000  # an image, a file: more than any provider counts for one of usual size
OF_THE_PROMPT = ("tools", "functions", "response_format")
LONGEST = 10_000_000
# How a caller bounds an answer: OpenAI's two names, and llama.cpp's, which it puts above the other two.
BOUNDS = ("max_completion_tokens", "max_tokens", "n_predict")


def expected_tokens(body: Mapping[str, Any]) -> int:
    """About the tokens that a call will count: its prompt, and the answer as far as the caller bounds it."""
    asked = _asked(body)
    return tokens_of_length(length_of_messages(body.get("messages"))) + (0 if asked is None else asked)


def greatest_cost(route: Route, body: Mapping[str, Any], at: dt.datetime) -> tuple[Decimal, str]:
    """The most that a call can cost at the dearest deployment of its route, and the currency; nothing without prices.

    No tokenizer makes more tokens of a text than it has bytes.
    """
    tokens_in, tokens_out = greatest_input(body), greatest_output(route, body)
    dearest, currency = Decimal(0), ""
    for target in route.targets:
        price = target.price_at(at)
        if price is not None:
            added = template_of(target.dialect).added_to(body.get("messages"))
            amount = cost(price, tokens_in + added, tokens_out)
            if amount > dearest or not currency:
                dearest, currency = amount, price.currency
    return dearest, currency


def greatest_input(body: Mapping[str, Any]) -> int:
    """The bytes of everything that becomes prompt, and a bound for each part that is no text."""
    messages = body.get("messages")
    size = sum(len(text.encode("utf-8", "replace")) for text in texts_of(messages))
    size += sum(len(orjson.dumps(body[name])) for name in OF_THE_PROMPT if body.get(name))
    return size + TOKENS_A_PART * _parts(messages)


def greatest_output(route: Route, body: Mapping[str, Any]) -> int:
    """The tokens of the longest answers: what the caller allows, else what the model can."""
    longest = route.max_output_tokens
    asked = _asked(body)
    if asked is None:
        asked = ASSUMED_OUTPUT if longest is None else longest
    elif longest is not None:
        asked = min(asked, longest)
    return asked * (body.get("n") or 1)


def _asked(body: Mapping[str, Any]) -> int | None:
    """The tokens of an answer that the caller allows: of several bounds the greatest, as only the provider knows which
    one it keeps to. None without any, or where one is no count."""
    stated = [body[name] for name in BOUNDS if body.get(name) is not None]
    if not stated or not all(type(value) is int and value >= 0 for value in stated):
        return None
    return min(max(stated), LONGEST)


def _parts(messages: Any) -> int:
    """How many parts of messages are no text."""
    return sum(
        1
        for message in (messages if isinstance(messages, list) else ())
        for part in (message.get("content") if isinstance(message.get("content"), list) else ())
        if not isinstance(part, dict) or part.get("type") != "text"
    )
