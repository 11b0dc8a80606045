"""How much a call can use at most, before it is made: what it reserves of budgets and of tokens a minute."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import orjson

from gateway.asked import Asked
from gateway.counting import tokens_of_length
from gateway.providers import provider_of
from gateway.providers.parts import BOUNDS
from gateway.snapshot import Route
from usage.pricing import cost

ASSUMED_OUTPUT = 4096  # of a model whose longest answer nobody has stated
TOKENS_A_PART = 2000  # an image, a file: more than any provider counts for one of usual size
OF_THE_PROMPT = ("tools", "functions", "response_format")
LONGEST = 10_000_000


def expected_tokens(asked: Asked) -> int:
    """About the tokens that a call will count: its prompt, and the answer as far as the caller bounds it."""
    return tokens_of_length(sum(map(len, asked.texts))) + asked.tokens + (_bound(asked) or 0)


def greatest_cost(route: Route, asked: Asked, at: dt.datetime) -> tuple[Decimal, str]:
    """The most that a call can cost at the dearest deployment of its route, and the currency; nothing without prices.

    No tokenizer makes more tokens of a text than it has bytes.
    """
    tokens_in, tokens_out = greatest_input(asked), greatest_output(route, asked)
    dearest, currency = Decimal(0), ""
    for target in route.targets:
        price = target.price_at(at)
        if price is not None:
            amount = cost(price, tokens_in + asked.added_by(provider_of(target).template), tokens_out)
            if amount > dearest or not currency:
                dearest, currency = amount, price.currency
    return dearest, currency


def greatest_input(asked: Asked) -> int:
    """The bytes of everything that becomes prompt, and a bound for each part that is no text."""
    size = sum(len(text.encode("utf-8", "replace")) for text in asked.texts) + asked.tokens
    size += sum(len(orjson.dumps(asked.neutral[name])) for name in OF_THE_PROMPT if asked.neutral.get(name))
    return size + TOKENS_A_PART * _parts(asked.neutral.get("messages"))


def greatest_output(route: Route, asked: Asked) -> int:
    """The tokens of the longest answers: what the caller allows, else what the model can."""
    if asked.operation == "embeddings":
        return 0
    longest = route.max_output_tokens
    bound = _bound(asked)
    if bound is None:
        bound = ASSUMED_OUTPUT if longest is None else longest
    elif longest is not None:
        bound = min(bound, longest)
    return bound * asked.answers


def _bound(asked: Asked) -> int | None:
    """The tokens of an answer that the caller allows: of several bounds the greatest, as only the provider knows which
    one it keeps to. None without any, or where one is no count."""
    body = asked.neutral
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
