"""Every kind of provider can be connected, and a call of any client goes to it and comes back metered."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from catalog import dialects
from gateway.providers import known
from gateway.runtime import current_snapshot
from tests.cast import Cast
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.dialects import speaks
from tests.gateway.provider import Exchange, Provider
from tests.gateway.providers.test_bedrock import frame
from tests.gateway.responding import events_of
from usage.bodies.keeping import Keeping
from usage.bodies.setting import set_retention
from usage.limits.places import of_environment

TEXT = "Well, this is it."


def test_each_kind_says_how_it_is_connected() -> None:
    offered = {each.name: each for each in dialects.offered()}
    assert set(offered) == set(known()) - {"local"} and next(iter(offered)) == dialects.COMPATIBLE
    for name, each in offered.items():
        inside = each.inside is not None
        assert each.words and each.credential and each.example.startswith("loopback:" if inside else "https://"), name
        listing = each.listing(each.example, "secret-x")
        host = "/".join(each.example.split("/")[:3])
        assert listing is None or (listing.url.startswith(host) and "secret-x" in str(listing.headers)), name
    assert len({each.words for each in offered.values()}) == len(offered)
    assert dialects.usual_for("google") == "gemini" and dialects.usual_for("groq") == dialects.COMPATIBLE


def becomes(kind: str) -> None:
    """The provider is of this kind, and the gateway knows it."""
    speaks(kind)
    eventually(lambda: (held := current_snapshot()) and held.routes["echo-model"].targets[0].dialect == kind)


async def gemini(exchange: Exchange) -> None:
    used = {"promptTokenCount": 11, "candidatesTokenCount": 5}
    told = {"candidates": [{"content": {"parts": [{"text": TEXT}]}, "finishReason": "STOP"}], "usageMetadata": used}
    if "stream" not in exchange.path:
        await exchange.whole(200, json.dumps(told).encode())
        return
    await exchange.head(kind="text/event-stream")
    await exchange.event({"candidates": [{"content": {"parts": [{"text": TEXT[:4]}]}}]})
    await exchange.event(told | {"candidates": [{"content": {"parts": [{"text": TEXT[4:]}]}, "finishReason": "STOP"}]})
    await exchange.end()


async def bedrock(exchange: Exchange) -> None:
    used = {"usage": {"inputTokens": 11, "outputTokens": 5}}
    if "stream" not in exchange.path:
        message = {"role": "assistant", "content": [{"text": TEXT}]}
        await exchange.whole(
            200, json.dumps({"output": {"message": message}, "stopReason": "end_turn"} | used).encode()
        )
        return
    await exchange.head(kind="application/vnd.amazon.eventstream")
    await exchange.piece(frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": TEXT[:4]}}))
    await exchange.piece(frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": TEXT[4:]}}))
    await exchange.piece(frame("messageStop", {"stopReason": "end_turn"}) + frame("metadata", used))
    await exchange.end()


async def mistral(exchange: Exchange) -> None:
    used = {"usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}}
    if not exchange.body.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}
        await exchange.whole(200, json.dumps({"id": "m", "choices": [choice]} | used).encode())
        return
    await exchange.head(kind="text/event-stream")
    await exchange.event({"id": "m", "choices": [{"index": 0, "delta": {"content": TEXT[:4]}}]})
    last = {"index": 0, "delta": {"content": TEXT[4:]}, "finish_reason": "stop"}
    await exchange.event({"id": "m", "choices": [last]} | used)
    await exchange.event(b"[DONE]")
    await exchange.end()


async def cohere(exchange: Exchange) -> None:
    used = {"usage": {"billed_units": {"input_tokens": 11, "output_tokens": 5}}}
    if not exchange.body.get("stream"):
        message = {"role": "assistant", "content": [{"type": "text", "text": TEXT}]}
        told = {"id": "c", "message": message, "finish_reason": "COMPLETE"} | used
        await exchange.whole(200, json.dumps(told).encode())
        return
    await exchange.head(kind="text/event-stream")
    for kind, delta in (
        ("message-start", {"message": {"role": "assistant"}}),
        ("content-delta", {"message": {"content": {"text": TEXT[:4]}}}),
        ("content-delta", {"message": {"content": {"text": TEXT[4:]}}}),
        ("message-end", {"finish_reason": "COMPLETE"} | used),
    ):
        await exchange.event({"type": kind, "delta": delta}, kind)
    await exchange.end()


BEHAVIOURS = {"gemini": gemini, "vertex": gemini, "bedrock": bedrock, "mistral": mistral, "cohere": cohere}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("kind", "behaviour"), BEHAVIOURS.items(), ids=list(BEHAVIOURS))
def test_each_form_of_client_is_answered_by_it(
    client: httpx.Client, provider: Provider, kind: str, behaviour: Callable[[Exchange], Awaitable[None]], *,
    stream: bool,
) -> None:  # fmt: skip
    becomes(kind)
    provider.behaves(behaviour)
    asked: dict[str, dict[str, Any]] = {
        "/v1/chat/completions": {"messages": HELLO},
        "/v1/completions": {"prompt": "Say something."},
        "/v1/messages": {"messages": HELLO, "max_tokens": 50},
        "/v1/responses": {"input": "Say something."},
    }
    for path, body in asked.items():
        answer = client.post(path, json=body | {"model": "echo-model", "stream": stream})
        assert answer.status_code == 200, (path, answer.text)
        parts = (TEXT[:4], TEXT[4:]) if stream else (TEXT,)
        assert all(json.dumps(part) in answer.text for part in parts), (path, answer.text)
    calls = kept(len(asked))
    assert {(call.input_tokens, call.output_tokens, call.usage_source, call.outcome) for call in calls} == {
        (11, 5, "provider", "ok")
    }


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("kind", "behaviour"), BEHAVIOURS.items(), ids=list(BEHAVIOURS))
def test_each_is_told_the_conversation_that_a_response_goes_on_from(
    client: httpx.Client, provider: Provider, team: Cast, kind: str,
    behaviour: Callable[[Exchange], Awaitable[None]], *, stream: bool,
) -> None:  # fmt: skip
    both = Keeping(prompts=True, answers=True)
    set_retention(place=of_environment(team.environment()), keeping=both, by=team.olivia)
    eventually(lambda: (held := current_snapshot()) and held.bodies, 10)
    becomes(kind)
    provider.behaves(behaviour)
    previous = None
    for text in ("First.", "Second.", "Third."):
        asked = {"model": "echo-model", "input": text, "stream": stream, "previous_response_id": previous}
        answer = client.post("/v1/responses", json=asked)
        told = events_of(answer)[-1]["response"] if stream else answer.json()
        previous = told["id"]
        assert told["store"] is True, answer.text
    sent = json.dumps(provider.exchanges[-1].body)
    assert re.findall(f"First\\.|Second\\.|Third\\.|{TEXT}", sent) == ["First.", TEXT, "Second.", TEXT, "Third."]


def test_a_kind_that_has_no_embeddings_says_so(client: httpx.Client, provider: Provider) -> None:
    becomes("bedrock")
    told = client.post("/v1/embeddings", json={"model": "echo-model", "input": "x"})
    assert told.status_code == 400 and "no embeddings" in told.json()["error"]["message"]
    assert provider.exchanges == []
