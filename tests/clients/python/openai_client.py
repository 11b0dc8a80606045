"""OpenAI's own client: chats, streams, tools, structured output, responses, embeddings, models; also async."""

import asyncio
import os

import openai
from pydantic import BaseModel

MODEL = os.environ["MODEL"]
client = openai.OpenAI()
ASKED = [{"role": "user", "content": "Which city?"}]


class City(BaseModel):
    city: str
    people: int


assert MODEL in [model.id for model in client.models.list()]
assert client.models.retrieve(MODEL).id == MODEL
told = client.chat.completions.create(model=MODEL, messages=ASKED)
assert told.choices[0].message.content == "Lisbon is the capital of Portugal." and told.usage.total_tokens == 16
stream = client.chat.completions.create(
    model=MODEL, messages=ASKED, stream=True, stream_options={"include_usage": True}
)
chunks = list(stream)
assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices).startswith("Lisbon")
assert chunks[-1].usage.completion_tokens == 5
weather = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
tools = [{"type": "function", "function": weather}]
called = client.chat.completions.create(model=MODEL, messages=ASKED, tools=tools).choices[0].message
assert called.tool_calls[0].function.name == "weather"
result = {"role": "tool", "tool_call_id": called.tool_calls[0].id, "content": "17 degrees"}
after = client.chat.completions.create(model=MODEL, messages=[*ASKED, called, result], tools=tools)
assert after.choices[0].message.content.startswith("Lisbon")
parsed = client.chat.completions.parse(model=MODEL, messages=ASKED, response_format=City)
assert parsed.choices[0].message.parsed == City(city="Lisbon", people=545000)
with client.chat.completions.stream(model=MODEL, messages=ASKED) as events:
    assert events.get_final_completion().choices[0].message.content.endswith("Portugal.")
response = client.responses.create(model=MODEL, input="Which city?")
assert response.output_text.startswith("Lisbon")
with client.responses.stream(model=MODEL, input="Which city?") as events:
    kinds = [event.type for event in events]
    assert "response.output_text.delta" in kinds and kinds[-1] == "response.completed"
assert client.embeddings.create(model=MODEL, input=["one", "two"]).data[1].embedding == [0.25, -0.5, 1.0]
try:
    client.chat.completions.create(model="no-such-model", messages=ASKED)
except openai.NotFoundError as error:
    assert error.code == "model_not_found"
else:
    raise AssertionError("a model that is none was answered")


async def asynchronously() -> None:
    async with openai.AsyncOpenAI() as other:
        stream = await other.chat.completions.create(model=MODEL, messages=ASKED, stream=True)
        assert [chunk async for chunk in stream]


asyncio.run(asynchronously())
