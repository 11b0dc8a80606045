"""`/v1/embeddings`: vectors of texts or token numbers, as the provider gives them, and what they use."""

from __future__ import annotations

import base64
import json
import struct
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest

from catalog.models import Route
from gateway.costing import expected_tokens, greatest_input, greatest_output
from gateway.forms.embeddings import EMBEDDINGS
from gateway.snapshot import Route as RouteFacts
from tests.gateway.behaviours import answers
from tests.gateway.conftest import kept
from tests.gateway.dialects import speaks
from tests.gateway.provider import Body, Exchange, Provider
from tests.gateway.test_refusals import refused

ASKED: Body = {"model": "echo-model", "input": "Say something."}
PATH = "/v1/embeddings"
VECTOR = [0.5, -0.25, 1.0]


async def embeds(exchange: Exchange) -> None:
    """One vector for each input, in the encoding that was asked for, as OpenAI gives them."""
    given = exchange.body["input"]
    inputs = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
    packed = base64.b64encode(struct.pack("<3f", *VECTOR)).decode()
    vector = packed if exchange.body.get("encoding_format") == "base64" else VECTOR
    rows = [{"object": "embedding", "index": place, "embedding": vector} for place in range(len(inputs))]
    used = {"prompt_tokens": 4 * len(inputs), "total_tokens": 4 * len(inputs)}
    told = {"object": "list", "data": rows, "model": "upstream-name", "usage": used, "zzz": [1.5]}
    await exchange.whole(200, json.dumps(told, indent=1).encode())


@pytest.fixture
def vectors(provider: Provider) -> Provider:
    provider.behaves(embeds)
    return provider


def test_the_openai_client_gets_vectors(vectors: Provider, sdk: openai.OpenAI) -> None:
    answer = sdk.embeddings.create(model="echo-model", input=["one", "two"], dimensions=3)
    assert [(row.index, row.embedding) for row in answer.data] == [(0, VECTOR), (1, VECTOR)]
    sent = vectors.exchanges[0]
    assert sent.path == PATH and (sent.body["input"], sent.body["dimensions"]) == (["one", "two"], 3)
    assert sent.body["encoding_format"] == "base64", "what the client asks for by itself"
    made = kept().get()
    assert (made.outcome, made.status, made.is_streamed, made.usage_source) == ("ok", 200, False, "provider")
    assert (made.input_tokens, made.output_tokens, made.cost) == (8, 0, Decimal("0.000008"))
    assert made.finish_reason == ""


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_the_encoding_is_the_callers_choice(vectors: Provider, sdk: openai.OpenAI, encoding: Any) -> None:
    vector = sdk.embeddings.create(model="echo-model", input="one", encoding_format=encoding).data[0].embedding
    told = vector if encoding == "float" else list(struct.unpack("<3f", base64.b64decode(str(vector))))
    assert told == VECTOR


@pytest.mark.parametrize("given", ["one", ["one", "two"], [5, 6, 7], [[5, 6], [7]]])
def test_texts_and_token_numbers_go_as_they_came(vectors: Provider, client: httpx.Client, given: Any) -> None:
    asked = ASKED | {"input": given, "user": "u-1", "zzz": {"é": [1.5]}}
    answer = client.post(PATH, json=asked)
    assert answer.status_code == 200 and vectors.exchanges[0].body == asked
    assert b'"zzz": [\n  1.5\n ]' in answer.content, "and the answer as it was written"
    assert Decimal(answer.headers["x-atrium-cost"]) > 0


@pytest.mark.parametrize(("given", "least", "most"), [([5, 6, 7], 3, 3), ([[5, 6], [7]], 3, 3), ("one two", 2, 3)])
def test_without_usage_the_input_is_counted(
    client: httpx.Client, provider: Provider, given: Any, least: int, most: int
) -> None:
    told = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": VECTOR}], "model": "m"}
    provider.behaves(answers(200, json.dumps(told).encode()))
    assert client.post(PATH, json=ASKED | {"input": given}).status_code == 200
    made = kept().get()
    assert (made.usage_source, made.output_tokens) == ("counted", 0) and least <= made.input_tokens <= most


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": [""]}, "input"),
        ({"input": ["a", 7]}, "input"),
        ({"input": [7, "a"]}, "input"),
        ({"input": [[7], "a"]}, "input"),
        ({"input": [[]]}, "input"),
        ({"input": [-1]}, "input"),
        ({"input": [True]}, "input"),
        ({"input": {"text": "a"}}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"stream": True}, "stream"),
    ],
)
def test_what_cannot_be_understood_is_named(client: httpx.Client, provider: Provider, asked: Body, param: str) -> None:
    refused(client.post(PATH, json=ASKED | asked), 400, "invalid_request", param=param)
    assert not provider.exchanges


@pytest.mark.parametrize(
    ("status", "content", "told", "code"),
    [
        (429, {"error": {"message": "slow down"}}, 429, "provider_busy"),
        (200, {"error": {"message": "overloaded"}}, 502, "provider_failed"),
        (200, {"object": "list"}, 502, "provider_malformed"),
        (400, {"error": {"message": "too long"}}, 400, "provider_rejected_request"),
    ],
)
def test_what_goes_wrong_has_a_status_of_its_own(
    client: httpx.Client, provider: Provider, status: int, content: Body, told: int, code: str
) -> None:
    provider.behaves(answers(status, json.dumps(content).encode()))
    refused(client.post(PATH, json=ASKED), told, code)
    made = kept().get()
    assert (made.outcome, made.status, made.error_code, made.input_tokens) == ("failed", told, code, 0)


@pytest.fixture
def gemini(route: Route, provider: Provider) -> Provider:
    speaks("gemini")
    told = {"embeddings": [{"values": VECTOR}]}
    provider.behaves(answers(200, json.dumps(told).encode()))
    return provider


def test_who_takes_texts_alone_is_sent_no_token_numbers(
    gemini: Provider, sdk: openai.OpenAI, client: httpx.Client
) -> None:
    assert sdk.embeddings.create(model="echo-model", input="one").data[0].embedding == VECTOR
    message = refused(client.post(PATH, json=ASKED | {"input": [5, 6, 7]}), 400, "invalid_request")
    assert "no token numbers" in message and len(gemini.exchanges) == 1


@pytest.mark.parametrize(
    ("given", "expected", "greatest"),
    [("12345678", 2, 8), (["1234", "é"], 2, 6), ([1, 2, 3], 3, 3), ([[1], [2]], 2, 2)],
)
def test_what_is_reserved_is_the_input_alone(given: Any, expected: int, greatest: int) -> None:
    asked = EMBEDDINGS.read(ASKED | {"input": given, "max_tokens": None})
    assert (expected_tokens(asked), greatest_input(asked)) == ((expected, 0), greatest)
    assert greatest_output(RouteFacts("echo-model", "m", "/", True, None), asked) == 0  # type: ignore[arg-type]
