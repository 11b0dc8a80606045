"""`/v1/completions`, the form from before chats: as it came for who takes it, and said as a chat for who does not."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest

from catalog.models import Route
from gateway.event import Event
from gateway.forms.completions import COMPLETIONS
from tests.gateway.behaviours import answers, streams
from tests.gateway.conftest import kept
from tests.gateway.dialects import speaks_gemini
from tests.gateway.provider import Body, Provider, chunk, usage
from tests.gateway.test_refusals import refused

ASKED: Body = {"model": "echo-model", "prompt": "Once upon"}
PATH = "/v1/completions"


def completion(*texts: str, tokens: Body | None = None, **more: Any) -> Body:
    choices = [
        {"index": place, "text": text, "finish_reason": "stop", "logprobs": None} for place, text in enumerate(texts)
    ]
    told = {"id": "c-1", "object": "text_completion", "created": 1, "model": "upstream-name", "choices": choices}
    return told | ({"usage": tokens} if tokens else {}) | more


def piece(text: str = "", finish: str | None = None) -> Body:
    return completion() | {"choices": [{"index": 0, "text": text, "finish_reason": finish, "logprobs": None}]}


def whole(told: Body) -> bytes:
    return json.dumps(told, indent=1).encode()


def test_the_openai_client_gets_a_completion(sdk: openai.OpenAI, provider: Provider) -> None:
    provider.behaves(answers(200, whole(completion(" a time.", tokens=usage()))))
    answer = sdk.completions.create(model="echo-model", prompt="Once upon", max_tokens=9, temperature=0.5)
    assert answer.choices[0].text == " a time." and answer.usage is not None
    sent = provider.exchanges[0]
    assert (sent.path, sent.body) == (PATH, ASKED | {"max_tokens": 9, "temperature": 0.5})
    made = kept().get()
    assert (made.outcome, made.status, made.usage_source, made.finish_reason) == ("ok", 200, "provider", "stop")
    assert (made.input_tokens, made.output_tokens, made.cost) == (11, 5, Decimal("0.000021"))


def test_the_openai_client_gets_a_stream(sdk: openai.OpenAI, provider: Provider) -> None:
    told = completion(tokens=usage())
    provider.behaves(streams(piece(" a"), piece(" time."), piece(finish="stop"), told, b"[DONE]"))
    chunks = list(sdk.completions.create(**ASKED, stream=True))
    assert [each.choices[0].text for each in chunks] == [" a", " time.", ""]
    assert provider.exchanges[0].body["stream_options"] == {"include_usage": True}
    made = kept().get()
    assert (made.outcome, made.is_streamed, made.input_tokens, made.output_tokens) == ("ok", True, 11, 5)
    assert made.first_token_ms is not None and made.finish_reason == "stop"
    last = list(sdk.completions.create(**ASKED, stream=True, stream_options={"include_usage": True}))[-1]
    assert last.usage is not None and last.usage.completion_tokens == 5 and last.choices == []


def test_an_answer_comes_back_as_it_was_written(client: httpx.Client, provider: Provider) -> None:
    written = whole(completion(" a time.", tokens=usage(), zzz=[1.5]))
    provider.behaves(answers(200, written))
    assert client.post(PATH, json=ASKED).content == written
    provider.behaves(streams(piece(" a"), piece(finish="stop"), b"[DONE]"))
    lines = client.post(PATH, json=ASKED | {"stream": True}).text.split("\n\n")
    assert json.loads(lines[0].removeprefix("data: ")) == piece(" a") and lines[-2] == "data: [DONE]"


def test_parameters_and_unknown_fields_reach_the_provider(client: httpx.Client, provider: Provider) -> None:
    asked = ASKED | {"suffix": ".", "echo": True, "logprobs": 2, "best_of": 3, "n": 2, "zzz": {"é": [1.5]}}
    provider.behaves(answers(200, whole(completion(" a", " b", tokens=usage()))))
    assert client.post(PATH, json=asked).status_code == 200
    assert provider.exchanges[0].body == asked


def test_several_prompts_are_one_call(client: httpx.Client, provider: Provider) -> None:
    provider.behaves(answers(200, whole(completion(" a", " b", " c", " d"))))
    answer = client.post(PATH, json=ASKED | {"prompt": ["Once upon a time", "Once more"], "n": 2})
    assert [choice["text"] for choice in answer.json()["choices"]] == [" a", " b", " c", " d"]
    assert provider.exchanges[0].body["prompt"] == ["Once upon a time", "Once more"]
    made = kept().get()
    assert (made.outcome, made.usage_source) == ("ok", "counted") and made.output_tokens >= 4
    assert made.input_tokens >= 6, "both prompts"


@pytest.mark.parametrize("stream", [False, True])
def test_without_usage_the_texts_are_counted(client: httpx.Client, provider: Provider, stream: bool) -> None:
    spoken = streams(piece("Well, this"), piece(" is it."), piece(finish="stop"), b"[DONE]")
    provider.behaves(spoken if stream else answers(200, whole(completion("Well, this is it."))))
    client.post(PATH, json=ASKED | {"stream": stream})
    made = kept().get()
    assert (made.outcome, made.usage_source) == ("ok", "counted") and 5 <= made.output_tokens <= 8


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [[1, 2]]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": ["a"] * 129}, "prompt"),
        ({"prompt": ["a", "b"], "n": 65}, "prompt"),
        ({"prompt": "a", "best_of": 129}, "best_of"),
        ({"n": 0}, "n"),
        ({"stream_options": 7}, "stream_options"),
    ],
)
def test_what_cannot_be_understood_is_named(client: httpx.Client, provider: Provider, asked: Body, param: str) -> None:
    refused(client.post(PATH, json=ASKED | asked), 400, "invalid_request", param=param)
    assert not provider.exchanges


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_before_the_answer_has_a_status_of_its_own(
    client: httpx.Client, sdk: openai.OpenAI, provider: Provider, stream: bool
) -> None:
    provider.behaves(answers(429, b'{"error": {"message": "slow down"}}'))
    assert "slow down" in refused(client.post(PATH, json=ASKED | {"stream": stream}), 429, "provider_busy")
    with pytest.raises(openai.RateLimitError):
        sdk.completions.create(**ASKED, stream=stream)
    assert set(kept(2).values_list("outcome", "status")) == {("failed", 429)}


def test_an_error_in_the_middle_ends_the_stream(sdk: openai.OpenAI, provider: Provider) -> None:
    provider.behaves(streams(piece("Well"), {"error": {"message": "out of memory"}}))
    with pytest.raises(openai.APIError, match="out of memory"):
        list(sdk.completions.create(**ASKED, stream=True))
    made = kept().get()
    assert (made.outcome, made.status) == ("failed", 200) and made.output_tokens > 0


# --- said as a chat -------------------------------------------------------------------------------------------------


@pytest.fixture
def gemini(route: Route, provider: Provider) -> Provider:
    speaks_gemini(provider, {"text": " a time."})
    return provider


def test_who_has_only_chats_answers_what_a_chat_can_say(
    gemini: Provider, sdk: openai.OpenAI, client: httpx.Client
) -> None:
    answer = sdk.completions.create(**ASKED)
    assert (answer.object, answer.choices[0].text) == ("text_completion", " a time.")
    assert answer.usage is not None and (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 3)
    for more, said in (({"prompt": ["a", "b"]}, "one prompt a call"), ({"suffix": "."}, "no “suffix”")):
        assert said in refused(client.post(PATH, json=ASKED | more), 400, "invalid_request")
    assert len(gemini.exchanges) == 1 and kept().get().output_tokens == 3


def test_who_has_only_chats_is_sent_the_prompt_as_one() -> None:
    asked = COMPLETIONS.read(ASKED | {"max_tokens": 9, "stop": ["."], "stream": True, "echo": False, "zzz": 1})
    assert asked.lost == "" and asked.neutral == {
        "model": "echo-model", "max_tokens": 9, "stop": ["."], "stream": True,
        "messages": [{"role": "user", "content": "Once upon"}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "lost"),
    [
        ({"prompt": ["a", "b"]}, "it takes one prompt a call"),
        ({"suffix": "."}, "it has no “suffix”"),
        ({"echo": True}, "it has no “echo”"),
        ({"logprobs": 2}, "it has no “logprobs”"),
        ({"best_of": 2}, "it has no “best_of”"),
    ],
)
def test_what_a_chat_cannot_say_is_known(more: Body, lost: str) -> None:
    assert COMPLETIONS.read(ASKED | more).lost == lost


@pytest.mark.parametrize(("more", "answers_"), [({"prompt": ["a", "b"], "n": 3}, 6), ({"best_of": 4, "n": 2}, 4)])
def test_every_answer_to_every_prompt_is_reserved(more: Body, answers_: int) -> None:
    assert COMPLETIONS.read(ASKED | more).answers == answers_


def test_an_answer_of_a_chat_is_written_as_a_completion() -> None:
    asked = COMPLETIONS.read(ASKED | {"stream": True})
    writing = COMPLETIONS.writing(COMPLETIONS, asked)
    written = json.loads(writing.event(Event(b"", chunk("Well"), "chat")).removeprefix(b"data: "))
    assert written["object"] == "text_completion" and written["choices"] == [
        {"index": 0, "text": "Well", "logprobs": None, "finish_reason": None}
    ]
    told = {"choices": [{"index": 0, "message": {"content": "Well."}, "finish_reason": "length"}], "usage": usage()}
    written = json.loads(writing.whole(Event(b"", told, "chat")))
    assert written["choices"][0]["text"] == "Well." and written["choices"][0]["finish_reason"] == "length"
    assert written["usage"] == usage()
    assert writing.event(Event(b"", {"choices": [], "usage": usage()}, "chat")) == b""
    assert writing.end() == b"data: [DONE]\n\n"
