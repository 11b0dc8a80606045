"""All tenants share a provider's account: whatever a form calls it, nothing there can be named or run, and nothing
asked for that has a price of its own."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from gateway.asked import InvalidRequest
from gateway.forms.chat import CHAT
from gateway.forms.completions import COMPLETIONS
from gateway.forms.embeddings import EMBEDDINGS
from gateway.forms.form import Form
from gateway.forms.messages import MESSAGES
from gateway.forms.responses import RESPONSES
from gateway.providers.anthropic import PROVIDER as ANTHROPIC
from gateway.providers.gemini.asking import as_contents
from gateway.snapshot import Target
from tests.gateway.provider import Body

RESPONSE: Body = {"model": "echo-model", "input": "Say something."}
FUNCTION: Body = {"type": "function", "name": "f", "parameters": {"type": "object"}}


def test_a_tool_that_may_not_be_chosen_is_checked_all_the_same() -> None:
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}
    with pytest.raises(InvalidRequest, match="“web_search” is run by the provider"):
        RESPONSES.read(RESPONSE | {"tools": [FUNCTION, {"type": "web_search"}], "tool_choice": choice})
    asked = RESPONSES.read(
        RESPONSE | {"tools": [FUNCTION, FUNCTION | {"type": "custom", "name": "g"}], "tool_choice": choice}
    )
    assert [tool["function"]["name"] for tool in asked.neutral["tools"]] == ["f"] and not asked.lost


SAID: Body = {"model": "echo-model", "messages": [{"role": "user", "content": "Say something."}]}


def with_item(**item: object) -> Body:
    return {"input": [item]}


@pytest.mark.parametrize(
    "asked",
    [
        with_item(
            type="computer_call_output", call_id="c", output={"type": "computer_screenshot", "file_id": "file-1"}
        ),
        with_item(type="custom_tool_call_output", call_id="c", output=[{"type": "input_file", "file_id": "file-1"}]),
        with_item(type="image_generation_call", id="ig_1"),
        with_item(type="code_interpreter_call", id="ci_1", container_id="cntr_1", code="1"),
        with_item(type="file_search_call", id="fs_1", queries=["x"]),
        with_item(type="mcp_call", id="mcp_1", name="x", server_label="x", arguments="{}"),
        with_item(type="item_reference", id="msg_1"),
        with_item(type="brand_new"),
    ],
)
def test_an_item_that_lies_at_the_provider_is_refused(asked: Body) -> None:
    with pytest.raises(InvalidRequest, match="which all tenants share") as refusal:
        RESPONSES.read(RESPONSE | asked)
    assert refusal.value.field.startswith("input")


@pytest.mark.parametrize("kind", ["custom_tool_call", "computer_call", "local_shell_call", "apply_patch_call"])
@pytest.mark.parametrize("end", ["", "_output"])
def test_what_the_client_ran_itself_is_taken(kind: str, end: str) -> None:
    assert (
        RESPONSES.read(RESPONSE | with_item(type=kind + end, call_id="c")).lost
        == f"it takes no “{kind}{end}” in “input”"
    )


def chat_of(*parts: Body, **message: object) -> Body:
    return {"messages": [{"role": "user", "content": list(parts), **message}]}


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (chat_of({"type": "file", "file": {"file_id": "file-1"}}), "messages[0].content"),
        (chat_of({"type": "file", "file_id": "file-1"}), "messages[0].content"),
        (chat_of(role="assistant", audio={"id": "audio_1"}), "messages[0].audio"),
        ({"data_sources": [{"type": "azure_search"}]}, "data_sources"),
    ],
)
def test_what_a_chat_names_in_the_account_is_refused(asked: Body, field: str) -> None:
    with pytest.raises(InvalidRequest, match="which all tenants share") as refusal:
        CHAT.read(SAID | asked)
    assert refusal.value.field == field


def test_what_a_tool_was_called_with_may_be_called_anything() -> None:
    used = {"type": "tool_use", "id": "t", "name": "f", "input": {"file_id": "mine"}}
    MESSAGES.read(SAID | {"max_tokens": 9, "messages": [{"role": "assistant", "content": [used]}]})
    with pytest.raises(InvalidRequest, match="“file_id”"):
        inner = {"type": "image", "source": {"type": "file", "file_id": "file_1"}}
        result = {"type": "tool_result", "tool_use_id": "t", "content": [inner]}
        MESSAGES.read(SAID | {"max_tokens": 9, "messages": [{"role": "user", "content": [result]}]})


@pytest.mark.parametrize(
    "tool",
    [{"type": "web_search"}, {"type": "browser_search"}, {"type": "openrouter:web_search"}, {"google_search": {}}],
)
def test_a_chat_has_no_tool_that_its_provider_runs(tool: Body) -> None:
    with pytest.raises(InvalidRequest, match=f"“{tool.get('type', 'google_search')}” is run by the provider"):
        CHAT.read(SAID | {"tools": [tool]})


def test_a_chat_has_the_tools_of_its_client() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}]
    assert CHAT.read(SAID | {"tools": [*tools, {"function": {"name": "g"}}]}).lost == ""
    with pytest.raises(InvalidRequest, match="must be a list of tools"):
        CHAT.read(SAID | {"tools": ["f"]})


ELSEWHERE: list[Body] = [
    {"data_sources": [{"type": "azure_search"}]},
    {"extra_body": {"google": {"cached_content": "cachedContents/1"}}},
    {"web_search_options": {}},
    {"search_parameters": {"mode": "auto"}},
    {"plugins": [{"id": "web"}]},
    {"models": ["a-dearer-one"]},
    {"preset": "mine"},
    {"speed": "fast"},
    {"inference_geo": "us"},
    {"audio": {"voice": "alloy", "format": "wav"}},
    {"modalities": ["text", "audio"]},
    {"compaction": {"type": "auto"}},
    {"service_tier": "priority"},
    {"service_tier": ["flex"]},
    {"context_management": {"edits": [{"type": "clear_thinking_20251015"}, {"type": "compact_20260112"}]}},
    {"context_management": [{"type": "compaction", "compact_threshold": 1000}]},
    {"n_cmpl": 5},
]
FORMS: list[tuple[Form, Body]] = [
    (CHAT, SAID),
    (COMPLETIONS, {"model": "echo-model", "prompt": "Say something."}),
    (EMBEDDINGS, RESPONSE),
    (MESSAGES, SAID | {"max_tokens": 9}),
    (RESPONSES, RESPONSE),
]


@pytest.mark.parametrize(("form", "asked"), FORMS, ids=lambda each: getattr(each, "name", ""))
@pytest.mark.parametrize("more", ELSEWHERE, ids=lambda more: next(iter(more)))
def test_no_form_asks_for_what_a_call_is_not_charged(form: Form, asked: Body, more: Body) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        form.read(asked | more)
    assert refusal.value.field == next(iter(more))


@pytest.mark.parametrize(("form", "asked"), FORMS, ids=lambda each: getattr(each, "name", ""))
def test_what_costs_nothing_more_is_taken(form: Form, asked: Body) -> None:
    edits = {"edits": [{"type": "clear_tool_uses_20250919"}]}
    for more in ({"service_tier": "flex"}, {"service_tier": None}, {"modalities": ["text"]}, {"audio": None}):
        form.read(asked | more | {"context_management": edits, "web_search_options": None})


TARGET = Target(uuid4(), "anthropic", "Anthropic", "anthropic", "http://127.0.0.1:9/v1", "", "claude-opus-4-6")


def with_betas(betas: str) -> str:
    """The lines of the head that are this call's alone: heads are kept that many calls have in common, and no client
    chooses what is kept."""
    asked = replace(MESSAGES.read(SAID | {"max_tokens": 9}), headers={"anthropic-beta": betas})
    request = ANTHROPIC.request(TARGET, asked)
    assert not any(betas in value for value in request.headers.values())
    return request.own.decode()


def test_betas_that_cost_nothing_and_reach_nothing_are_passed_on() -> None:
    usual = "claude-code-20250219, interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14"
    assert with_betas(usual) == f"anthropic-beta: {usual}\r\n"


@pytest.mark.parametrize(
    "beta",
    ["context-1m-2025-08-07", "files-api-2025-04-14", "fast-mode-2026-02-01", "compact-2026-01-12", "claude-code", "x"],
)
def test_any_other_beta_is_refused(beta: str) -> None:
    with pytest.raises(InvalidRequest, match=f"The beta “{beta}” is not passed on"):
        with_betas(f"interleaved-thinking-2025-05-14,{beta}")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "https://www.youtube.com/watch?v=x",
        "gs://bucket/a.png",
        "data:video/mp4;base64,aaaa",
    ],
)
def test_gemini_fetches_nothing(url: str) -> None:
    with pytest.raises(InvalidRequest, match="images as data: only"):
        as_contents(chat_of({"type": "image_url", "image_url": {"url": url}}))
    assert as_contents(chat_of({"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}}))
