"""The items of a stored conversation: what each response was asked and answered, one after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.forms.responses.items import says_nothing

type Item = dict[str, Any]

PREFIXES = {"function_call": "fc", "function_call_output": "fco", "reasoning": "rs"}


@dataclass(frozen=True, slots=True)
class Turn:
    """One stored response: what its client `asked`, without the conversation before it, and the `response` as told."""

    call: UUID
    asked: dict[str, Any]
    response: dict[str, Any]


def given_in(asked: dict[str, Any]) -> list[Item]:
    """The input of a request as items; of a text the one that it stands for."""
    given = asked.get("input")
    return [{"role": "user", "content": given}] if isinstance(given, str) else list(given or ())


def goes_on(turns: Iterable[Turn], body: dict[str, Any]) -> dict[str, Any]:
    """The request `body` with the conversation of `turns`, from its beginning, in front of its own input. What a
    response was told with `instructions` is not a part of it (OpenAI, "Conversation state")."""
    before = [item for turn in turns for item in (*given_in(turn.asked), *_told(turn.response))]
    rest = {name: value for name, value in body.items() if name != "previous_response_id"}
    return rest | {"input": before + given_in(body)}


def listed(turns: list[Turn]) -> list[Item]:
    """The items that the last of `turns` was answered to, in their order, each with an identifier that no other has:
    its own, else one that is the same each time."""
    items: list[Item] = []
    known: set[str] = set()
    for turn in turns:
        given = given_in(turn.asked)
        told = turn.response.get("output") if turn is not turns[-1] else None
        for place, item in enumerate([*given, *(told or ())]):
            items.append(_identified(turn.call, place, item, known, is_given=place < len(given)))
    return items


def _told(response: dict[str, Any]) -> Iterator[Item]:
    """What a model may be told again of its answer: all of it but thoughts that nobody wrote down, which a provider
    that did not keep them refuses."""
    for item in response.get("output") or ():
        if not (item.get("type") == "reasoning" and says_nothing(item)):
            yield item


def _identified(call: UUID, place: int, item: Item, known: set[str], *, is_given: bool) -> Item:
    """The item at a `place` of a call, with an identifier that is not `known` yet, and is then."""
    kind = item.get("type") or "message"
    told = item | {"type": kind}
    if kind == "message" and is_given:
        if isinstance(item.get("content"), str):
            text = "output_text" if item.get("role") == "assistant" else "input_text"
            annotated: Item = {"annotations": []} if text == "output_text" else {}
            told["content"] = [{"type": text, "text": item["content"], **annotated}]
        told.setdefault("status", "completed")
    name = item.get("id")
    if not isinstance(name, str) or not name or name in known:
        name = f"{PREFIXES.get(str(kind), 'msg')}_{hashlib.sha256(call.bytes + place.to_bytes(4)).hexdigest()[:48]}"
    told["id"] = name
    known.add(name)
    return told
