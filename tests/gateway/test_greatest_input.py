"""Nothing that a request says is left out of what is reserved for its prompt, whatever the field it stands in."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.asked import InvalidRequest
from gateway.attachments import TOKENS_A_PART, TOKENS_FAR_AWAY
from gateway.costing import greatest_input
from gateway.forms.chat import CHAT
from gateway.forms.completions import COMPLETIONS
from gateway.forms.embeddings import EMBEDDINGS
from gateway.forms.messages import MESSAGES
from gateway.forms.responses import RESPONSES

type Body = dict[str, Any]

LONG = "x" * 10_000
DATA = "iVBORw0KGgo" * 10_000
PNG = f"data:image/png;base64,{DATA}"
PDF = f"data:application/pdf;base64,{DATA}"
USER = {"role": "user", "content": "Hi"}


def chat(*turns: Body, **more: Any) -> int:
    return greatest_input(CHAT.read({"model": "m", "messages": [USER, *turns], **more}))


def messages(*blocks: Body, role: str = "user", **more: Any) -> int:
    turns = [USER, {"role": role, "content": list(blocks)}]
    return greatest_input(MESSAGES.read({"model": "m", "max_tokens": 5, "messages": turns, **more}))


def responses(*items: Body, **more: Any) -> int:
    return greatest_input(RESPONSES.read({"model": "m", "input": [USER, *items], **more}))


def part(**given: Any) -> Body:
    return {"role": "user", "content": [given]}


def test_it_works() -> None:
    assert chat(max_tokens=5, temperature=0.5, stream=True) == 2
    assert chat({"role": "assistant", "content": "é"}) == 4
    assert greatest_input(COMPLETIONS.read({"model": "m", "prompt": "Hi"})) == 2
    assert greatest_input(RESPONSES.read({"model": "m", "input": "Hi"})) == 2


@pytest.mark.parametrize(
    "reserved",
    [
        lambda: chat({"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": LONG}}),
        lambda: chat({"role": "assistant", "tool_calls": [{"type": "custom", "custom": {"name": "f", "input": LONG}}]}),
        lambda: chat({"role": "user", "content": "Hi", "name": LONG}),
        lambda: chat({"role": LONG, "content": "Hi"}),
        lambda: chat({"role": "user", "content": {"text": LONG}}),
        lambda: chat({"role": "user", "content": [LONG]}),
        lambda: chat(prediction={"type": "content", "content": LONG}),
        lambda: chat(documents=[{"title": "a", "text": LONG}]),
        lambda: chat(chat_template_kwargs={LONG: 1}),
        lambda: chat(tools=[{"type": "function", "function": {"name": "f", "parameters": {"enum": [1] * 5_000}}}]),
        lambda: chat(part(type="image_url", image_url={"url": "https://a.example/b.png"}, text=LONG)),
        lambda: chat(part(type="text", text=f"data:image/png;base64,{LONG}")),
        lambda: chat(part(type="made_up", made_up=f"data:image/png;base64,{LONG}")),
        lambda: chat(part(type="file", file={"file_data": f"data:text/plain;base64,{LONG}"})),
        lambda: greatest_input(COMPLETIONS.read({"model": "m", "prompt": "Hi", "suffix": LONG})),
        lambda: greatest_input(EMBEDDINGS.read({"model": "m", "input": "Hi", "prompt": LONG})),
        lambda: responses({"type": "custom_tool_call_output", "call_id": "a", "output": LONG}),
        lambda: responses({"type": "reasoning", "summary": [], "encrypted_content": LONG}),
        lambda: responses(instructions=LONG),
        lambda: messages({"type": "redacted_thinking", "data": LONG}, role="assistant"),
        lambda: messages({"type": "thinking", "thinking": "", "signature": LONG}, role="assistant"),
        lambda: messages(
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}, "context": LONG}
        ),
        lambda: messages({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": LONG}}),
        lambda: messages(tools=[{"name": "f", "input_schema": {}, "input_examples": [{"a": LONG}]}]),
        lambda: messages(system=[{"type": "text", "text": LONG}]),
    ],
)  # fmt: skip
def test_a_text_counts_wherever_it_stands(reserved: Any) -> None:
    assert len(LONG) <= reserved() < len(LONG) + 2_000 + TOKENS_A_PART


@pytest.mark.parametrize(
    "reserved",
    [
        lambda: chat(part(type="image_url", image_url={"url": PNG})),
        lambda: chat(part(type="image_url", image_url={"url": "https://a.example/b.png"})),
        lambda: responses(part(type="input_image", image_url=PNG)),
        lambda: responses({"type": "function_call_output", "call_id": "a",
                           "output": [{"type": "input_image", "image_url": PNG}]}),
        lambda: messages({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}),
        lambda: messages({"type": "tool_result", "tool_use_id": "a", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}]}),
    ],
)  # fmt: skip
def test_an_image_counts_as_one_however_many_bytes_it_has(reserved: Any) -> None:
    assert TOKENS_A_PART <= reserved() < TOKENS_A_PART + 300


@pytest.mark.parametrize(
    "reserved",
    [
        lambda: chat(part(type="file", file={"file_data": PDF})),
        lambda: chat(part(type="image_url", image_url={"url": PDF})),
        lambda: chat(part(type="input_audio", input_audio={"data": DATA, "format": "wav"})),
        lambda: chat(part(type="video_url", video_url={"url": f"data:video/mp4;base64,{DATA}"})),
        lambda: responses(part(type="input_file", file_data=PDF)),
        lambda: messages(
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": DATA}}
        ),
    ],
)
def test_a_file_counts_by_its_size(reserved: Any) -> None:
    assert len(DATA) // 3 <= reserved() < len(DATA) // 3 + 300


@pytest.mark.parametrize(
    "reserved",
    [
        lambda: chat(part(type="video_url", video_url={"url": "https://a.example/b.mp4"})),
        lambda: chat(part(type="image_url", image_url={"url": "gs://bucket/film.mp4"})),
        lambda: chat(part(type="made_up", made_up={"uri": "https://a.example/b"})),
        lambda: responses(part(type="input_file", file_url="https://a.example/b.pdf")),
        lambda: messages({"type": "document", "source": {"type": "url", "url": "https://a.example/b.pdf"}}),
    ],
)
def test_a_file_that_lies_elsewhere_counts_as_a_whole_context(reserved: Any) -> None:
    assert TOKENS_FAR_AWAY <= reserved() < TOKENS_FAR_AWAY + 300


def test_small_parts_that_are_no_text_count_too() -> None:
    assert chat(part(type="input_audio", input_audio={"data": "AAAA", "format": "wav"})) >= TOKENS_A_PART
    assert chat(part(type="made_up")) >= TOKENS_A_PART
    assert chat(part(type=[])) >= TOKENS_A_PART


def test_what_nobody_takes_is_refused() -> None:
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    with pytest.raises(InvalidRequest, match="nested too deep"):
        chat({"role": "user", "content": deep})
