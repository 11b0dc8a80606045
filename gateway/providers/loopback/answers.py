"""What a loopback answers, in OpenAI's form, and when each piece of it is there."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from hashlib import shake_256
from itertools import cycle, islice
from typing import Any
from uuid import uuid4

import orjson

from catalog.loopback import LABEL
from catalog.tokenizing import tokenizer
from gateway.counting import SAMPLE, USUAL, texts_of, tokens_of
from gateway.prompting.messages import SYSTEM, text_of
from gateway.providers.loopback.manner import How
from gateway.providers.loopback.turns import Turn
from gateway.providers.parts import bound_of, inside, tools_of
from gateway.stop import Stop
from gateway.upstream import Dropped, TooSlow

WORDS = (  # a token each
    "This", "answer", "was", "made", "by", "the", "gateway", "and", "no", "model", "has", "thought", "about", "it",
)  # fmt: skip
DIMENSIONS = 256  # of a vector, where none are asked for
MOST_DIMENSIONS = 4096


class Made:
    """An answer of this process: pieces of its body, the first `after_s`, each other `s_apart` after the one before;
    with `drops_after` it breaks off after so many."""

    def __init__(
        self, status: int, kind: str, pieces: Iterable[bytes], *, after_s: float = 0, s_apart: float = 0,
        drops_after: int | None = None,
    ) -> None:  # fmt: skip
        self.status = status
        self.headers: Mapping[str, str] = {"content-type": kind} | ({"retry-after": "1"} if status == 429 else {})
        self._pieces: Iterator[bytes] = iter(pieces)
        self._next: bytes | None = next(self._pieces, None)
        self._s_apart, self._due = s_apart, time.monotonic() + after_s
        self._left = drops_after

    @property
    def is_read(self) -> bool:
        return self._next is None and self._left != 0

    async def read(self, timeout_s: float, stop: Stop) -> bytes:
        """What is due by now, waiting for something; empty at its end. Raises `TooSlow`, `Dropped` and `Stopped`."""
        stop.check()
        wait_s = self._due - time.monotonic()
        if self._next is not None and wait_s > timeout_s:
            await stop.pause(timeout_s)
            raise TooSlow(f"nothing came for {timeout_s:g} s")
        if self._next is not None and wait_s > 0:
            await stop.pause(wait_s)
        due, now = [], time.monotonic()
        while self._next is not None and self._due <= now:
            if self._left is not None:
                if self._left == 0:
                    break
                self._left -= 1
            due.append(self._next)
            self._next = next(self._pieces, None)
            self._due += self._s_apart
        if not due and self._left == 0:
            raise Dropped("the connection was closed in the middle of the answer")
        return b"".join(due)

    def abort(self) -> None:
        """Nobody reads on: nothing more is made."""
        self._next = None


def answer_to(operation: str, body: dict[str, Any], how: How, turn: Turn) -> Made:
    """The answer to a request."""
    if turn in ("fail", "busy"):
        said = {"error": {"message": f"{LABEL}: this call was to {turn}", "type": turn, "code": turn}}
        return Made(500 if turn == "fail" else 429, "application/json", [orjson.dumps(said)])
    at_once = 0 if turn == "drop" else None
    if operation == "embeddings":
        return Made(200, "application/json", [orjson.dumps(_embeddings(body))], drops_after=at_once)
    texts = _said(body, how)
    bound = bound_of(body)
    pieces = texts if bound is None else texts[:bound]
    finish = "stop" if len(pieces) == len(texts) else "length"
    s_apart = 1 / how.tps if how.tps else 0.0
    named = {"id": f"chatcmpl-{uuid4().hex}", "created": int(time.time()), "model": body["model"],
             "system_fingerprint": LABEL}  # fmt: skip
    usage = _usage(body, len(pieces))
    if (call := _call(body)) is not None:
        pieces, finish, usage = [], "tool_calls", _usage(body, tokens_of(call["function"]["name"]) + 1)
    if not body.get("stream"):
        message = {"role": "assistant", "content": "".join(pieces)} | ({"tool_calls": [call]} if call else {})
        choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
        whole = orjson.dumps({**named, "object": "chat.completion", "choices": [choice], "usage": usage})
        last_s = len(pieces) * s_apart  # it comes when the last of its tokens would have
        return Made(200, "application/json", [whole], after_s=last_s, drops_after=at_once)
    events = _events(named, pieces, call, finish, usage)
    half = None if at_once is None else (len(pieces) + 1) // 2
    return Made(200, "text/event-stream", events, s_apart=s_apart, drops_after=half)


def _said(body: dict[str, Any], how: How) -> list[str]:
    """The answer, a token a piece: so many words, or the question again."""
    if how.tokens:
        words = islice(cycle(WORDS), int(how.tokens))
        return [word if place == 0 else f" {word}" for place, word in enumerate(words)]
    asked = [text_of(each) for each in body["messages"] if each["role"] not in SYSTEM]
    return list(_tokens(asked[-1] if asked else "")) or ["…"]


def _tokens(text: str) -> Iterator[str]:
    """A text, cut where its tokens end; several that make one sign together leave empty ones behind."""
    sample = text[:SAMPLE].encode("utf-8", "replace").decode()
    begins = 0
    for _, ends in tokenizer().encode(sample, add_special_tokens=False).offsets:
        yield sample[begins:ends]
        begins = max(begins, ends)


def _call(body: dict[str, Any]) -> dict[str, Any] | None:
    """A call of the tool that has to be called, without arguments; None where none has to be."""
    choice, offered = body.get("tool_choice"), tools_of(body)
    name = inside(choice, "function", "name") or (offered[0].get("name") if choice == "required" and offered else None)
    if not isinstance(name, str):
        return None
    return {"id": f"call_{uuid4().hex[:24]}", "type": "function", "function": {"name": name, "arguments": "{}"}}


def _events(
    named: dict[str, Any], pieces: list[str], call: dict[str, Any] | None, finish: str, usage: dict[str, Any]
) -> Iterator[bytes]:
    """A stream: its beginning with the first token, one event for each other, and its end."""
    chunk = {**named, "object": "chat.completion.chunk"}
    for place, text in enumerate(pieces):
        delta = {"role": "assistant", "content": text} if place == 0 else {"content": text}
        yield _event(chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    if call is not None:
        called = {"role": "assistant", "content": None, "tool_calls": [{"index": 0, **call}]}
        yield _event(chunk | {"choices": [{"index": 0, "delta": called, "finish_reason": None}]})
    end = _event(chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    yield end + _event(chunk | {"choices": [], "usage": usage}) + b"data: [DONE]\n\n"


def _event(told: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(told) + b"\n\n"


def _usage(body: dict[str, Any], tokens_out: int) -> dict[str, Any]:
    """What was really asked and said, by the gateway's own tokenizer."""
    tokens_in = tokens_of("\n".join(texts_of(body["messages"]))) + USUAL.added_to(body["messages"])
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """A vector of length 1 for each text, always the same for the same one."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    asked = body.get("dimensions")
    dimensions = min(asked, MOST_DIMENSIONS) if type(asked) is int and asked > 0 else DIMENSIONS
    tokens = sum(map(tokens_of, texts))
    data = [{"object": "embedding", "index": place, "embedding": _vector(text, dimensions)}
            for place, text in enumerate(texts)]  # fmt: skip
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "model": body["model"], "data": data, "usage": usage}


def _vector(text: str, dimensions: int) -> list[float]:
    numbers = [byte - 127.5 for byte in shake_256(text.encode("utf-8", "replace")).digest(dimensions)]
    length = math.sqrt(sum(number * number for number in numbers))
    return [number / length for number in numbers]
