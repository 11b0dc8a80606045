"""What a client of `/v1/chat/completions` sees when all goes well, and what the ledger holds of it."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import httpx
import openai
import pgtrigger
import pytest
from django.utils import timezone

from audit.record import SYSTEM
from catalog.lifecycle.moving import move
from catalog.models import Deployment, ModelVersion, Route
from tenants.changes import announce
from tenants.models import Tenant
from tests.cast import Cast
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.provider import WORDS, Provider
from usage.models import Call, PlatformRollup, Price, Rollup


def test_the_openai_client_gets_an_answer(sdk: openai.OpenAI, team: Cast) -> None:
    answer = sdk.chat.completions.create(model="echo-model", messages=HELLO)  # type: ignore[arg-type]
    assert answer.choices[0].message.content == "Well, this is it."
    call = kept().get()
    assert (call.outcome, call.status, call.is_streamed, call.usage_source) == ("ok", 200, False, "provider")
    assert (call.input_tokens, call.output_tokens, call.cached_input_tokens) == (11, 5, 4)
    assert call.cost == Decimal("0.000021") and call.price_id == Price.objects.get().id
    assert (call.tenant, call.environment) == (team.acme, team.environment())
    assert (call.key_name, call.route, call.provider, call.origin) == ("Laptop", "echo-model", "echo", "api")
    assert call.finish_reason == "stop"


def test_the_openai_client_gets_a_stream(sdk: openai.OpenAI) -> None:
    stream = sdk.chat.completions.create(model="echo-model", messages=HELLO, stream=True)  # type: ignore[arg-type]
    chunks = list(stream)
    assert [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content] == WORDS
    assert chunks[-1].choices[0].finish_reason == "stop", "the usage that only Atrium asked for is not passed on"
    call = kept().get()
    assert (call.outcome, call.is_streamed, call.input_tokens, call.output_tokens) == ("ok", True, 11, 5)
    assert call.first_token_ms is not None and call.first_token_ms <= call.duration_ms


def test_a_client_that_asks_for_usage_gets_it(sdk: openai.OpenAI) -> None:
    stream = sdk.chat.completions.create(
        model="echo-model",
        messages=HELLO,  # type: ignore[arg-type]
        stream=True,
        stream_options={"include_usage": True},
    )
    last = list(stream)[-1]
    assert last.usage is not None and last.usage.completion_tokens == 5 and last.choices == []


def test_events_pass_through_as_the_provider_wrote_them(client: httpx.Client) -> None:
    asked = {"model": "echo-model", "messages": HELLO, "stream": True}
    answer = client.post("/v1/chat/completions", json=asked)
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in answer.text.split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    assert json.loads(lines[0].removeprefix("data: "))["choices"][0]["delta"] == {"content": "Well"}
    assert len(lines) == len(WORDS) + 2


FUNCTION = {"type": "function", "function": {"name": "f", "a": None}}


def test_parameters_and_unknown_fields_reach_the_provider(client: httpx.Client, provider: Provider) -> None:
    asked = {"model": "echo-model", "messages": HELLO, "temperature": 0.25, "tools": [FUNCTION], "zzz": {"é": [1.5]}}
    client.post("/v1/chat/completions", json=asked)
    assert provider.exchanges[0].body == asked
    client.post("/v1/chat/completions", json=asked | {"stream": True, "stream_options": {"x": 1}})
    assert provider.exchanges[1].body["stream_options"] == {"x": 1, "include_usage": True}
    assert "authorization" not in provider.exchanges[0].headers


def test_every_answer_says_which_call_it_was(client: httpx.Client) -> None:
    asked = {"model": "echo-model", "messages": HELLO}
    answer = client.post("/v1/chat/completions", json=asked, headers={"x-request-id": "mine-1"})
    call = kept().get()
    assert answer.headers["x-request-id"] == call.request_id == "mine-1"
    assert answer.headers["x-atrium-call-id"] == str(call.id)
    assert answer.headers["x-atrium-route"] == "echo-model"
    assert answer.headers["x-atrium-deployment"] == "echo/echo-model"
    assert Decimal(answer.headers["x-atrium-cost"]) == call.cost
    again = client.post("/v1/chat/completions", json=asked, headers={"x-request-id": "not valid"})
    assert len(again.headers["x-request-id"]) == 32


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_name_with_a_line_break_breaks_no_answer(client: httpx.Client, route: Route, is_streamed: bool) -> None:
    """As an earlier release, or a list of models that was imported, may have brought one."""
    Deployment.objects.update(upstream_name="echo\r\nx-injected: 1 é\x7f")
    announce("route")
    asked = {"model": "echo-model", "messages": HELLO, "stream": is_streamed}

    def named() -> bool:
        answer = client.post("/v1/chat/completions", json=asked)
        assert answer.status_code == 200 and "x-injected" not in answer.headers
        return answer.headers["x-atrium-deployment"] == "echo/echo??x-injected: 1 ??"

    eventually(named)


def test_models_are_those_that_the_key_may_use(sdk: openai.OpenAI, route: Route) -> None:
    assert [(model.id, model.owned_by) for model in sdk.models.list()] == [("echo-model", "echo")]
    assert sdk.models.retrieve("echo-model").id == "echo-model"


def test_the_list_of_models_says_of_one_that_it_ends(client: httpx.Client, route: Route) -> None:
    version = route.targets.get().deployment.version
    day = timezone.now().date() + dt.timedelta(days=60)
    ModelVersion.objects.create(model=version.model, label="2")  # listed, and nothing serves it
    assert "deprecated" not in client.get("/v1/models/echo-model").json()
    move(version=version, verb="deprecate", reason="Its successor is better", ends_on=day, by=SYSTEM)
    wanted = {"deprecated": True, "ends_on": day.isoformat()}
    eventually(lambda: wanted.items() <= client.get("/v1/models/echo-model").json().items())


def test_a_large_prompt_in_any_script_arrives_whole(client: httpx.Client, provider: Provider) -> None:
    text = "\0 <script>alert(1)</script> 👩‍🚀 שלום עולם \u202e " + "x" * 2_000_000
    answer = client.post(
        "/v1/chat/completions", json={"model": "echo-model", "messages": [{"role": "user", "content": text}]}
    )
    assert answer.status_code == 200
    assert provider.exchanges[0].body["messages"][0]["content"] == text


def test_calls_one_after_the_other_share_a_connection(client: httpx.Client, provider: Provider) -> None:
    for stream in (False, True, False, True, True):
        client.post("/v1/chat/completions", json={"model": "echo-model", "messages": HELLO, "stream": stream})
    assert (len(provider.exchanges), provider.accepted) == (5, 1)


def test_what_a_team_of_the_demonstration_uses_is_marked_so(
    client: httpx.Client, provider: Provider, team: Cast
) -> None:
    asked = {"model": "echo-model", "messages": HELLO}
    shown = Call.objects.filter(is_demonstration=True)
    client.post("/v1/chat/completions", json=asked)
    assert kept().get().is_demonstration is False
    with pgtrigger.ignore("tenants.Tenant:stays_real"):  # a real tenant never becomes one; here it saves a second cast
        Tenant.objects.filter(pk=team.acme.pk).update(is_demonstration=True)
    announce("tenant")
    eventually(lambda: client.post("/v1/chat/completions", json=asked) and shown.exists())
    kept(len(provider.exchanges))
    for rows in (Call, Rollup, PlatformRollup):
        assert set(rows._default_manager.values_list("is_demonstration", flat=True)) == {False, True}, rows
    assert Rollup.objects.get(is_demonstration=True).calls == shown.count()
