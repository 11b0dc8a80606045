"""A prompt arrives as the model of a deployment takes it: system role or none, a begun answer, whose turn is first."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.models import Route
from tests.gateway.behaviours import second_target
from tests.gateway.conftest import eventually, kept
from tests.gateway.dialects import speaks
from tests.gateway.prompting.conftest import Says
from tests.gateway.provider import Provider
from usage.models import Call

SYSTEM = {"role": "system", "content": "Be brief."}
HELLO = {"role": "user", "content": "Hello."}
BEGUN = {"role": "assistant", "content": "Dear"}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def ask(front_with: Any, key: str, *messages: Any, **more: Any) -> Any:
    with front_with(key) as client:
        return client.post("/v1/chat/completions", json={"model": "echo-model", "messages": list(messages), **more})


def sent(front_with: Any, key: str, provider: Provider, *messages: Any, **more: Any) -> Any:
    """The messages that the provider gets."""
    answer = ask(front_with, key, *messages, **more)
    assert answer.status_code == 200, answer.text
    return provider.exchanges[-1].body["messages"]


def test_a_usual_deployment_gets_the_messages_as_they_came(front_with: Any, key: str, provider: Provider) -> None:
    messages = [SYSTEM, HELLO, HELLO, BEGUN]
    assert sent(front_with, key, provider, *messages) == messages


def test_the_system_goes_before_what_the_user_says_first(
    says: Says, front_with: Any, key: str, provider: Provider
) -> None:
    says(system="none")
    later = {"role": "developer", "content": "Be kind."}
    assert sent(front_with, key, provider, SYSTEM, HELLO, BEGUN, HELLO, later) == [
        {"role": "user", "content": "Be brief.\n\nBe kind.\n\nHello."}, BEGUN, HELLO,
    ]  # fmt: skip


def test_the_system_goes_before_the_parts_of_a_message(
    says: Says, front_with: Any, key: str, provider: Provider
) -> None:
    says(system="none")
    [user] = sent(front_with, key, provider, SYSTEM, PICTURE)
    assert user["content"] == [{"type": "text", "text": "Be brief."}, *PICTURE["content"]]


def test_instructions_alone_are_what_the_user_says(says: Says, front_with: Any, key: str, provider: Provider) -> None:
    says(system="none")
    assert sent(front_with, key, provider, SYSTEM) == [{"role": "user", "content": "Be brief."}]


@pytest.mark.parametrize(("role", "other"), [("system", "developer"), ("developer", "system")])
def test_the_system_speaks_in_the_role_that_the_model_knows(
    says: Says, front_with: Any, key: str, provider: Provider, role: str, other: str
) -> None:
    says(system=role)
    assert sent(front_with, key, provider, {"role": other, "content": "Be brief."}, HELLO) == [
        {"role": role, "content": "Be brief."}, HELLO,
    ]  # fmt: skip


def test_what_one_side_says_in_a_row_is_one_message(says: Says, front_with: Any, key: str, provider: Provider) -> None:
    says(merges=True)
    assert sent(front_with, key, provider, HELLO, HELLO, BEGUN, BEGUN, HELLO) == [
        {"role": "user", "content": "Hello.\n\nHello."}, {"role": "assistant", "content": "Dear\n\nDear"}, HELLO,
    ]  # fmt: skip


def test_what_tools_answer_stays_apart(says: Says, front_with: Any, key: str, provider: Provider) -> None:
    says(merges=True)
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    called = {"role": "assistant", "content": None, "tool_calls": [call]}
    told = {"role": "tool", "tool_call_id": "c1", "content": "Rain."}
    messages = [HELLO, called, told, told | {"tool_call_id": "c2"}]
    assert sent(front_with, key, provider, *messages, tools=[TOOL]) == messages


def test_the_user_speaks_first(says: Says, front_with: Any, key: str, provider: Provider) -> None:
    says(begins_with_user=True)
    first = {"role": "user", "content": "(The conversation begins.)"}
    assert sent(front_with, key, provider, SYSTEM, BEGUN, HELLO) == [SYSTEM, first, BEGUN, HELLO]


def test_a_begun_answer_is_asked_for_in_words(says: Says, front_with: Any, key: str, provider: Provider) -> None:
    says(prefill="instruction")
    [user] = sent(front_with, key, provider, HELLO, BEGUN)
    assert user["content"].startswith("Hello.\n\nBegin your answer with exactly") and user["content"].endswith("\nDear")


def test_a_begun_answer_is_gone_on_with_as_vllm_is_asked(
    says: Says, front_with: Any, key: str, provider: Provider
) -> None:
    says(prefill="continued")
    assert sent(front_with, key, provider, HELLO, BEGUN) == [HELLO, BEGUN]
    body = provider.exchanges[-1].body
    assert (body["add_generation_prompt"], body["continue_final_message"]) == (False, True)


def test_a_begun_answer_is_marked_for_mistral(says: Says, front_with: Any, key: str, provider: Provider) -> None:
    speaks("mistral")
    says(prefill="kept")
    assert sent(front_with, key, provider, HELLO, BEGUN) == [HELLO, BEGUN | {"prefix": True}]


@pytest.mark.parametrize(
    ("prompting", "messages", "more", "said"),
    [
        ({"prefill": "refused"}, [HELLO, BEGUN], {}, "does not go on with an answer"),
        ({"tools": "refused"}, [HELLO], {"tools": [TOOL]}, "knows no tools, and there are “tools”"),
        ({"tools": "refused"}, [HELLO, {"role": "tool", "tool_call_id": "a", "content": "b"}], {}, "there are “tool”"),
        ({"images": "refused"}, [PICTURE], {}, "sees no images"),
    ],
)
def test_what_a_model_does_not_take_is_refused_with_what_to_do(
    says: Says, front_with: Any, key: str, provider: Provider, prompting: Any, messages: Any, more: Any, said: str
) -> None:
    says(**prompting)
    answer = ask(front_with, key, *messages, **more)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "invalid_request") and said in error["message"]
    assert not provider.exchanges and not Call.objects.exists()


def test_another_deployment_that_takes_it_is_asked(
    says: Says, route: Route, front_with: Any, key: str, provider: Provider
) -> None:
    says(tools="refused")
    second_target(route, provider, first_url=provider.url)
    answer = ask(front_with, key, HELLO, tools=[TOOL])
    assert (answer.status_code, answer.headers["x-atrium-deployment"]) == (200, "other/other-name")


def test_it_is_in_force_within_a_second(says: Says, front_with: Any, key: str, provider: Provider) -> None:
    with front_with(key) as client:

        def roles() -> list[str]:
            client.post("/v1/chat/completions", json={"model": "echo-model", "messages": [SYSTEM, HELLO]})
            return [each["role"] for each in provider.exchanges[-1].body["messages"]]

        assert roles() == ["system", "user"]
        says(system="none")
        eventually(lambda: roles() == ["user"])
        says()
        eventually(lambda: roles() == ["system", "user"])


def test_every_form_of_clients_is_put_so(says: Says, front_with: Any, key: str, provider: Provider) -> None:
    says(system="none")
    with front_with(key) as client:
        messages = {"model": "echo-model", "system": "Be brief.", "messages": [HELLO], "max_tokens": 9}
        assert client.post("/v1/messages", json=messages).json()["type"] == "message"
        responses = {"model": "echo-model", "instructions": "Be brief.", "input": "Hello."}
        assert client.post("/v1/responses", json=responses).json()["object"] == "response"
    assert [each.body["messages"] for each in provider.exchanges] == [
        [{"role": "user", "content": "Be brief.\n\nHello."}], [{"role": "user", "content": "Be brief.\n\nHello."}],
    ]  # fmt: skip


def test_what_comes_in_the_providers_own_form_goes_on_as_it_came(
    says: Says, front_with: Any, key: str, provider: Provider
) -> None:
    says(system="none")
    with front_with(key) as client:
        client.post("/v1/completions", json={"model": "echo-model", "prompt": "Once upon"})
    assert provider.exchanges[-1].path == "/v1/completions" and provider.exchanges[-1].body["prompt"] == "Once upon"


DATA = {"type": "base64", "media_type": "image/png", "data": "AA=="}
SEEN = {"role": "user", "content": [{"type": "image", "source": DATA}]}
SHOWN = {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AA=="}]}
LOOK = {"type": "function", "name": "look", "parameters": {"type": "object"}}
BLIND = {"tools": "refused", "images": "refused", "prefill": "refused"}


@pytest.mark.parametrize(
    ("kind", "path", "body", "said"),
    [
        ("anthropic", "messages", {"messages": [HELLO], "tools": [{"name": "look", "input_schema": {}}]}, "no tools"),
        ("anthropic", "messages", {"messages": [SEEN]}, "sees no images"),
        ("anthropic", "messages", {"messages": [HELLO, BEGUN]}, "does not go on with an answer"),
        ("openai_platform", "responses", {"input": "Hello.", "tools": [LOOK]}, "knows no tools"),
        ("openai_platform", "responses", {"input": [SHOWN]}, "sees no images"),
        ("azure", "responses", {"input": "Hello.", "tools": [LOOK]}, "knows no tools"),
    ],
)
def test_what_a_model_does_not_take_is_refused_in_its_providers_own_form_too(
    says: Says, front_with: Any, key: str, provider: Provider, kind: str, path: str, body: Any, said: str
) -> None:
    speaks(kind)
    says(**BLIND)
    bound = {"max_tokens": 9} if path == "messages" else {}
    with front_with(key) as client:
        answer = client.post(f"/v1/{path}", json={"model": "echo-model", **bound, **body})
    assert answer.status_code == 400 and said in answer.json()["error"]["message"], answer.text
    assert not provider.exchanges and not Call.objects.exists()


def test_it_is_streamed_and_metered_as_ever(says: Says, front_with: Any, key: str, provider: Provider) -> None:
    says(system="none")
    answer = ask(front_with, key, SYSTEM, HELLO, stream=True)
    assert answer.text.endswith("data: [DONE]\n\n") and "Well" in answer.text
    call = kept().get()
    assert (call.outcome, call.input_tokens, call.output_tokens) == ("ok", 11, 5)
