"""LlamaIndex: complete, chat, streams, tools."""

import os

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike

llm = OpenAILike(
    model=os.environ["MODEL"], api_base=os.environ["OPENAI_BASE_URL"], api_key=os.environ["OPENAI_API_KEY"],
    is_chat_model=True, is_function_calling_model=True, context_window=8192,
)  # fmt: skip


def weather(city: str) -> str:
    """The weather in a city."""
    return f"17 degrees in {city}"


asked = [ChatMessage(role="user", content="Which city?")]
assert llm.complete("Which city?").text.startswith("Lisbon")
assert llm.chat(asked).message.content.startswith("Lisbon")
assert "".join(piece.delta or "" for piece in llm.stream_chat(asked)).endswith("Portugal.")
called = llm.chat_with_tools([FunctionTool.from_defaults(weather)], user_msg="How is the weather?")
assert llm.get_tool_calls_from_response(called)[0].tool_kwargs == {"city": "Lisbon"}
