"""What is really sent is shown before and after, on a model's page and by the API; nobody is asked for it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from catalog.models import Deployment, Model, Provider, Route, RouteTarget
from catalog.prompting.profile import Prompting
from catalog.prompting.sandbox import rendered
from catalog.prompting.setting import set_prompting
from playground.models import Answer
from tests.cast import Cast, route
from tests.playground.conftest import HTMX, Stage, form
from usage.models import Call

SYSTEM = {"role": "system", "content": "Be brief."}
HELLO = {"role": "user", "content": "Hello."}
PUT_BEFORE = "The system message is put before the first user message, because this model has no system role."


def says(cast: Cast, slug: str = "echo-model", **prompting: Any) -> Deployment:
    deployment = Deployment.objects.get(upstream_name=slug)
    return set_prompting(deployment=deployment, prompting=Prompting(**prompting), by=cast.pat)


def render(client: Client, *messages: Any, **more: Any) -> Any:
    body = {"messages": list(messages), **more}
    return client.post("/api/models/echo-model/render-prompt/", body, "application/json")


@pytest.fixture
def dev(cast: Cast, client: Client) -> Client:
    route()
    client.force_login(cast.dev)
    return client


def test_the_api_shows_what_is_sent(cast: Cast, dev: Client) -> None:
    deployment = says(cast, system="none")
    assert render(dev, SYSTEM, HELLO).json() == [
        {
            "deployment": str(deployment.pk), "provider": "echo", "upstream_name": "echo-model", "form": "chat",
            "sent": json.dumps({"messages": [{"role": "user", "content": "Be brief.\n\nHello."}]}, indent=2),
            "stops": [], "differences": [PUT_BEFORE], "refused": "",
        }
    ]  # fmt: skip
    assert not Call.objects.exists()


def test_a_text_to_complete_is_shown_as_it_is(cast: Cast, dev: Client) -> None:
    says(cast, template="chatml")
    [told] = render(dev, SYSTEM, HELLO, {"role": "assistant", "content": "Dear"}).json()
    assert told["form"] == "text" and told["stops"] == ["<|im_end|>"]
    assert told["sent"] == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello.<|im_end|>\n<|im_start|>assistant\nDear"
    )
    assert "The text ends with the begun answer, and the model goes on with it." in told["differences"]


@pytest.mark.parametrize(
    ("kind", "sent", "difference"),
    [
        ("anthropic", '"system": "Be brief."', "stands apart from the conversation, in “system”."),
        ("gemini", '"systemInstruction"', "in “systemInstruction”."),
        ("bedrock", '"system"', "in “system”."),
        ("vertex", '"systemInstruction"', "in “systemInstruction”."),
    ],
)
def test_what_a_kind_of_provider_does_is_told_too(
    cast: Cast, dev: Client, kind: str, sent: str, difference: str
) -> None:
    Provider.objects.filter(slug="echo").update(dialect=kind)
    [told] = render(dev, SYSTEM, HELLO, HELLO).json()
    assert sent in told["sent"] and any(difference in each for each in told["differences"])
    assert "What one side says in several messages in a row becomes one turn." in told["differences"]


@pytest.mark.parametrize("kind", ["openai", "openai_platform", "azure", "mistral", "cohere"])
def test_a_plain_prompt_is_sent_as_it_is_written(cast: Cast, dev: Client, kind: str) -> None:
    Provider.objects.filter(slug="echo").update(dialect=kind)
    [told] = render(dev, SYSTEM, HELLO).json()
    assert told["differences"] == [] and "Be brief." in told["sent"] and told["refused"] == ""


@pytest.mark.parametrize(
    ("kind", "prefill", "said"),
    [
        ("openai", "", "whether the model goes on with it, its server decides."),
        ("openai", "kept", "The begun answer is sent last, and the model goes on with it."),
        ("openai", "continued", "(“continue_final_message”)."),
        ("mistral", "kept", "The begun answer is marked to be gone on with."),
        ("anthropic", "instruction", "is asked for in words, because this model does not go on with one."),
    ],
)
def test_what_becomes_of_a_begun_answer_is_told(cast: Cast, dev: Client, kind: str, prefill: str, said: str) -> None:
    Provider.objects.filter(slug="echo").update(dialect=kind)
    says(cast, prefill=prefill)
    [told] = render(dev, HELLO, {"role": "assistant", "content": "Dear"}).json()
    assert [each for each in told["differences"] if each.endswith(said)] == told["differences"]
    assert ("“continue" in said) == ("continue_final_message" in told["sent"])


def test_what_is_refused_says_why(cast: Cast, dev: Client) -> None:
    says(cast, tools="refused")
    tool = {"type": "function", "function": {"name": "look"}}
    [told] = render(dev, HELLO, tools=[tool]).json()
    assert "its model knows no tools" in told["refused"] and told["sent"] == ""


def test_no_credential_is_shown(cast: Cast, dev: Client) -> None:
    from tenants.credentials import encrypt

    Provider.objects.filter(slug="echo").update(credential=encrypt("sk-very-secret"))
    assert "sk-very-secret" not in render(dev, HELLO).content.decode()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"messages": []}, 422),
        ({"messages": [{"content": "no role"}]}, 400),
        ({"messages": [{"role": "user", "content": "x" * 300_000}]}, 422),
        ({"messages": [{"role": "user", "content": "x"}] * 201}, 422),
        ({"messages": [HELLO], "model": "another"}, 422),
    ],
)
def test_what_is_no_prompt_is_refused(dev: Client, body: Any, status: int) -> None:
    answer = dev.post("/api/models/echo-model/render-prompt/", body, "application/json")
    assert answer.status_code == status, answer.content


def test_of_a_model_that_is_not_asked_here_nothing_is_shown(cast: Cast, dev: Client) -> None:
    Model.objects.create(slug="listed", name="Listed")
    answer = dev.post("/api/models/listed/render-prompt/", {"messages": [HELLO]}, "application/json")
    assert (answer.status_code, answer.json()) == (200, [])
    assert "It is not asked here" in dev.get("/catalog/models/listed/?tab=prompts").content.decode()
    missing = dev.post("/api/models/unheard/render-prompt/", {"messages": [HELLO]}, "application/json")
    assert missing.status_code == 404


def test_a_models_page_shows_how_prompts_reach_it(cast: Cast, dev: Client, django_assert_max_num_queries: Any) -> None:
    says(cast, system="none", tools="refused", prefill="instruction")
    with django_assert_max_num_queries(14):
        page = dev.get("/catalog/models/echo-model/?tab=prompts").content.decode()
    assert "How prompts reach this model" in page and "What is the capital of Kenya?" in page
    assert PUT_BEFORE in page and "its model knows no tools" in page and "Begin your answer with exactly" in page
    assert "/prompts/" not in page  # what changes it is for the platform team
    dev.force_login(cast.pat)
    page = dev.get("/catalog/models/echo-model/?tab=prompts").content.decode()
    assert "/prompts/" in page


@pytest.fixture
def renderings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What templates have written, as they go on writing it."""
    written: list[str] = []

    def noted(*given: Any) -> str:
        written.append(rendered(*given))
        return written[-1]

    monkeypatch.setattr("gateway.prompting.written.rendered", noted)
    return written


def test_a_template_writes_a_prompt_down_once(cast: Cast, dev: Client, renderings: list[str]) -> None:
    says(cast, template="own", own_template="{# once #}{% for m in messages %}{{ m.content }};{% endfor %}")
    render(dev, HELLO)  # which measures it too
    del renderings[:]
    [told] = render(dev, SYSTEM, HELLO).json()
    assert told["sent"] == "Be brief.;Hello.;" and renderings == ["Be brief.;Hello.;"]


def test_examples_are_kept(cast: Cast, dev: Client, renderings: list[str]) -> None:
    says(cast, template="own", own_template="{# kept #}{% for m in messages %}{{ m.content }};{% endfor %}")
    first = dev.get("/catalog/models/echo-model/?tab=prompts").content.decode()
    assert "What is the capital of Kenya?;" in first and renderings
    del renderings[:]
    again = dev.get("/catalog/models/echo-model/?tab=prompts").content.decode()
    assert "What is the capital of Kenya?;" in again and not renderings


SLOW = (
    "{% set ns = namespace(s='xxxx') %}{% for i in range(18) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}"
    "{% for i in range(99999) %}{% if ns.s.count('y') %}{% endif %}{% endfor %}"
)


def test_slow_templates_of_a_page_have_one_bound(cast: Cast, dev: Client) -> None:
    deployment = says(cast, system="none")
    held = Route.objects.get()
    for place in range(8):
        own = "{% if 'Kenya' in messages[-1].content %}" + SLOW + "{% endif %}{{ messages[-1].content }}"
        made = Deployment.objects.create(
            provider=deployment.provider, version=deployment.version, upstream_name=f"slow-{place}"
        )
        RouteTarget.objects.create(route=held, deployment=made)
        says(cast, made.upstream_name, template="own", own_template=own)
    told = [each["refused"] for each in render(dev, {"role": "user", "content": "Kenya"}).json()]
    assert told[0] == "", "what is quick is shown"
    assert "takes more than" in told[1] and "take too long together" in told[-1]


def test_a_column_says_beforehand_what_is_put_another_way(stage: Stage) -> None:
    stage.grant("gpt-x", "gpt-y")
    says(stage.cast, "gpt-x", system="none")
    client = stage.signed_in(stage.cast.dev)
    asked = form("gpt-x", "gpt-y", **{"c1-system": "Be brief.", "c2-system": "Be brief."}, act="keep")
    heads = client.post("/playground/columns/", asked, headers=HTMX).content.decode()
    assert heads.count("What you write reaches this model another way") == 1 and heads.count(PUT_BEFORE) == 1
    silent = client.post("/playground/columns/", form("gpt-x", act="keep"), headers=HTMX).content.decode()
    assert "another way" not in silent


def test_columns_show_what_they_would_be_sent(stage: Stage) -> None:
    stage.grant("gpt-x", "gpt-y")
    says(stage.cast, "gpt-x", template="chatml")
    asked = form("gpt-x", "gpt-y", prompt="Which <b>?", **{"c1-system": "Be brief."})
    page = stage.signed_in(stage.cast.dev).post("/playground/sent/", asked, headers=HTMX).content.decode()
    assert "&lt;|im_start|&gt;system\nBe brief.&lt;|im_end|&gt;" in page and "Which &lt;b&gt;?" in page
    assert "Sent as it is written." in page and not Call.objects.exists()


def test_an_answer_shows_what_was_sent_for_it(stage: Stage) -> None:
    stage.grant("gpt-x")
    begun = stage.run(stage.cast.dev, form("gpt-x", prompt="First?", **{"c1-system": "Be brief."}))
    assert begun.status == 200
    answer = Answer.objects.get()
    says(stage.cast, "gpt-x", system="none")
    client = stage.signed_in(stage.cast.dev)
    page = client.get(f"/playground/answers/{answer.pk}/sent/").content.decode()
    assert "Be brief.\\n\\nFirst?" in page and PUT_BEFORE in page and "<code>gpt-x</code>" in page
    assert (
        f"/playground/answers/{answer.pk}/sent/"
        in client.get(f"/playground/{answer.turn.session_id}/").content.decode()
    )
    other = stage.signed_in(stage.cast.greta)
    assert other.get(f"/playground/answers/{answer.pk}/sent/").status_code == 404


def test_a_blind_session_does_not_tell_its_models_so(stage: Stage) -> None:
    stage.grant("gpt-x", "gpt-y")
    stage.run(stage.cast.dev, form("gpt-x", "gpt-y", blind="1"))
    answer = Answer.objects.first()
    assert answer is not None and answer.turn.session.is_hidden
    client = stage.signed_in(stage.cast.dev)
    assert client.get(f"/playground/answers/{answer.pk}/sent/").status_code == 404
    asked = form("gpt-x", session=answer.turn.session_id)
    assert client.post("/playground/sent/", asked, headers=HTMX).status_code == 404
