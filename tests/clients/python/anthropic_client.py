"""Anthropic's own client: messages, streams, tools, counting."""

import os

import anthropic

MODEL = os.environ["MODEL"]
client = anthropic.Anthropic()
asked = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "Which city?"}]}
assert client.messages.create(**asked).content[0].text.startswith("Lisbon")
with client.messages.stream(**asked) as stream:
    assert "".join(stream.text_stream).endswith("Portugal.")
    assert stream.get_final_message().usage.output_tokens == 5
tools = [{"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}]
used = client.messages.create(**asked, tools=tools)
assert used.stop_reason == "tool_use"
call = next(block for block in used.content if block.type == "tool_use")
assert call.input == {"city": "Lisbon"}
turns = [
    *asked["messages"], {"role": "assistant", "content": used.content},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "17 degrees"}]},
]  # fmt: skip
assert client.messages.create(**asked | {"messages": turns}, tools=tools).content[0].text.startswith("Lisbon")
assert client.messages.count_tokens(model=MODEL, messages=asked["messages"]).input_tokens > 0
try:
    client.messages.create(**asked | {"model": "no-such-model"})
except anthropic.NotFoundError as error:
    assert error.body["error"]["type"] == "not_found_error"
else:
    raise AssertionError("a model that is none was answered")
