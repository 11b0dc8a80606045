"""What a grant demands of calls is kept to, said in the client's own form, and in force within a second."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import anthropic
import httpx
import openai
import pytest

from access.models import Grant
from catalog.models import Deployment, Provider, Route
from gateway import runtime
from tenants.changes import announce
from tenants.models import Environment
from tests import cast as make
from tests.cast import Cast
from tests.gateway.conftest import HELLO, allow, eventually, kept
from tests.gateway.provider import Provider as Served
from tests.gateway.routing import also_at, ask, known, served_by, target
from tests.gateway.test_refusals import refused
from usage.limits.budgets import set_budget
from usage.limits.places import of_tenant

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
TOOL = {"type": "function", "function": {"name": "look-up", "parameters": {"type": "object"}}}


def demand(client: httpx.Client, *, of: str = "echo-model", **conditions: Any) -> None:
    """Put them on the grant; they are known within a second."""
    client.get("/v1/models")  # so that the gateway has begun
    grant = Grant.objects.get(route__slug=of)
    Grant.objects.filter(pk=grant.pk).update(conditions=conditions)
    announce("grant", grant.environment_id)

    def is_known() -> bool:
        held = runtime.current_snapshot()
        assert held is not None
        known_now = held.grants[grant.environment_id][of].conditions
        return (known_now.as_json() if known_now is not None else {}) == conditions

    eventually(is_known, within_s=1)


def may_see(row: Provider | Deployment, *classes: str) -> None:
    """It sees these classes of data only, as the gateway knows within a second."""
    type(row).objects.filter(pk=row.pk).update(data_classes=list(classes))
    announce("route")
    slug = row.slug if isinstance(row, Provider) else row.provider.slug
    eventually(lambda: target(Route.objects.get(), slug).data_classes == (frozenset(classes) or None), within_s=1)


def sends(client: httpx.Client, environment: Environment, *classes: str) -> None:
    """What is sent from there is said to be of these classes."""
    Environment.objects.filter(pk=environment.pk).update(data_classes=list(classes))
    announce("tenant", environment.tenant_id)

    def is_known() -> bool:
        held = runtime.current_snapshot()
        assert held is not None
        return held.places[environment.pk].data_classes == (frozenset(classes) or None)

    eventually(is_known, within_s=1)


def test_it_works(client: httpx.Client, provider: Served) -> None:
    assert ask(client, max_tokens=1000).status_code == 200
    demand(client, max_output_tokens=500)
    said = refused(ask(client, max_tokens=501), 403, "parameter_beyond_grant", param="max_tokens")
    assert "acme/support/development may call “echo-model” with answers of at most 500 tokens" in said
    assert "/requests/new/access/echo-model/?environment=acme/support/development" in said
    assert ask(client, max_tokens=500).status_code == 200
    assert ask(client).status_code == 200
    assert [each.body.get("max_tokens") for each in provider.exchanges] == [1000, 500, 500], "left out, it is the bound"
    kept(3)
    demand(client)
    assert ask(client, max_tokens=501).status_code == 200


@pytest.mark.parametrize(
    ("conditions", "beyond", "within", "field"),
    [
        (
            {"max_output_tokens": 10},
            {"max_completion_tokens": 11},
            {"max_completion_tokens": 10},
            "max_completion_tokens",
        ),
        ({"max_output_tokens": 10}, {"n_predict": 11, "max_tokens": 5}, {"max_tokens": 5}, "n_predict"),
        ({"max_answers": 2}, {"n": 3}, {"n": 2}, "n"),
        ({"max_temperature": 0.5}, {"temperature": 0.6}, {"temperature": 0.5}, "temperature"),
        ({"min_temperature": 0.5}, {"temperature": 0}, {"temperature": 1}, "temperature"),
        ({"max_temperature": 0.5}, {"temperature": "hot"}, {"temperature": 0}, "temperature"),
        (
            {"max_temperature": 0.5},
            {"temperature": 0.5, "dynatemp_range": 1.5},
            {"dynatemp_range": 0},
            "dynatemp_range",
        ),
        ({"max_temperature": 0.5}, {"temperature": 0.5, "samplers": []}, {"temperature": 0.5}, "samplers"),
        ({"max_effort": "low"}, {"reasoning_effort": "high"}, {"reasoning_effort": "minimal"}, "reasoning_effort"),
        ({"max_effort": "low"}, {"reasoning_effort": "huge"}, {"reasoning_effort": "low"}, "reasoning_effort"),
        ({"max_effort": "low"}, {}, {"reasoning_effort": "none"}, "reasoning_effort"),
        ({"max_effort": "low"}, {"reasoning": {"max_tokens": 9000}}, {"reasoning_effort": "low"}, "reasoning"),
        *(
            ({"max_effort": "low"}, {"reasoning_effort": "low", name: value}, {"reasoning_effort": "low"}, name)
            for name, value in {
                "enable_thinking": True,
                "reasoning_max_tokens": 9000,
                "thinking_budget_tokens": -1,
                "chat_template_kwargs": {"enable_thinking": True},
            }.items()
        ),
        ({"tools": []}, {"tools": [TOOL]}, {"tools": []}, "tools"),
        ({"tools": ["other"]}, {"tools": [TOOL]}, {}, "tools"),
        ({"tools": ["look-up"]}, {"functions": [{"name": "delete"}]}, {"tools": [TOOL]}, "functions"),
        ({"tools": ["ok"]}, {"tools": [TOOL | {"name": "ok"}]}, {}, "tools"),
        ({"tools": ["ok"]}, {"tools": [TOOL | {"custom": {"name": "ok"}}]}, {}, "tools"),
        ({"streaming": False}, {"stream": True}, {"stream": False}, "stream"),
        ({"attachments": False}, {"messages": [{"role": "user", "content": [IMAGE]}]}, {}, "messages"),
        ({"max_input_tokens": 50}, {"messages": [{"role": "user", "content": "word " * 200}]}, {}, "messages"),
    ],
)
def test_what_goes_beyond_is_refused_and_says_where(
    client: httpx.Client, provider: Served, conditions: Any, beyond: Any, within: Any, field: str
) -> None:
    demand(client, **conditions)
    refused(ask(client, **beyond), 403, "parameter_beyond_grant", param=field)
    assert not provider.exchanges, "nothing was sent"
    answer = ask(client, **within)
    assert answer.status_code == 200, answer.text


def test_in_a_chat_a_name_of_another_form_bounds_nothing(client: httpx.Client, provider: Served) -> None:
    demand(client, max_output_tokens=100)
    assert ask(client, max_output_tokens=1).status_code == 200
    assert provider.exchanges[-1].body["max_tokens"] == 100, "the provider may not know the other name"
    refused(ask(client, max_output_tokens=101), 403, "parameter_beyond_grant", param="max_output_tokens")
    assert len(provider.exchanges) == 1


def test_a_temperature_that_is_left_out_lies_within_the_bounds(client: httpx.Client, provider: Served) -> None:
    demand(client, max_temperature=0.3)
    ask(client)
    demand(client, min_temperature=1.2)
    ask(client)
    assert [each.body["temperature"] for each in provider.exchanges] == [0.3, 1.2]


def test_every_form_is_held_to_it(client: httpx.Client, provider: Served) -> None:
    demand(client, max_output_tokens=20, tools=[], attachments=False)
    sent = {"model": "echo-model"}
    told = client.post("/v1/responses", json=sent | {"input": "Hi", "max_output_tokens": 21})
    refused(told, 403, "parameter_beyond_grant", param="max_output_tokens")
    told = client.post("/v1/completions", json=sent | {"prompt": "Hi", "max_tokens": 21})
    refused(told, 403, "parameter_beyond_grant", param="max_tokens")
    tool = {"name": "look-up", "input_schema": {"type": "object"}}
    told = client.post("/v1/messages", json=sent | {"messages": HELLO, "max_tokens": 5, "tools": [tool]})
    assert (told.status_code, told.json()["error"]["type"]) == (403, "permission_error")
    assert "with no tools, and this call offers “look-up”" in told.json()["error"]["message"]
    shell = {"type": "local_shell", "name": "look-up"}
    demand(client, max_output_tokens=20, tools=["look-up"], attachments=False)
    told = client.post("/v1/responses", json=sent | {"input": "Hi", "tools": [shell]})
    assert "this call offers “local_shell”" in refused(told, 403, "parameter_beyond_grant", param="tools")
    image = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}
    told = client.post("/v1/responses", json=sent | {"input": [{"role": "user", "content": [image]}]})
    refused(told, 403, "parameter_beyond_grant", param="input")
    assert not provider.exchanges
    assert client.post("/v1/responses", json=sent | {"input": "Hi"}).status_code == 200
    assert client.post("/v1/completions", json=sent | {"prompt": "Hi"}).status_code == 200
    assert [each.body.get("max_tokens") for each in provider.exchanges] == [20, 20]


@pytest.mark.parametrize("budget", [1999.5, 1500.0, "1500", True])
def test_a_budget_of_thoughts_is_a_whole_number(client: httpx.Client, provider: Served, budget: Any) -> None:
    demand(client, max_effort="low")
    asked = {"model": "echo-model", "messages": HELLO, "max_tokens": 2000, "output_config": {"effort": "low"}}
    told = client.post("/v1/messages", json=asked | {"thinking": {"type": "enabled", "budget_tokens": budget}})
    assert told.status_code == 403 and "State “budget_tokens” as a whole number" in told.json()["error"]["message"]
    assert not provider.exchanges
    assert client.post("/v1/messages", json=asked).status_code == 200


def test_official_clients_read_it(client: httpx.Client, sdk: openai.OpenAI, key: str) -> None:
    demand(client, max_output_tokens=20)
    with pytest.raises(openai.PermissionDeniedError) as told:
        sdk.chat.completions.create(model="echo-model", messages=HELLO, max_tokens=21)  # type: ignore[arg-type]
    assert (told.value.code, told.value.param) == ("parameter_beyond_grant", "max_tokens")
    with (
        anthropic.Anthropic(base_url=str(client.base_url), api_key=key, max_retries=0) as other,
        pytest.raises(anthropic.PermissionDeniedError),
    ):
        other.messages.create(model="echo-model", messages=HELLO, max_tokens=21)  # type: ignore[arg-type]


def test_a_purpose_is_stated_and_is_one_of_those_granted(client: httpx.Client, provider: Served) -> None:
    demand(client, purposes=["invoices", "support-mail"])
    said = refused(ask(client), 403, "purpose_not_granted")
    assert "for invoices or support-mail only, and this call does not say what it is for" in said

    def stating(purpose: str) -> httpx.Response:
        asked = {"model": "echo-model", "messages": HELLO}
        return client.post("/v1/chat/completions", json=asked, headers={"x-atrium-purpose": purpose})

    refused(stating("marketing"), 403, "purpose_not_granted")
    assert not provider.exchanges
    assert stating("invoices").status_code == stating("Support-Mail").status_code == 200


def test_data_beyond_the_grant_is_not_sent(client: httpx.Client, team: Cast, provider: Served) -> None:
    demand(client, data_classes=["public", "internal"])

    def carrying(classes: str) -> httpx.Response:
        asked = {"model": "echo-model", "messages": HELLO}
        return client.post("/v1/chat/completions", json=asked, headers={"x-atrium-data-class": classes})

    assert ask(client).status_code == carrying("Internal").status_code == 200
    said = refused(carrying("internal, personal"), 403, "data_not_granted")
    assert "with data that is public, internal, and this call carries personal data" in said
    said = refused(carrying("secret"), 400, "invalid_request")
    assert "“secret” is no class of data" in said
    sends(client, team.environment(), "personal")
    refused(ask(client), 403, "data_not_granted")
    assert carrying("public").status_code == 200, "the caller's word on one call goes before the environment's"
    assert len(provider.exchanges) == 3


def test_a_deployment_sees_no_more_than_its_provider_may(
    client: httpx.Client, team: Cast, route: Route, provider: Served
) -> None:
    held = Deployment.objects.select_related("provider").get()

    def sees(*classes: str) -> None:
        announce("route")
        eventually(lambda: target(Route.objects.get(), held.provider.slug).data_classes == frozenset(classes))

    assert ask(client).status_code == 200, "which waits until the gateway is there"
    may_see(held.provider, "public", "internal")
    Deployment.objects.update(data_classes=["internal", "personal"])
    sees("internal")
    sends(client, team.environment(), "personal")
    assert "may not see personal data" in refused(ask(client), 403, "no_deployment_within_grant", param="model")
    sends(client, team.environment(), "internal")
    assert ask(client).status_code == 200
    Deployment.objects.update(data_classes=["personal"])
    sees()
    assert "may see no data" in refused(ask(client), 403, "no_deployment_within_grant", param="model")


def test_a_deployment_sees_only_what_it_may(client: httpx.Client, team: Cast, route: Route, provider: Served) -> None:
    with Served() as inside:
        held = also_at(route, "inside", inside.url, tier=2)
        known(route, 2)
        outside = Deployment.objects.select_related("provider").exclude(pk=held.pk).get()
        may_see(outside.provider, "public", "internal")
        sends(client, team.environment(), "personal")
        assert served_by(ask(client)) == "inside"
        sends(client, team.environment(), "internal")
        assert served_by(ask(client)) == outside.provider.slug
        sends(client, team.environment())
        assert served_by(ask(client)) == "inside", "what nobody has named goes to who may see anything"
        may_see(held, "confidential")
        said = refused(ask(client), 403, "no_deployment_within_grant", param="model")
        assert "nobody has said which this is" in said and "x-atrium-data-class" in said


def test_a_grant_narrows_the_regions_of_its_route(client: httpx.Client, team: Cast, route: Route) -> None:
    demand(client, regions=["eu"])
    said = refused(ask(client), 403, "no_deployment_within_grant", param="model")
    assert "tells no region, and the grant is for eu only" in said
    with Served() as inside:
        also_at(route, "inside", inside.url, tier=2, region="eu-central-1")
        known(route, 2)
        assert {served_by(ask(client)) for _ in range(3)} == {"inside"}
        Deployment.objects.filter(provider__slug="inside").update(region="us-east-1")
        announce("route")
        eventually(lambda: ask(client).status_code == 403, within_s=1)


def test_a_fallback_stays_within_both_grants(client: httpx.Client, team: Cast, route: Route) -> None:
    with Served() as other:
        second = make.route("second", base_url=other.url, provider="second")
        allow(team.environment(), second)
        Route.objects.filter(pk=route.pk).update(fallback=second)
        Deployment.objects.filter(targets__route=route).update(region="us")
        Deployment.objects.filter(targets__route=second).update(region="eu")
        announce("route")
        names = ["echo-model", "second"]
        eventually(lambda: [each["id"] for each in client.get("/v1/models").json()["data"]] == names)
        eventually(lambda: target(second, "second").region == "eu")
        demand(client, regions=["eu"])
        assert served_by(ask(client)) == "second"
        assert len(other.exchanges) == 1
        demand(client, of="second", max_output_tokens=10)
        refused(ask(client, max_tokens=20), 403, "no_deployment_within_grant", param="model")
        assert ask(client, max_tokens=10).status_code == 200
        demand(client, of="second", regions=["us"])
        refused(ask(client), 403, "no_deployment_within_grant", param="model")


def test_a_fallback_sees_no_data_that_it_is_not_granted_for(client: httpx.Client, team: Cast, route: Route) -> None:
    """What nobody has classed is taken for all that the grant of the called route allows, by its fallback's too."""
    with Served() as other:
        second = make.route("second", base_url=other.url, provider="second")
        allow(team.environment(), second)
        Route.objects.filter(pk=route.pk).update(fallback=second)
        Deployment.objects.filter(targets__route=route).update(drained_at=dt.datetime.now(dt.UTC))
        announce("route")
        names = ["echo-model", "second"]
        eventually(lambda: [each["id"] for each in client.get("/v1/models").json()["data"]] == names)
        eventually(lambda: target(route, "echo").is_drained)
        demand(client, of="second", data_classes=["public"])
        assert served_by(ask(client)) == "second", "the called one demands nothing"
        demand(client, data_classes=["public", "personal"])
        assert ask(client).status_code == 503
        asked = {"model": "echo-model", "messages": HELLO}
        answer = client.post("/v1/chat/completions", json=asked, headers={"x-atrium-data-class": "public"})
        assert served_by(answer) == "second"
        assert len(other.exchanges) == 2


def test_the_explanation_tells_the_conditions(client: httpx.Client) -> None:
    demand(client, max_output_tokens=20, regions=["eu"])
    asked = {"model": "echo-model", "messages": HELLO}
    answer = client.post("/v1/chat/completions", json=asked, headers={"x-atrium-explain": "1"})
    told = answer.json()["error"]["explanation"]
    assert told["grant"]["conditions"] == {"max_output_tokens": 20, "regions": ["eu"]}
    assert told["deployments"][0]["outcome"] == "tells no region, and the grant is for eu only"


def test_a_budget_reserves_no_more_than_the_grant_allows(team: Cast, key: str, route: Route, front_with: Any) -> None:
    Grant.objects.update(conditions={"max_output_tokens": 5})
    set_budget(place=of_tenant(team.acme), amount=Decimal("0.000031"), is_hard=True, by=team.pat)
    with front_with(key) as client:
        assert ask(client).status_code == 200, "14 bytes, 7 of the template and 5 out, whatever the model could say"


def test_conditions_that_cannot_be_read_allow_nothing(client: httpx.Client) -> None:
    grant = Grant.objects.get()
    Grant.objects.update(conditions={"max_output_tokens": "many"})
    announce("grant", grant.environment_id)
    answer = eventually(lambda: (told := ask(client)).status_code == 403 and told, within_s=1)
    assert answer.json()["error"]["code"] == "access_required"
