"""Build the items of a response from the pieces of a chat completion, and tell each change as an event.

Items come one after the other, as OpenAI tells them; only function calls may go on side by side, and end together.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson

from gateway.forms.responses.logprobs import logprobs_of, told_with_a_delta

type Told = dict[str, Any]


def new_id(kind: str) -> str:
    """An identifier as OpenAI's look."""
    return f"{kind}_{uuid4().hex}"


@dataclass(slots=True)
class Part:
    """A text of an item that grows: `kind` as the API calls it, `name` the field that holds it."""

    kind: str
    item: Told
    place: dict[str, Any]  # where it stands: its item's identifier and index, and its own index
    pieces: list[str] = field(default_factory=list)
    logprobs: list[Told] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "refusal" if self.kind == "refusal" else "text"

    @property
    def events(self) -> str:
        return f"response.{self.kind}"

    def told(self) -> Told:
        """It as it is now."""
        more = {"annotations": [], "logprobs": self.logprobs} if self.kind == "output_text" else {}
        return {"type": self.kind, self.name: "".join(self.pieces)} | more

    def opened(self) -> Told:
        return {"type": "response.content_part.added"} | self.place | {"part": self.told()}

    def grown(self, text: str, logprobs: list[Told]) -> Told:
        self.pieces.append(text)
        self.logprobs += logprobs
        more = {"logprobs": told_with_a_delta(logprobs)} if self.kind == "output_text" else {}
        return {"type": f"{self.events}.delta"} | self.place | {"delta": text} | more

    def closed(self) -> Iterator[Told]:
        told = self.told()
        self.item["content"].append(told)
        more = {"logprobs": told_with_a_delta(self.logprobs)} if self.kind == "output_text" else {}
        yield {"type": f"{self.events}.done"} | self.place | {self.name: told[self.name]} | more
        yield {"type": "response.content_part.done"} | self.place | {"part": told}


@dataclass(slots=True)
class FunctionCall:
    """A call whose arguments grow."""

    item: Told
    place: dict[str, Any]
    pieces: list[str] = field(default_factory=list)

    def grown(self, text: str) -> Told:
        self.pieces.append(text)
        return {"type": "response.function_call_arguments.delta"} | self.place | {"delta": text}

    def closed(self) -> Told:
        self.item["arguments"] = "".join(self.pieces)
        named = {name: self.item[name] for name in ("name", "arguments")}
        return {"type": "response.function_call_arguments.done"} | self.place | named


class Output:
    """The items so far. Every method that returns events has to be read to the end."""

    def __init__(self) -> None:
        self.items: list[Told] = []
        self.finish_reason = ""
        self._part: Part | None = None  # the text that grows, and with it its item
        self._calls: dict[int, FunctionCall] = {}  # by the number that the provider gives them
        self._all_calls: list[FunctionCall] = []

    def take(self, choice: Told) -> Iterator[Told]:
        """A piece of a chat completion, or all of its message, is there."""
        piece = choice.get("delta") or choice.get("message")
        if isinstance(piece, dict):
            logprobs = logprobs_of(choice)
            yield from self._take_texts(piece, logprobs if _can_be_written(logprobs) else [])
            calls = piece.get("tool_calls")
            for place, call in enumerate(calls if isinstance(calls, list) else ()):
                if isinstance(call, dict):
                    yield from self._take_call(call, place)
        if isinstance(reason := choice.get("finish_reason"), str):
            self.finish_reason = reason or self.finish_reason

    def end(self, status: str) -> Iterator[Told]:
        """No more comes; the last item, which may not have been at its end, has `status`."""
        yield from self._close_text(status)
        for call in self._all_calls:
            yield call.closed()
            yield self._item_closed(call.item, call.place, status if call.item is self.items[-1] else "completed")
        self._calls, self._all_calls = {}, []

    def _take_texts(self, piece: Told, logprobs: list[Told]) -> Iterator[Told]:
        thought = piece.get("reasoning_content") or piece.get("reasoning")
        for kind, text in (
            ("reasoning_text", thought), ("output_text", piece.get("content")), ("refusal", piece.get("refusal")),
        ):  # fmt: skip
            if text and isinstance(text, str):
                yield from self._grow(kind, text, logprobs if kind == "output_text" else [])

    def _grow(self, kind: str, text: str, logprobs: list[Told]) -> Iterator[Told]:
        if self._part is None or self._part.kind != kind:
            yield from self._open_text(kind)
        assert self._part is not None  # noqa: S101  (it was just opened)
        yield self._part.grown(text, logprobs)

    def _open_text(self, kind: str) -> Iterator[Told]:
        """Text and refusal are parts of one message, reasoning is an item of its own."""
        goes_on = self._part is not None and "reasoning_text" not in (kind, self._part.kind)
        if goes_on and self._part is not None:
            item, place = self._part.item, self._part.place
            yield from self._part.closed()
        else:
            yield from self._close_text("completed")
            item = _reasoning() if kind == "reasoning_text" else _message()
            place = yield from self._open(item)
        self._part = Part(kind, item, place | {"content_index": len(item["content"])})
        yield self._part.opened()

    def _open(self, item: Told) -> Generator[Told, None, Told]:
        """Returns its place."""
        self.items.append(item)
        yield {"type": "response.output_item.added", "output_index": len(self.items) - 1, "item": item}
        return {"item_id": item["id"], "output_index": len(self.items) - 1}

    def _close_text(self, status: str) -> Iterator[Told]:
        if self._part is not None:
            yield from self._part.closed()
            yield self._item_closed(self._part.item, self._part.place, status)
            self._part = None

    def _item_closed(self, item: Told, place: Told, status: str) -> Told:
        item["status"] = status
        return {"type": "response.output_item.done", "output_index": place["output_index"], "item": item}

    def _take_call(self, told: Told, place: int) -> Iterator[Told]:
        index = told["index"] if isinstance(told.get("index"), int) else place
        function = told["function"] if isinstance(told.get("function"), dict) else {}
        name, call = function.get("name"), self._calls.get(index)
        if call is None or (told.get("id") and name and told["id"] != call.item["call_id"]):
            yield from self._close_text("completed")
            item = _function_call(told.get("id"), name)
            call = FunctionCall(item, (yield from self._open(item)))
            self._calls[index] = call
            self._all_calls.append(call)
        call.item["name"] = call.item["name"] or (name if isinstance(name, str) else "")
        kept = told.get("extra_content")  # what its provider wants back with the result
        if kept is not None and _can_be_written(kept):
            call.item["extra_content"] = kept
        if (text := function.get("arguments")) and isinstance(text, str):
            yield call.grown(text)


def _can_be_written(told: Any) -> bool:
    """Whether an event that has `told` in it is not nested too deep: `orjson` reads deeper than it writes."""
    try:
        orjson.dumps([[[[[[[told]]]]]]])
    except orjson.JSONEncodeError:
        return False
    return True


def _message() -> Told:
    return {"id": new_id("msg"), "type": "message", "status": "in_progress", "role": "assistant", "content": []}


def _reasoning() -> Told:
    return {"id": new_id("rs"), "type": "reasoning", "status": "in_progress", "summary": [], "content": []}


def _function_call(call_id: Any, name: Any) -> Told:
    return {
        "id": new_id("fc"),
        "type": "function_call",
        "status": "in_progress",
        "call_id": call_id if isinstance(call_id, str) and call_id else new_id("call"),
        "name": name if isinstance(name, str) else "",
        "arguments": "",
    }
