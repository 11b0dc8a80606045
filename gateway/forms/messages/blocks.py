"""The content blocks of a stream in Anthropic's form: one after the other, each begun, added to and ended."""

from __future__ import annotations

import re
import uuid
from typing import Any

import orjson

Told = dict[str, Any]

_MARKS = re.compile(r'\\.?|["{}\[\]]', re.DOTALL)  # what is escaped goes with its backslash
_STEPS = {"{": 1, "[": 1, "}": -1, "]": -1}


class _Json:
    """JSON that comes in pieces, each of which is looked at once."""

    def __init__(self) -> None:
        self.is_whole = False  # an object was closed, after which nothing can follow
        self._depth = 0
        self._is_text = self._is_escaped = False

    def take(self, piece: str) -> None:
        marks = _MARKS.findall(piece, 1 if self._is_escaped else 0)
        self._is_escaped = (self._is_escaped and not piece) or marks[-1:] == ["\\"]
        for mark in marks:
            if mark == '"':
                self._is_text = not self._is_text
            elif not self._is_text and mark in _STEPS:
                self._depth += _STEPS[mark]
                self.is_whole = self.is_whole or (mark == "}" and self._depth == 0)


class _Tool:
    """A call of a tool, of which a part may have come and not been sent."""

    def __init__(self) -> None:
        self.id = self.name = ""
        self.waiting: list[str] = []
        self.is_begun = False
        self._arguments = _Json()

    def take(self, call: Told, function: Told) -> None:
        self.id, self.name = self.id or str(call.get("id") or ""), self.name or str(function.get("name") or "")
        if piece := str(function.get("arguments") or ""):
            self._arguments.take(piece)
            self.waiting.append(piece)

    @property
    def is_whole(self) -> bool:
        """Nothing can follow an object that is complete."""
        return self._arguments.is_whole


class Blocks:
    """Says what comes of an answer as events of blocks.

    A chat completion numbers its calls of tools, so that their pieces may come mixed up; of the calls that are not
    finished only the first is sent, the others wait for it.
    """

    def __init__(self) -> None:
        self._index = -1
        self._open = ""  # the type of the block that is begun
        self._tools: list[_Tool] = []  # those not ended, in the order in which they came
        self._numbered: dict[Any, _Tool] = {}  # the latest with each number

    def text(self, text: str) -> list[Told]:
        return [*self._begun("text", text=""), self._delta({"type": "text_delta", "text": text})]

    def thought(self, text: str) -> list[Told]:
        begun = self._begun("thinking", thinking="", signature="")
        return [*begun, self._delta({"type": "thinking_delta", "thinking": text})]

    def tool(self, call: Told) -> list[Told]:
        """A piece of a chat completion's tool call."""
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        self._tool(call, function).take(call, function)
        return self._send(is_last=False)

    def close(self) -> list[Told]:
        """End whatever is open."""
        return [*self._send(is_last=True), *self._ended()]

    def _tool(self, call: Told, function: Told) -> _Tool:
        """The one that a piece belongs to: by its number, unless it begins another, as some number all of them 0."""
        number = call.get("index") if isinstance(call.get("index"), int) else None
        tool = self._numbered.get(number)
        is_other = tool is None or (call.get("id") and tool.id not in ("", call["id"]))
        if tool is None or is_other or (function.get("name") and not call.get("id") and tool.is_whole):
            tool = self._numbered[number] = _Tool()
            self._tools.append(tool)
        return tool

    def _send(self, *, is_last: bool) -> list[Told]:
        told: list[Told] = []
        while self._tools:
            tool = self._tools[0]
            if tool.name or is_last:
                told += self._sent(tool)
            if not is_last and not (tool.is_begun and len(self._tools) > 1 and tool.is_whole):
                break
            del self._tools[0]
            told += self._ended()
        return told

    def _sent(self, tool: _Tool) -> list[Told]:
        told: list[Told] = []
        if not tool.is_begun:
            tool.is_begun = True
            told += self._ended()
            told.append(self._start("tool_use", id=tool.id or new_id(), name=tool.name, input={}))
        if tool.waiting:
            told.append(self._delta({"type": "input_json_delta", "partial_json": "".join(tool.waiting)}))
            tool.waiting = []
        return told

    def _begun(self, kind: str, **content: Any) -> list[Told]:
        """Begin a block of `kind`, unless it is the one that is open."""
        return [] if kind == self._open else [*self.close(), self._start(kind, **content)]

    def _start(self, kind: str, **content: Any) -> Told:
        self._index, self._open = self._index + 1, kind
        return {"type": "content_block_start", "index": self._index, "content_block": {"type": kind, **content}}

    def _ended(self) -> list[Told]:
        was_open, self._open = self._open, ""
        return [{"type": "content_block_stop", "index": self._index}] if was_open else []

    def _delta(self, delta: Told) -> Told:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}


def new_id() -> str:
    """For a call of a tool that came without one: what answers it has to name it."""
    return f"toolu_{uuid.uuid4().hex}"


def finished_input(arguments: str) -> dict[str, Any]:
    """The arguments of a finished call as an object; what is none that can be written is kept as a text in one."""
    if not arguments.strip():
        return {}
    try:
        parsed = orjson.loads(arguments)
        orjson.dumps({"message": {"content": [{"input": parsed}]}})
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # it reads deeper than it writes
        return {"arguments": arguments}
    return parsed if isinstance(parsed, dict) else {"arguments": arguments}
