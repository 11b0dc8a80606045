"""How much a request may hold: counted before it is parsed, and no other call waits long for one that holds much."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx
import orjson
import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from catalog.models import Route
from gateway import extent
from gateway.extent import TooMuchInIt, check_extent
from tests.gateway.conftest import HELLO, kept
from tests.gateway.provider import Provider

MOST_OBJECTS, MOST_TEXTS, MOST_VALUES = 100_000, 500_000, 1_500_000
ODD = st.text(alphabet='ab"\\{}[],:é\n', max_size=12)
VALUES = st.recursive(
    ODD | st.integers(-(2**63), 2**63 - 1) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(ODD, inner, max_size=5),
    max_leaves=40,
)


def counted(value: Any) -> tuple[int, int]:
    """Objects and lists, and texts with names, as they are when it was parsed."""
    if isinstance(value, str):
        return 0, 1
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    below = [counted(each) for each in inner]
    names = len(value) if isinstance(value, dict) else 0
    return isinstance(value, list | dict) + sum(a for a, _ in below), names + sum(b for _, b in below)


@given(value=VALUES, spaced=st.booleans(), piece=st.integers(1, 9))
def test_what_stands_in_texts_does_not_count_and_all_else_does(value: Any, piece: int, *, spaced: bool) -> None:
    body = json.dumps(value, indent=2).encode() if spaced else orjson.dumps(value)
    containers, strings = counted(orjson.loads(body))
    bounds = {"GATEWAY_MOST_OBJECTS": containers, "GATEWAY_MOST_TEXTS": strings}
    with pytest.MonkeyPatch.context() as patched, override_settings(**bounds):
        patched.setattr(extent, "PIECE", piece)
        check_extent(body)
        for name, most in bounds.items():
            if most:
                with override_settings(**{name: most - 1}), pytest.raises(TooMuchInIt):
                    check_extent(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[" + b"[]," * MOST_OBJECTS + b"[]]", "objects and lists"),
        (b'{"a":' * (MOST_OBJECTS + 1), "objects and lists"),
        (b"[" + b'"",' * MOST_TEXTS + b'""]', "texts"),
        (b"[" + b'"\\\\",' * MOST_TEXTS + b'""]', "texts"),
        (b"[" + b"1," * MOST_VALUES + b"1]", "values"),
    ],
)
def test_more_than_is_read_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(TooMuchInIt, match=said):
        check_extent(body)


@pytest.mark.parametrize(
    "value",
    [
        "a, b {c} [d] \"e\" \\ " * 100_000, [1] * (MOST_VALUES - 1), ["a"] * (MOST_TEXTS - 1),
        [{}] * (MOST_OBJECTS - 1),
    ],
    ids=["a long text", "numbers", "texts", "objects"],
)  # fmt: skip
def test_as_much_as_that_is_read(value: Any) -> None:
    check_extent(orjson.dumps(value))


CACHED = {"type": "text", "text": "x" * 20, "cache_control": {"type": "ephemeral"}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    "body",
    [
        [{"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "content": [CACHED]}] * 5_000,
        [{"role": "user", "content": [CACHED, CACHED]}] * 5_001,
        [[17_000] * 245] * 2_048,
    ],
    ids=["an agent's turns", "parts that are cached", "tokens to embed"],
)
def test_long_conversations_and_large_embeddings_are_read(body: Any) -> None:
    check_extent(orjson.dumps(body))


def test_how_much_may_be_in_it_can_be_set(client: httpx.Client, route: Route, settings: Settings) -> None:
    settings.GATEWAY_MOST_OBJECTS = 10
    body = {"model": "echo-model", "messages": HELLO * 20, "max_tokens": 5}
    assert client.post("/v1/chat/completions", json=body).json()["error"]["code"] == "request_holds_too_much"


def test_nineteen_megabytes_of_small_messages_are_refused_and_others_hardly_wait(client: httpx.Client) -> None:
    small = orjson.dumps({"role": "user", "content": "x"})
    body = b'{"model":"echo-model","messages":[' + b",".join([small] * 640_000) + b"]}"
    assert 18_000_000 < len(body) < 20_000_000
    answer, waited = _beside(client, lambda: client.post("/v1/chat/completions", content=body))
    assert answer.status_code == 413 and answer.json()["error"]["code"] == "request_holds_too_much"
    assert max(waited) < 0.5  # it was seconds; a quiet machine has some 40 ms


def test_ten_thousand_messages_are_answered(client: httpx.Client, provider: Provider) -> None:
    messages = [{"role": "user" if place % 2 == 0 else "assistant", "content": "x" * 30} for place in range(10_001)]
    body = {"model": "echo-model", "messages": messages, "max_tokens": 5}
    for path in ("/v1/chat/completions", "/v1/messages"):
        answer, waited = _beside(client, lambda at=path: client.post(at, json=body))
        assert answer.status_code == 200, answer.text
        assert max(waited) < 0.5
    assert len(provider.exchanges[-1].body["messages"]) == 10_001
    kept(2)


def _beside(client: httpx.Client, work: Any) -> tuple[Any, list[float]]:
    """What `work` answers, and how long each of the small requests took that were made meanwhile."""
    waited, is_over = [], threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=20) as other:
            while not is_over.is_set():
                began = time.monotonic()
                assert other.get("/v1/models").status_code == 200
                waited.append(time.monotonic() - began)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        return work(), waited
    finally:
        is_over.set()
        asking.join()
