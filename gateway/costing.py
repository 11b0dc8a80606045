"""How much a call can use at most, before it is made: what it reserves of budgets and of tokens a minute."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from gateway.asked import BOUNDS, Asked, Weight, is_plain, plainly
from gateway.attachments import TOKENS_A_PART, attached, parts_beside_text
from gateway.counting import ASSUMED_OUTPUT, Template, tokens_of, tokens_of_length
from gateway.providers import provider_of
from gateway.providers.provider import as_json
from gateway.snapshot import Route
from usage.pricing import cost

TURNS = ("messages", "input")  # where the forms have the turns of a conversation
OF_THE_PROMPT = ("tools", "functions", "response_format")
LONGEST = 10_000_000
_BOUNDS = frozenset(BOUNDS)
_SIZED = (str, dict, list)


def weighed(asked: Asked) -> Asked:
    """`asked`, which is heavy, with its weight: finding that takes long, and later all other calls would wait."""
    said = _said(asked)
    weight = Weight(_characters(asked), len(said), tokens_of(said), _beside_text(asked), greatest_input(asked))
    return dataclasses.replace(asked, is_heavy=True, weight=weight)


def expected_tokens(asked: Asked) -> tuple[int, int]:
    """About the tokens that a call will count: of its prompt, and of the answer as far as the caller bounds it."""
    characters = _characters(asked) if asked.weight is None else asked.weight.characters
    return tokens_of_length(characters) + asked.tokens, _bound(asked) or 0


def counted_input(routes: Iterable[Route], asked: Asked) -> int:
    """The tokens of a prompt at the first connected deployment of the routes that may answer it, without asking it."""
    connected = (target for route in routes for target in route.targets if target.is_connected)
    return prompt_tokens(asked, provider_of(next(connected)).template)


def prompt_tokens(asked: Asked, template: Template, *, is_rough: bool = False) -> int:
    """The tokens of a prompt with its tools, as far as they can be told without asking the provider; those of its text
    only by its length where that `is_rough`."""
    if (weight := asked.weight) is None:
        said, beside_text = _said(asked), _beside_text(asked)
        counted = tokens_of_length(len(said)) if is_rough else tokens_of(said)
    else:
        beside_text = weight.beside_text
        counted = tokens_of_length(weight.with_tools) if is_rough else weight.tokens
    return counted + asked.tokens + asked.added_by(template) + TOKENS_A_PART * beside_text


def _said(asked: Asked) -> str:
    text, neutral = _plain(asked), asked.neutral
    tools = [as_json(neutral[name]).decode() for name in OF_THE_PROMPT if neutral.get(name)]
    if text is not None:
        return "\n".join([text, *tools]) if tools else text
    return "\n".join([*asked.texts, *tools])


def _characters(asked: Asked) -> int:
    text = _plain(asked)
    return sum(map(len, asked.texts)) if text is None else len(text) - _breaks(asked)


def _beside_text(asked: Asked) -> int:
    return 0 if _plain(asked) is not None else parts_beside_text(asked.neutral.get("messages"))


def _plain(asked: Asked) -> str | None:
    """The texts of a chat that has nothing but texts (`gateway.asked.plainly`); None for any other prompt."""
    found, messages = asked.found, asked.neutral.get("messages")
    if messages is not found.plain_of:
        found.plain_of = messages
        found.plain = plainly(messages) if isinstance(messages, list) else None
    return found.plain


def _breaks(asked: Asked) -> int:
    """The line breaks between the texts of a plain chat, which are no part of them."""
    return max(0, len(asked.found.plain_of) - 1)


def greatest_cost(routes: Iterable[Route], asked: Asked, at: dt.datetime) -> dict[str, Decimal]:
    """The most that a call can cost at the dearest deployment of the routes that may answer it, in each currency that
    one of them is paid in; nothing without prices."""
    tokens_in = greatest_input(asked)
    dearest: dict[str, Decimal] = {}
    for route in routes:
        tokens_out = greatest_output(route, asked)
        for target in route.targets:
            price = target.price_at(at)
            if price is not None:
                whole = tokens_in + asked.most_added_by(provider_of(target).template)
                is_dearer = (price.cache_write_per_million or 0) > price.input_per_million  # all of it may be written
                amount = cost(price, whole, tokens_out, 0, whole if is_dearer else 0)
                dearest[price.currency] = max(amount, dearest.get(price.currency, amount))
    return dearest


def greatest_input(asked: Asked) -> int:
    """The bytes of all that a request says, whether or not it is known here what a provider makes of it, with a bound
    for each part that is no text.

    Left out is only what no prompt can hold: the route's name, and numbers and switches beside the prompt.
    """
    if asked.weight is not None:
        return asked.weight.greatest_input
    size, text, messages = 0, _plain(asked), asked.found.plain_of
    for name, value in asked.body.items():
        if name == "model" or not isinstance(value, _SIZED):
            continue
        if text is not None and value is messages:
            size += len(text if text.isascii() else text.encode("utf-8", "replace")) - _breaks(asked)
        elif name == "input" and asked.operation == "embeddings":
            size += asked.tokens + sum(map(_size, asked.texts))
        elif name in TURNS and isinstance(value, list):
            size += _size_of_turns(value)
        else:
            size += _size(value)
    return size


def _size_of_turns(turns: list[Any]) -> int:
    size, others = 0, []
    for turn in turns:
        if is_plain(turn):
            size += _size(turn["content"])
        else:
            others.append(turn)
    if others:
        found = attached(others)
        size += _size(others) - found.inlined + found.tokens
    return size


def _size(value: Any) -> int:
    """Bytes: no tokenizer makes more tokens of a text than it has bytes."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "replace"))
    return len(as_json({"": value}))


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
    most, neutral = -1, asked.neutral
    for name in _BOUNDS & neutral.keys():
        if (stated := neutral[name]) is not None:
            if type(stated) is not int or stated < 0:
                return None
            most = max(most, stated)
    return None if most < 0 else min(most, LONGEST)
