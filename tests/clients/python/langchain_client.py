"""LangChain's chat models of both forms: invoke, stream, tools, structured output, embeddings, batch."""

import os

from langchain_anthropic import ChatAnthropic
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

MODEL = os.environ["MODEL"]


class City(BaseModel):
    """A city and how many live there."""

    city: str
    people: int


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"17 degrees in {city}"


for model in (ChatOpenAI(model=MODEL), ChatAnthropic(model=MODEL)):
    assert model.invoke("Which city?").content.startswith("Lisbon")
    assert "".join(str(piece.text) for piece in model.stream("Which city?")).endswith("Portugal.")
    called = model.bind_tools([weather]).invoke("How is the weather?")
    assert called.tool_calls[0]["args"] == {"city": "Lisbon"}
    assert len(model.batch(["Which city?", "Which one?"])) == 2
assert ChatOpenAI(model=MODEL, use_responses_api=True).invoke("Which city?").text.startswith("Lisbon")
made = ChatOpenAI(model=MODEL).with_structured_output(City).invoke("Which city?")
assert made == City(city="Lisbon", people=545000)
vectors = OpenAIEmbeddings(model=MODEL, check_embedding_ctx_length=False).embed_documents(["one", "two"])
assert vectors == [[0.25, -0.5, 1.0]] * 2
