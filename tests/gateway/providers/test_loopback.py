"""The loopback: it says everywhere that no model answers, and its calls are metered and paid as all others are."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest
from django.test import Client
from pytest_django import Settings

from catalog.egress import AddressNotAllowed
from catalog.loopback import LABEL
from catalog.models import Model, Provider, Route
from gateway.counting import tokens_of
from gateway.forms.chat import CHAT
from gateway.providers import known
from gateway.providers.loopback.manner import How, normalised, read
from gateway.providers.loopback.turns import Turns
from tenants.changes import announce
from tenants.keys import issue
from tests.cast import Cast
from tests.gateway.conftest import HELLO, allow, eventually, kept
from tests.gateway.serving import Served
from usage.models import Price

ADDRESS = "loopback://here"
CHAT_AT = "/v1/chat/completions"


def connected(pat: Client, address: str = ADDRESS, name: str = "Load") -> Any:
    given = {"name": name, "dialect": "loopback", "base_url": address}
    return pat.post("/api/providers/", given, content_type="application/json", headers={"Idempotency-Key": name})


def published(pat: Client, provider: str = "loopback-load", slug: str = "loopback-a", **more: Any) -> Any:
    given = {"provider": provider, "upstream_name": "loopback", "slug": slug, "input_per_million": "0",
             "output_per_million": "0"} | more  # fmt: skip
    return pat.post("/api/routes/", given, content_type="application/json", headers={"Idempotency-Key": slug})


@pytest.fixture
def pat(team: Cast) -> Client:
    """A browser of the platform team."""
    made = Client()
    made.force_login(team.pat)
    return made


@pytest.fixture
def served(team: Cast, pat: Client, tmp_path: Any, settings: Settings) -> Callable[..., Any]:
    """`served(address)`: a loopback with this address behind the route `loopback-a`, granted, and a client for it."""
    settings.JOURNAL_FOLDER = tmp_path / "journal"

    def started(address: str = ADDRESS) -> tuple[Served, httpx.Client]:
        assert connected(pat, address).status_code == 201
        assert published(pat).status_code == 201
        allow(team.environment(), Route.objects.get(slug="loopback-a"))
        key = issue(environment=team.environment(), name="Laptop", by=team.dev).secret
        front = Served()
        client = httpx.Client(base_url=front.__enter__().url, headers={"authorization": f"Bearer {key}"}, timeout=20)
        open_ones.append((front, client))
        return front, client

    open_ones: list[tuple[Served, httpx.Client]] = []
    yield started
    for front, client in open_ones:
        client.close()
        front.__exit__(None, None, None)


# --- what it is called ------------------------------------------------------------------------------------------------
def test_it_says_what_it_is_wherever_it_is_named(pat: Client) -> None:
    made = connected(pat)
    assert made.status_code == 201, made.content
    assert (made.json()["slug"], made.json()["name"]) == ("loopback-load", f"Load ({LABEL})")
    assert published(pat).status_code == 201
    model = Model.objects.get(routes__slug="loopback-a")
    assert model.slug.startswith("loopback") and LABEL in model.name
    for path in ("/platform/providers/", "/platform/providers/loopback-load/", f"/catalog/models/{model.slug}/"):
        page = pat.get(path)
        assert page.status_code == 200 and LABEL in page.content.decode(), path
    told = pat.get("/api/deployments/?provider__slug=loopback-load").json()["results"][0]
    assert told["is_loopback"] is True and pat.get("/api/providers/loopback-load/").json()["is_loopback"] is True


def test_neither_can_pass_for_the_other(pat: Client, route: Route) -> None:
    assert connected(pat).status_code == 201
    for more in ({"slug": "gpt-4"}, {"model": route.model.slug}):
        told = published(pat, **more)
        assert told.status_code == 422 and "No model answers here" in told.json()["detail"], told.content
    real = {"provider": route.targets.get().deployment.provider.slug}
    for more in ({"slug": "loopback-b", "model": route.model.slug}, {"model": "", "new_name": "loopback"}):
        told = published(pat, **(real | {"upstream_name": "other"} | more))
        assert told.status_code == 422 and "kept for what no model answers" in told.json()["detail"], told.content
    given = {"name": "Loopback", "dialect": "openai", "base_url": "http://127.0.0.1:9/v1"}
    told = pat.post("/api/providers/", given, content_type="application/json", headers={"Idempotency-Key": "k"})
    assert told.status_code == 422 and "kept for what no model answers" in told.json()["detail"]
    listed = Provider.objects.create(slug="groq", name="Groq")
    given = {"name": "x", "dialect": "loopback", "slug": listed.slug}
    told = pat.post("/api/providers/", given, content_type="application/json", headers={"Idempotency-Key": "l"})
    assert told.status_code == 422 and "No model answers here" in told.json()["detail"]


def test_where_it_is_switched_off_it_is_not_offered_and_answers_nothing(pat: Client, settings: Settings) -> None:
    assert "loopback" in pat.get("/platform/providers/connect/").content.decode()
    settings.LOOPBACK_PROVIDER = False
    assert "loopback" not in pat.get("/platform/providers/connect/").content.decode().lower()
    told = connected(pat)
    assert told.status_code == 422 and "no kind of endpoint" in told.json()["detail"]
    settings.LOOPBACK_PROVIDER = True
    assert connected(pat).status_code == 201
    settings.LOOPBACK_PROVIDER = False
    tested = pat.post(
        "/api/providers/loopback-load/test/", content_type="application/json", headers={"Idempotency-Key": "t"}
    )
    assert tested.status_code == 422 and "switched off" in tested.json()["detail"]
    assert "ATRIUM_LOOPBACK" in known()["loopback"].cannot(CHAT.read({"model": "m", "messages": HELLO}))


# --- its address ------------------------------------------------------------------------------------------------------
def test_its_address_says_how_it_answers() -> None:
    assert read("loopback://here?first_ms=50&tps=200&fail=0.01") == How(first_ms=50, tps=200, fail=0.01)
    assert normalised(" loopback://?tps=200&first_ms=50.0 ") == "loopback://here?first_ms=50&tps=200"
    assert normalised("loopback:") == ADDRESS


@pytest.mark.parametrize(
    "address",
    ["http://here", "loopback://elsewhere", "loopback://here/x", "loopback://here?speed=1", "loopback://here?fail=2",
     "loopback://here?tps=-1", "loopback://here?tps=nan", "loopback://here?tps=1&tps=2", "loopback://here?tps",
     "loopback://here?fail=0.6&drop=0.6", "loopback://here#x", "loopback://[", ""],
)  # fmt: skip
def test_what_is_no_address_of_one(address: str) -> None:
    with pytest.raises(AddressNotAllowed):
        normalised(address)


def test_its_failures_are_as_many_as_asked_for_and_lie_evenly() -> None:
    turns, how = Turns(), How(fail=0.1, busy=0.2, drop=0.05)
    told = [turns.next(ADDRESS, how) for _ in range(1000)]
    for turn, part in (("fail", 100), ("busy", 200), ("drop", 50)):
        assert abs(told.count(turn) - part) <= 3  # type: ignore[arg-type]
        assert abs(told[:100].count(turn) - part / 10) <= 2  # type: ignore[arg-type]


# --- what it answers --------------------------------------------------------------------------------------------------
def test_it_says_again_what_it_was_asked_and_is_metered(served: Callable[..., Any]) -> None:
    _, client = served()
    told = client.post(CHAT_AT, json={"model": "loopback-a", "messages": HELLO})
    assert told.status_code == 200 and told.json()["choices"][0]["message"]["content"] == HELLO[0]["content"]
    assert told.json()["system_fingerprint"] == LABEL
    assert told.headers["x-atrium-deployment"] == "loopback-load/loopback"
    call = kept().get()
    assert (call.provider, call.usage_source, call.outcome) == ("loopback-load", "provider", "ok")
    assert call.output_tokens == tokens_of(HELLO[0]["content"]) and call.cost == 0 and call.price_id is not None


def test_it_says_as_much_as_it_is_to_in_every_form(served: Callable[..., Any]) -> None:
    _, client = served(f"{ADDRESS}?tokens=40")
    bodies = {
        CHAT_AT: {"messages": HELLO}, "/v1/completions": {"prompt": "Say."},
        "/v1/messages": {"messages": HELLO, "max_tokens": 100}, "/v1/responses": {"input": "Say."},
    }  # fmt: skip
    for path, body in bodies.items():
        for stream in (False, True):
            told = client.post(path, json=body | {"model": "loopback-a", "stream": stream})
            assert told.status_code == 200 and "answer" in told.text, (path, told.text)
    calls = kept(8)
    assert {(call.output_tokens, call.usage_source) for call in calls} == {(40, "provider")}
    text = client.post(CHAT_AT, json={"model": "loopback-a", "messages": HELLO}).json()["choices"][0]["message"]
    assert tokens_of(text["content"]) == 40


def test_a_bound_cuts_it_and_it_says_so(served: Callable[..., Any]) -> None:
    _, client = served(f"{ADDRESS}?tokens=40")
    told = client.post(CHAT_AT, json={"model": "loopback-a", "messages": HELLO, "max_tokens": 7}).json()
    assert told["choices"][0]["finish_reason"] == "length" and told["usage"]["completion_tokens"] == 7


def test_signs_of_several_tokens_come_back_whole(served: Callable[..., Any]) -> None:
    _, client = served()
    text = "Grüße 👋🏽 und 日本語"
    for stream in (False, True):
        body = {"model": "loopback-a", "messages": [{"role": "user", "content": text}], "stream": stream}
        told = client.post(CHAT_AT, json=body)
        if stream:
            chunks = [json.loads(line[6:]) for line in told.text.splitlines() if line.startswith("data: {")]
            said = "".join(each["choices"][0]["delta"].get("content", "") for each in chunks if each["choices"])
        else:
            said = told.json()["choices"][0]["message"]["content"]
        assert said == text


def test_it_takes_the_time_that_it_is_to(served: Callable[..., Any]) -> None:
    _, client = served(f"{ADDRESS}?first_ms=200&tps=100&tokens=30")
    began = time.monotonic()
    arrived = []
    with client.stream("POST", CHAT_AT, json={"model": "loopback-a", "messages": HELLO, "stream": True}) as told:
        for line in told.iter_lines():
            if line.startswith("data: {"):
                arrived.append(time.monotonic() - began)
    assert arrived[0] >= 0.2 and arrived[-1] - arrived[0] >= 0.28  # 30 tokens, ten milliseconds each
    call = kept().get()
    assert call.first_token_ms is not None and call.first_token_ms >= 200 and call.duration_ms >= 480
    began = time.monotonic()
    client.post(CHAT_AT, json={"model": "loopback-a", "messages": HELLO})
    assert time.monotonic() - began >= 0.49


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [("fail=1", 500, "provider_failed"), ("busy=1", 429, "provider_busy"), ("drop=1", 502, "provider_dropped")],
)
def test_its_failures_are_such_as_others_have(served: Callable[..., Any], how: str, status: int, code: str) -> None:
    _, client = served(f"{ADDRESS}?tokens=10&{how}")
    told = client.post(CHAT_AT, json={"model": "loopback-a", "messages": HELLO})
    assert told.status_code in (status, 502) and told.json()["error"]["code"] == code
    call = kept().get()
    assert (call.error_code, call.outcome) == (code, "failed")
    with client.stream("POST", CHAT_AT, json={"model": "loopback-a", "messages": HELLO, "stream": True}) as streamed:
        body = b"".join(streamed.iter_bytes())
    assert code.encode() in body and (b"This" in body) == (how == "drop=1")


def test_time_outs_hold_for_it_too(served: Callable[..., Any], settings: Settings) -> None:
    settings.GATEWAY_TIMEOUTS_S = (5.0, 0.3, 0.3, 10.0)
    _, client = served(f"{ADDRESS}?first_ms=5000")
    told = client.post(CHAT_AT, json={"model": "loopback-a", "messages": HELLO})
    assert told.status_code == 504 and told.json()["error"]["code"] == "provider_timeout"


def test_a_client_that_goes_ends_it(served: Callable[..., Any]) -> None:
    _, client = served(f"{ADDRESS}?tps=20&tokens=1000")
    with client.stream("POST", CHAT_AT, json={"model": "loopback-a", "messages": HELLO, "stream": True}) as told:
        next(told.iter_lines())
    call = kept(within_s=5).get()
    assert call.outcome == "cancelled" and 0 < call.output_tokens < 200


def test_it_is_paid_for_where_it_has_a_price(served: Callable[..., Any]) -> None:
    _, client = served(f"{ADDRESS}?tokens=10")
    Price.objects.update(output_per_million=Decimal(5))
    announce("price")

    def cost() -> Any:
        told = client.post(CHAT_AT, json={"model": "loopback-a", "messages": HELLO})
        return told.headers.get("x-atrium-cost") if float(told.headers.get("x-atrium-cost", 0)) else None

    assert Decimal(eventually(cost)) == Decimal("0.00005")


def test_it_calls_the_tool_that_it_has_to(served: Callable[..., Any]) -> None:
    front, client = served()
    tool: Any = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    with openai.OpenAI(base_url=f"{front.url}/v1", api_key=client.headers["authorization"][7:]) as sdk:
        told = sdk.chat.completions.create(
            model="loopback-a",
            messages=HELLO,
            tools=[tool],
            tool_choice="required",  # type: ignore[arg-type]
        )
        with sdk.chat.completions.stream(model="loopback-a", messages=HELLO, tools=[tool], tool_choice="required") as s:  # type: ignore[arg-type]
            streamed = s.get_final_completion()
        vectors = sdk.embeddings.create(model="loopback-a", input=["a", "b", "a"], dimensions=8)
    for each in (told, streamed):
        call = each.choices[0].message.tool_calls[0]  # type: ignore[index]
        assert (call.function.name, call.function.arguments) == ("look", "{}")  # type: ignore[union-attr]
        assert each.choices[0].finish_reason == "tool_calls"
    first, second, third = (each.embedding for each in vectors.data)
    assert first == third != second and len(first) == 8 and abs(sum(x * x for x in first) - 1) < 1e-5


def test_it_embeds_so_many_texts_that_nobody_waits_for_them(served: Callable[..., Any]) -> None:
    _, client = served()
    asked = {"model": "loopback-a", "input": ["a"] * 97}
    refused = client.post("/v1/embeddings", json=asked)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "input")
    assert client.post("/v1/embeddings", json=asked | {"input": ["a"] * 96}).status_code == 200
