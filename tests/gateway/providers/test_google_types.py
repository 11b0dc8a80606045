"""What Gemini is asked, at its own address and at Vertex AI, is what the official SDK sends; what that reads is read.

The SDK is imported by the tests: it takes seconds.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.forms.embeddings import EMBEDDINGS
from gateway.forms.messages import MESSAGES
from gateway.providers import provider_of
from tests.gateway.providers.variants import TOOL, VARIANTS, asked, event, said, sent, streamed, target, whole

PLACE = "https://europe-west4-aiplatform.googleapis.com/v1/projects/acme/locations/europe-west4"
GEMINI = target("gemini", "gemini-2.5-flash", "https://generativelanguage.googleapis.com/v1beta")
VERTEX = target("vertex", "gemini-2.5-flash", PLACE, "ya29.x")
USED = {"promptTokenCount": 11, "candidatesTokenCount": 5, "totalTokenCount": 18, "thoughtsTokenCount": 2,
        "cachedContentTokenCount": 4}  # fmt: skip


def check(body: dict[str, Any]) -> None:
    """Every field is known, at every depth, and of its type: the SDK's types take no other."""
    from google.genai import types

    kinds: dict[str, Any] = {
        "systemInstruction": types.Content,
        "generationConfig": types.GenerationConfig,
        "toolConfig": types.ToolConfig,
    }
    assert body.keys() <= {"contents", "tools", *kinds}
    for each in body["contents"]:
        types.Content.model_validate(each)
    for each in body.get("tools", []):
        types.Tool.model_validate(each)
    for name, kind in kinds.items():
        if name in body:
            kind.model_validate(body[name])


@pytest.mark.parametrize("at", [GEMINI, VERTEX], ids=["gemini", "vertex"])
@pytest.mark.parametrize("more", VARIANTS, ids=str)
def test_what_it_is_asked_has_the_types_of_the_sdk(at: Any, more: dict[str, Any]) -> None:
    check(sent(at, **more))


@pytest.mark.parametrize("wrong", [{"zzz": 1}, {"contents": [{"role": "user", "parts": [{"txt": "x"}]}]},
                                   {"generationConfig": {"maxTokens": 9}}])  # fmt: skip
def test_the_check_finds_what_is_wrong(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, AssertionError)):
        check(sent(GEMINI) | wrong)


class Recorded(Exception):
    """The SDK was about to send this."""


def recorded(client: Any, call: Any) -> tuple[str, dict[str, Any]]:
    """The address, below the host, and the body that the SDK sends for `call`."""
    told: dict[str, Any] = {}

    def send(request: Any, *_: Any, **__: Any) -> Any:
        told["path"], told["body"] = request.url, request.data
        raise Recorded

    client._api_client._request_once = send
    with pytest.raises(Recorded):
        call(client)
    return str(told["path"]), told["body"]


def clients() -> list[tuple[Any, Any]]:
    """The SDK's client of each, with its version of the API as in our address."""
    from google import genai
    from google.oauth2.credentials import Credentials

    place: Any = {"project": "acme", "location": "europe-west4", "credentials": Credentials("ya29.x")}
    return [
        (GEMINI, genai.Client(api_key="k", http_options={"api_version": "v1beta"})),
        (VERTEX, genai.Client(enterprise=True, http_options={"api_version": "v1"}, **place)),
    ]


def test_it_is_asked_where_and_what_the_sdk_asks() -> None:
    from google.genai import types

    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    ours = asked(messages=messages, temperature=0.5, max_tokens=9, stop=["END"], tools=[TOOL], tool_choice="required")
    function = TOOL["function"]
    declared = types.FunctionDeclaration(
        name=function["name"],
        description=function["description"],
        parameters_json_schema=function["parameters"],  # type: ignore[index]
    )
    config = types.GenerateContentConfig(
        system_instruction=types.Content(parts=[types.Part(text="Be brief.")]),
        temperature=0.5, max_output_tokens=9, stop_sequences=["END"],
        tools=[types.Tool(function_declarations=[declared])],
        tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY")),  # type: ignore[arg-type]
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )  # fmt: skip
    for at, client in clients():
        request = provider_of(at).request(at, ours)
        path, body = recorded(
            client, lambda c: c.models.generate_content(model="gemini-2.5-flash", contents="Hello", config=config)
        )
        mine = json.loads(request.body)
        # Protobuf's JSON takes a field by either of its names.
        theirs = json.loads(json.dumps(body).replace('"parameters_json_schema"', '"parametersJsonSchema"'))
        theirs["systemInstruction"].pop("role", None)  # it names one, which the service does not look at
        assert request.url.endswith(path.partition("//")[2].partition("/")[2]), (request.url, path)
        assert mine == theirs


def test_a_vertex_embedding_is_asked_where_the_sdk_asks() -> None:
    ours = EMBEDDINGS.read({"model": "m", "input": ["a"], "dimensions": 8})
    at = target("vertex", "text-embedding-005", PLACE, "ya29.x")
    request = provider_of(at).request(at, ours)
    _, client = clients()[1]
    path, body = recorded(client, lambda c: c.models.embed_content(
        model="text-embedding-005", contents=["a"], config={"output_dimensionality": 8}))  # fmt: skip
    assert request.url.endswith(path.partition("//")[2].partition("/")[2]) and json.loads(request.body) == body


def test_a_claude_at_vertex_is_asked_where_and_what_its_sdk_asks() -> None:
    import httpx2
    from anthropic import AnthropicVertex

    told: list[Any] = []

    def answer(request: Any) -> Any:
        told.append(request)
        return httpx2.Response(400, json={"error": {"message": "x"}})

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    client = AnthropicVertex(region="europe-west4", project_id="acme", access_token="ya29.x", http_client=http)
    messages: Any = [{"role": "user", "content": "Hello"}]
    for stream in (False, True):
        with pytest.raises(Exception, match="x"):
            client.messages.create(model="claude-opus-5", max_tokens=9, messages=messages, stream=stream)
        at = target("vertex", "claude-opus-5", PLACE, "ya29.x")
        body = {"model": "m", "max_tokens": 9, "messages": messages, "stream": stream}
        named = {"anthropic-version": json.loads(told[-1].content)["anthropic_version"]}
        ours = provider_of(at).request(at, replace(MESSAGES.read(body), headers=named))
        assert "anthropic-version" not in ours.headers
        assert str(told[-1].url) == ours.url and json.loads(told[-1].content) == json.loads(ours.body)
        assert told[-1].headers["authorization"] == ours.headers["authorization"] == "Bearer ya29.x"


@pytest.mark.parametrize("at", [GEMINI, VERTEX], ids=["gemini", "vertex"])
def test_an_answer_of_the_sdk_is_read(at: Any) -> None:
    from google.genai import types

    parts = [{"text": "Hm.", "thought": True}, {"text": "Yes."},
             {"functionCall": {"name": "weather", "args": {"place": "here"}}, "thoughtSignature": "c2ln"}]  # fmt: skip
    told = {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": USED, "modelVersion": "x", "responseId": "r"}  # fmt: skip
    types.GenerateContentResponse.model_validate(told)
    read = whole(at, told)
    assert read.choices[0].message.content == "Yes." and read.choices[0].finish_reason == "tool_calls"
    assert read.usage is not None and (read.usage.prompt_tokens, read.usage.completion_tokens) == (11, 7)
    events = [{"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}]} for part in parts[:2]]
    events.append(told | {"candidates": [{"content": {"role": "model", "parts": []}, "finishReason": "STOP"}]})
    for each in events:
        types.GenerateContentResponse.model_validate(each)
    chunks = streamed(at, [event(each) for each in events])
    assert said(chunks) == "Yes." and chunks[-1].usage is not None and chunks[-1].usage.prompt_tokens == 11
