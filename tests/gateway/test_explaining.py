"""What every answer's head tells of limits, and what a caller is told who asks why (`x-atrium-explain: 1`)."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import anthropic
import httpx
import openai

from catalog import steering
from catalog.models import Route
from tenants.keys import issue
from tenants.models import ApiKey, Environment
from tests import cast as make
from tests.cast import Cast
from tests.gateway.conftest import HELLO, allow
from tests.gateway.provider import Provider
from tests.gateway.routing import also_at, known, router
from usage.capacity.setting import set_capacity
from usage.limits.budgets import set_budget
from usage.limits.places import of_environment, of_key, of_project, of_tenant
from usage.limits.setting import set_limits

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO, "max_tokens": 5}
EXPLAIN = {"x-atrium-explain": "1"}
WHOLE = {"requests": 10, "tokens": 1000, "input_tokens": 600, "output_tokens": 400}


def ask(client: httpx.Client, path: str = "/v1/chat/completions", **more: Any) -> httpx.Response:
    return client.post(path, json=ASKED | more)


def limits_in(answer: httpx.Response, start: str = "x-ratelimit-") -> dict[str, str]:
    return {name.removeprefix(start): value for name, value in answer.headers.items() if name.startswith(start)}


def test_it_works(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_limits(place=of_tenant(team.acme), amounts=WHOLE, by=team.pat)
    with front_with(key) as client:
        told = limits_in(ask(client))
    assert (told["limit-requests"], told["remaining-requests"]) == ("10", "9")
    assert (told["limit-tokens"], told["remaining-tokens"]) == ("1000", "984"), "11 in and 5 out were used"
    assert (told["remaining-input-tokens"], told["remaining-output-tokens"]) == ("589", "395")
    assert told["reset-requests"].endswith("s") and 50 <= int(told["reset-requests"][:-1]) <= 61


def test_every_answer_tells_them(team: Cast, key: str, route: Route, front_with: Any) -> None:
    """Streams, refusals of every kind, lists, counts, and every form."""
    set_limits(place=of_tenant(team.acme), amounts={"requests": 10}, by=team.pat)
    with front_with(key) as client:
        answers = [
            ask(client, stream=True),
            client.get("/v1/models"),
            ask(client, model="no-such-model"),
            ask(client, messages=[]),
            client.post("/v1/responses", json={"model": "echo-model", "input": "Hi"}),
            client.post("/v1/completions", json={"model": "echo-model", "prompt": "Hi"}),
            client.get("/v1/nowhere"),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 400, 200, 200, 404]
    told = [limits_in(answer).get("remaining-requests") for answer in answers]
    assert told == ["9", "9", "9", "9", "8", "7", None], "who calls is not asked at an address that is none"


def test_anthropics_clients_are_told_in_their_own_form(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_limits(place=of_tenant(team.acme), amounts={"requests": 2, "output_tokens": 400}, by=team.pat)
    with front_with(key) as client:
        answers = [ask(client, "/v1/messages") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    told = [limits_in(answer, "anthropic-ratelimit-") for answer in answers]
    assert [each["requests-remaining"] for each in told] == ["1", "0", "0"]
    assert told[0]["output-tokens-remaining"] == "395" and told[0]["requests-reset"].endswith("Z")
    assert not limits_in(answers[0])


def test_input_and_output_have_limits_of_their_own(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_limits(place=of_tenant(team.acme), amounts={"output_tokens": 30}, by=team.pat)
    set_limits(place=of_environment(team.environment()), amounts={"input_tokens": 35}, by=team.olivia)
    with front_with(key) as client:
        longer = ask(client, max_tokens=31)
        assert (longer.status_code, longer.json()["error"]["code"]) == (400, "tokens_over_limit")
        assert "31 output tokens" in longer.json()["error"]["message"]
        answers = [ask(client) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429], "11 of the prompt each: 33 are used"
    assert "35 input tokens a minute, and 33 are used" in answers[-1].json()["error"]["message"]


def test_counting_tokens_is_held_to_a_rate(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_limits(place=of_tenant(team.acme), amounts={"requests": 2, "concurrent": 1}, by=team.pat)
    counting = {"model": "echo-model", "messages": HELLO}
    with front_with(key) as client:
        answers = [client.post("/v1/messages/count_tokens", json=counting) for _ in range(3)]
        assert ask(client).status_code == 429, "calls and counts are held together"
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["anthropic-ratelimit-requests-remaining"] == "1"


def test_an_explanation_of_an_answer(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_limits(place=of_tenant(team.acme), amounts={"requests": 10}, by=team.pat)
    set_limits(place=of_key(ApiKey.objects.get()), amounts={"requests": 4, "concurrent": 3}, by=team.dev)
    set_budget(place=of_tenant(team.acme), amount=Decimal(5), is_hard=True, by=team.pat)
    set_budget(place=of_project(team.project), amount=Decimal(3), is_hard=True, by=team.olivia)
    set_capacity(subject=route, amounts={"requests": 500}, by=team.pat)
    with front_with(key) as client:
        client.headers.update(EXPLAIN)
        answer = ask(client)
    told = json.loads(answer.headers["x-atrium-explanation"])
    assert told["key"]["name"] == "Laptop" and told["environment"] == "acme/support/development"
    assert told["route"] == "echo-model"
    assert told["grant"] == {"decided_in": None, "decided_at": None, "until": None, "in_force": True}
    assert told["deployments"] == [{"deployment": "echo/echo-model", "outcome": "is asked"}]
    limits = {(each["of"], each["metric"]): each for each in told["limits"]}
    assert limits["the key “Laptop”", "requests"] == {
        "of": "the key “Laptop”", "metric": "requests", "limit": 4, "left": 3, "tightest": True,
    }  # fmt: skip
    assert (
        limits["the tenant Acme", "requests"]["left"] == 9 and "tightest" not in limits["the tenant Acme", "requests"]
    )
    assert limits["the route echo-model", "requests"] == {"of": "the route echo-model", "metric": "requests"}, (
        "how much all tenants share and use is not told"
    )
    below, above = told["budgets"]
    assert (below["of"], below["amount"], below["fits"]) == ("the project Support", "3", True)
    assert Decimal(0) < Decimal(below["left"]) <= 3
    assert above == {
        "of": "the tenant Acme", "currency": "USD", "each": "month", "reserved": below["reserved"], "fits": True,
    }, "what the whole tenant has and spends is not told to each of its keys"  # fmt: skip
    assert Decimal(above["reserved"]) > 0
    assert told["price"]["output_per_million"] == "2" and told["cost"] == answer.headers["x-atrium-cost"].rstrip("0")
    assert told["call"] == answer.headers["x-atrium-call-id"]
    assert "127.0.0.1" not in answer.headers["x-atrium-explanation"], "no address of a provider"


def test_without_asking_nothing_is_explained(client: httpx.Client) -> None:
    assert "x-atrium-explanation" not in ask(client).headers


def test_an_explanation_of_a_refusal(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_limits(place=of_tenant(team.acme), amounts={"requests": 1}, by=team.pat)
    with front_with(key) as client:
        client.headers.update(EXPLAIN)
        assert ask(client).status_code == 200
        limited, unknown = ask(client).json()["error"], ask(client, model="nothing").json()["error"]
        stranger = httpx.post(f"{client.base_url}/v1/chat/completions", json=ASKED, headers=EXPLAIN).json()["error"]
        theirs = ask(client, "/v1/messages").json()["error"]
    told = limited["explanation"]
    assert (told["refused"], told["grant"]["in_force"]) == ("rate_limit_exceeded", True)
    assert told["limits"] == [{"of": "the tenant Acme", "metric": "requests", "limit": 1, "left": 0, "tightest": True}]
    assert unknown["explanation"]["route"] is None
    assert stranger["explanation"] == {"refused": "missing_api_key"}
    assert theirs["explanation"]["refused"] == "rate_limit_exceeded"


def test_a_budget_that_does_not_fit_is_named(team: Cast, key: str, route: Route, front_with: Any) -> None:
    set_budget(place=of_tenant(team.acme), amount=Decimal(0), is_hard=True, by=team.pat)
    with front_with(key) as client:
        client.headers.update(EXPLAIN)
        (budget,) = ask(client).json()["error"]["explanation"]["budgets"]
    assert (budget["of"], budget["fits"], budget["reserved"]) == ("the tenant Acme", False, "0")
    assert not {"amount", "left"} & set(budget)


def test_of_a_route_that_was_not_granted_nothing_is_told(team: Cast, key: str, route: Route, front_with: Any) -> None:
    other = make.route("other-model", provider="other")
    set_capacity(subject=other, amounts={"requests": 321}, by=team.pat)
    with front_with(key) as client:
        client.headers.update(EXPLAIN)
        told = ask(client, model="other-model").json()["error"]["explanation"]
    assert (told["route"], told["grant"], told["limits"]) == ("other-model", None, [])
    assert "deployments" not in told and "321" not in json.dumps(told)


def test_how_long_others_waited_is_for_the_platform_alone(
    team: Cast, key: str, route: Route, provider: Provider, front_with: Any
) -> None:
    also_at(route, "second", provider.url)
    steering.steer(route=route, policy="latency", by=team.pat)
    with front_with(key) as client:
        client.headers.update(EXPLAIN)
        known(route, 2)
        for _ in range(3):
            told = json.loads(ask(client).headers["x-atrium-explanation"])
        asked = [each["outcome"] for each in told["deployments"] if each["outcome"] != "not needed"]
        assert asked == ["is asked, by latency"]
        choice = router().report()["choices"][0]
    assert re.search(r"is asked, by latency: (\d\.\d{3} s with \d calls|not known yet)\.", choice["reasons"][0])


def test_a_key_that_is_for_other_routes_is_told_nothing_of_this_one(
    team: Cast, key: str, route: Route, front_with: Any
) -> None:
    theirs = Environment.objects.get(project=team.foreign_project, kind="development")
    allow(theirs, route)
    other = issue(environment=theirs, name="Theirs", by=team.greta).secret
    set_limits(place=of_tenant(team.acme), amounts={"requests": 7}, by=team.pat)
    ApiKey.objects.filter(name="Theirs").update(allowed_routes=["another"])
    with front_with(other) as client:
        client.headers.update(EXPLAIN)
        told = ask(client).json()["error"]["explanation"]
    assert told["route"] is None and "grant" not in told
    assert "Acme" not in json.dumps(told) and told["limits"] == []


def test_a_stream_tells_at_its_head_and_what_it_came_to_at_its_end(
    team: Cast, key: str, route: Route, provider: Provider, front_with: Any
) -> None:
    with front_with(key) as client:
        client.headers.update(EXPLAIN)
        answer = ask(client, stream=True, stream_options={"include_usage": True})
        told = json.loads(answer.headers["x-atrium-explanation"])
        assert told["route"] == "echo-model" and "cost" not in told
        (comment,) = [line for line in answer.text.splitlines() if line.startswith(": x-atrium ")]
        account = json.loads(comment.removeprefix(": x-atrium "))
        assert (account["outcome"], account["output_tokens"], account["call"]) == ("ok", 5, told["call"])
        assert Decimal(account["cost"]) > 0
        base_url = str(client.base_url.join("/v1"))
        with openai.OpenAI(base_url=base_url, api_key=key, default_headers=EXPLAIN) as sdk:
            stream = sdk.chat.completions.create(**ASKED, stream=True)
            words = [chunk.choices[0].delta.content for chunk in stream if chunk.choices]
        assert "".join(filter(None, words)) == "Well, this is it."
        with (
            anthropic.Anthropic(base_url=str(client.base_url), api_key=key, default_headers=EXPLAIN) as theirs,
            theirs.messages.stream(
                model="echo-model", max_tokens=5, messages=[{"role": "user", "content": "Say something."}]
            ) as events,
        ):
            assert "".join(events.text_stream) == "Well, this is it."


def test_a_long_explanation_is_shortened_and_says_so() -> None:
    from gateway.explaining import LARGEST_HEADER, as_header

    told = {"route": "echo-model", "deployments": [{"deployment": "x" * 100, "outcome": "not needed"}] * 60}
    written = as_header(told)
    assert len(written) <= LARGEST_HEADER == 2048, "nginx takes a whole head in 4 KB unless told otherwise"
    assert json.loads(written) == {"route": "echo-model", "shortened": True}
