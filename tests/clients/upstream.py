"""What the provider answers in these examples: words, a call of a tool it is given, JSON where a schema asks for it."""

from __future__ import annotations

import json
from typing import Any

from tests.gateway.provider import Body, Exchange, chunk, usage

WORDS = ["Lisbon", " is", " the", " capital", " of", " Portugal", "."]
ARGUMENTS = '{"city": "Lisbon"}'
MADE = '{"city": "Lisbon", "people": 545000}'


async def answers(exchange: Exchange) -> None:
    """One behaviour for chats and embeddings, whole and streamed."""
    body = exchange.body
    if exchange.path.endswith("/embeddings"):
        await _embeds(exchange, body)
        return
    wants_tool = bool(body.get("tools")) and body["messages"][-1]["role"] != "tool"
    wants_json = (body.get("response_format") or {}).get("type") in ("json_schema", "json_object")
    words = [MADE] if wants_json else WORDS
    if not body.get("stream"):
        message: dict[str, Any] = {"role": "assistant", "content": None if wants_tool else "".join(words)}
        if wants_tool:
            message["tool_calls"] = [_tool_call(body)]
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if wants_tool else "stop"}
        told = chunk() | {"object": "chat.completion", "choices": [choice], "usage": usage()}
        await exchange.whole(200, json.dumps(told).encode())
        return
    await exchange.head(kind="text/event-stream")
    if wants_tool:
        begun = chunk()
        begun["choices"][0]["delta"] = {"role": "assistant", "tool_calls": [_tool_call(body) | {"index": 0}]}
        await exchange.event(begun)
    else:
        begun = chunk()
        begun["choices"][0]["delta"] = {"role": "assistant", "content": ""}
        await exchange.event(begun)
        for word in words:
            await exchange.event(chunk(word))
    await exchange.event(chunk(finish="tool_calls" if wants_tool else "stop"))
    await exchange.event(chunk() | {"choices": [], "usage": usage()})
    await exchange.event(b"[DONE]")
    await exchange.end()


def _tool_call(body: Body) -> dict[str, Any]:
    name = body["tools"][0]["function"]["name"]
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": ARGUMENTS}}


async def _embeds(exchange: Exchange, body: Body) -> None:
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    vectors = [{"object": "embedding", "index": n, "embedding": [0.25, -0.5, 1.0]} for n in range(len(texts))]
    told = {"object": "list", "data": vectors, "model": body["model"], "usage": {"prompt_tokens": 4, "total_tokens": 4}}
    await exchange.whole(200, json.dumps(told).encode())
