"""A provider that speaks Anthropic's Messages API, whole and streamed, and one that speaks chat completions alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from catalog.models import Provider as ProviderRow
from tests.gateway.provider import Behaviour, Exchange, chunk
from tests.gateway.provider import usage as chat_usage

Block = dict[str, Any]
USED = {"input_tokens": 7, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 10, "output_tokens": 5}
WEATHER = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Zürich", "days": 2}}
CLOCK = {"type": "tool_use", "id": "toolu_2", "name": "clock", "input": {}}


def as_anthropic() -> None:
    """Every provider there is speaks Anthropic's form from now on; to be called before the gateway is served."""
    ProviderRow.objects.update(dialect="anthropic")


def text(said: str) -> Block:
    return {"type": "text", "text": said}


def message(*content: Block, stop: str = "end_turn", sequence: str | None = None, used: Any = None) -> Block:
    return {
        "id": "msg_01", "type": "message", "role": "assistant", "model": "claude-upstream", "content": list(content),
        "stop_reason": stop, "stop_sequence": sequence, "usage": USED if used is None else used,
    }  # fmt: skip


def events(answer: Block) -> Iterator[Block]:
    """The events of `answer`'s stream, with each text and each input in two pieces."""
    begun = answer | {"content": [], "stop_reason": None, "usage": answer["usage"] | {"output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    yield {"type": "ping"}
    for index, block in enumerate(answer["content"]):
        kind = block["type"]
        if kind == "tool_use":
            said, empty, delta = json.dumps(block["input"]), block | {"input": {}}, ("input_json_delta", "partial_json")
        else:
            unsigned = {"signature": ""} if kind == "thinking" else {}
            said, empty, delta = block[kind], block | {kind: ""} | unsigned, (f"{kind}_delta", kind)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for piece in (said[: len(said) // 2], said[len(said) // 2 :]):
            yield {"type": "content_block_delta", "index": index, "delta": {"type": delta[0], delta[1]: piece}}
        if kind == "thinking":
            signed = {"type": "signature_delta", "signature": block["signature"]}
            yield {"type": "content_block_delta", "index": index, "delta": signed}
        yield {"type": "content_block_stop", "index": index}
    ended = {"stop_reason": answer["stop_reason"], "stop_sequence": answer["stop_sequence"]}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": answer["usage"]["output_tokens"]}}
    yield {"type": "message_stop"}


def says(*content: Block, **more: Any) -> Behaviour:
    """Answers with these blocks, streamed where it is asked to."""
    answer = message(*content, **more)

    async def behaviour(exchange: Exchange) -> None:
        if not exchange.body.get("stream"):
            await exchange.whole(200, json.dumps(answer).encode())
            return
        await exchange.head(kind="text/event-stream; charset=utf-8")
        for event in events(answer):
            await exchange.event(event, event["type"])
        await exchange.end()

    return behaviour


def chats(*, said: str = "", thought: str = "", calls: tuple[Block, ...] = (), finish: str = "stop") -> Behaviour:
    """Answers the same with a chat completion, whose usage is that of `USED`."""
    tools = [
        {
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["input"])},
        }
        for call in calls
    ]
    used = chat_usage(20, 5) | {"prompt_tokens_details": {"cached_tokens": 10}}

    async def behaviour(exchange: Exchange) -> None:
        if not exchange.body.get("stream"):
            spoken = {"role": "assistant", "content": said or None, "reasoning_content": thought or None}
            choice = {"index": 0, "message": spoken | {"tool_calls": tools or None}, "finish_reason": finish}
            whole = {"id": "c-1", "object": "chat.completion", "model": "upstream-name", "choices": [choice]}
            await exchange.whole(200, json.dumps(whole | {"usage": used}).encode())
            return
        await exchange.head(kind="text/event-stream")
        for piece in filter(None, (thought[:3], thought[3:])):
            await exchange.event(delta(reasoning_content=piece))
        for piece in filter(None, (said[:3], said[3:])):
            await exchange.event(delta(content=piece))
        for place, tool in enumerate(tools):
            arguments = tool["function"]["arguments"]
            begun = tool | {"index": place, "function": tool["function"] | {"arguments": ""}}
            await exchange.event(delta(tool_calls=[begun]))
            for piece in (arguments[:3], arguments[3:]):
                await exchange.event(delta(tool_calls=[{"index": place, "function": {"arguments": piece}}]))
        await exchange.event(chunk(finish=finish))
        await exchange.event(chunk() | {"choices": [], "usage": used})
        await exchange.event(b"[DONE]")
        await exchange.end()

    return behaviour


def delta(**told: Any) -> Block:
    return chunk() | {"choices": [{"index": 0, "delta": told, "finish_reason": None}]}


def read(stream: str) -> list[Block]:
    """The events of a stream in Anthropic's form; each is named as it says itself."""
    told = []
    for event in filter(None, stream.split("\n\n")):
        name, data = event.split("\n", 1)
        told.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {told[-1]['type']}"
    return told


def assembled(told: list[Block]) -> Block:
    """The message that a stream's events make, with a check of their order: one block after the other."""
    assert [told[0]["type"], told[-1]["type"]] == ["message_start", "message_stop"]
    whole = told[0]["message"] | {"content": []}
    inputs: dict[int, str] = {}
    is_open = False
    for event in told[1:-1]:
        match event["type"]:
            case "content_block_start":
                assert not is_open and event["index"] == len(whole["content"])
                is_open = True
                whole["content"].append(dict(event["content_block"]))
            case "content_block_delta":
                assert is_open and event["index"] == len(whole["content"]) - 1
                block, added = whole["content"][-1], event["delta"]
                if added["type"] == "input_json_delta":
                    inputs[event["index"]] = inputs.get(event["index"], "") + added["partial_json"]
                else:
                    name = added["type"].removesuffix("_delta")
                    block[name] = block[name] + added[name]
            case "content_block_stop":
                assert is_open
                is_open = False
                if event["index"] in inputs:
                    whole["content"][-1]["input"] = json.loads(inputs[event["index"]])
            case "message_delta":
                assert not is_open
                whole |= event["delta"]
                whole["usage"] = whole["usage"] | event["usage"]
    return whole
