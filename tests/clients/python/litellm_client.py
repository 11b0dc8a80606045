"""LiteLLM as a client, in OpenAI's and in Anthropic's form."""

import os

import litellm

MODEL = os.environ["MODEL"]
messages = [{"role": "user", "content": "Which city?"}]
for name in (f"openai/{MODEL}", f"anthropic/{MODEL}"):
    told = litellm.completion(model=name, messages=messages, max_tokens=100)
    assert told.choices[0].message.content.startswith("Lisbon"), told
    pieces = [
        piece.choices[0].delta.content or ""
        for piece in litellm.completion(model=name, messages=messages, max_tokens=100, stream=True)
    ]
    assert "".join(pieces).endswith("Portugal."), pieces
assert litellm.embedding(model=f"openai/{MODEL}", input=["one"]).data[0]["embedding"] == [0.25, -0.5, 1.0]
