"""Responses are stored where their environment keeps content: read, listed, deleted and gone on from, by the client of
OpenAI as it is."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import psycopg
import pytest
from pytest_django import Settings

from access.models import Grant
from catalog.models import Route
from gateway.responses import store
from tenants.changes import announce
from tenants.keys import issue
from tenants.models import Environment
from tests.bodies.conftest import BOTH, keep, stored
from tests.cast import Cast
from tests.gateway.behaviours import answers, streams
from tests.gateway.conftest import allow, eventually, kept
from tests.gateway.provider import Provider, chunk, usage
from tests.gateway.responding import events_of, message, response, response_in, says, streamed
from tests.gateway.serving import Served
from tests.gateway.test_refusals import refused
from usage.bodies.erasing import erase_end_user, erase_key
from usage.bodies.keeping import NOTHING, Keeping
from usage.bodies.reading import opened_of
from usage.bodies.tables import Body
from usage.limits.places import of_environment
from usage.limits.setting import set_limits

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/v1/responses"
MODEL = "echo-model"
SAID = "Well, this is it."
PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,aGVsbG8="}


def asked(provider: Provider) -> Any:
    """The conversation that the provider was asked last."""
    return provider.exchanges[-1].body["messages"]


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


# --- by OpenAI's own client --------------------------------------------------------------------------------------


def test_the_openai_client_goes_on_from_a_response(keeps: Environment, sdk: openai.OpenAI, provider: Provider) -> None:
    first = sdk.responses.create(model=MODEL, input="Call it Nightingale.", instructions="Be brief.")
    second = sdk.responses.create(model=MODEL, input="What is it called?", previous_response_id=first.id)
    assert asked(provider) == [user("Call it Nightingale."), assistant(SAID), user("What is it called?")]
    third = sdk.responses.create(model=MODEL, input=[user("Again.")], previous_response_id=second.id)  # type: ignore[list-item]
    assert asked(provider) == [
        user("Call it Nightingale."), assistant(SAID), user("What is it called?"), assistant(SAID), user("Again."),
    ]  # fmt: skip
    assert (second.previous_response_id, third.previous_response_id) == (first.id, second.id)
    assert first.model_dump()["store"] is True and first.id.startswith("resp_")
    assert [call.outcome for call in kept(3)] == ["ok"] * 3


def test_the_openai_client_reads_deletes_and_lists(keeps: Environment, sdk: openai.OpenAI) -> None:
    first = sdk.responses.create(model=MODEL, input="Call it Nightingale.")
    second = sdk.responses.create(model=MODEL, input="What is it called?", previous_response_id=first.id)
    assert sdk.responses.retrieve(first.id) == first and sdk.responses.retrieve(second.id) == second
    items = [item.model_dump(exclude_none=True) for item in sdk.responses.input_items.list(second.id, order="asc")]
    assert [(item["role"], item["content"][0]["type"], item["content"][0]["text"]) for item in items] == [
        ("user", "input_text", "Call it Nightingale."), ("assistant", "output_text", SAID),
        ("user", "input_text", "What is it called?"),
    ]  # fmt: skip
    assert items[1] == first.output[0].model_dump(exclude_none=True)
    one_by_one = sdk.responses.input_items.list(second.id, limit=1)
    assert [item.id for item in one_by_one] == [item["id"] for item in reversed(items)], "pages follow each other"
    sdk.responses.delete(first.id)
    for lost in (sdk.responses.retrieve, sdk.responses.delete, sdk.responses.input_items.list):
        with pytest.raises(openai.NotFoundError):
            lost(first.id)
    with pytest.raises(openai.NotFoundError, match="Send the whole conversation"):
        sdk.responses.create(model=MODEL, input="And?", previous_response_id=second.id)
    assert sdk.responses.retrieve(second.id) == second, "what was answered after it is there all the same"


def test_a_stream_is_stored_as_its_end_tells_it(keeps: Environment, sdk: openai.OpenAI, provider: Provider) -> None:
    events = list(sdk.responses.create(model=MODEL, input="Call it Nightingale.", stream=True))
    assert events[0].type == "response.created" and events[-1].type == "response.completed"
    told = events[-1].response
    assert told.id == events[0].response.id and sdk.responses.retrieve(told.id) == told
    with sdk.responses.stream(model=MODEL, input="And?", previous_response_id=told.id) as stream:
        assert stream.get_final_response().previous_response_id == told.id
    assert asked(provider) == [user("Call it Nightingale."), assistant(SAID), user("And?")]
    [body, _] = stored(2)
    assert json.loads(opened_of(body).answer or b"")["id"] == told.id and not body.is_streamed


# --- what is stored, and what is not ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keeping", "said"),
    [
        (NOTHING, "does not keep both"),
        (Keeping(prompts=True), "does not keep both"),
        (Keeping(prompts=True, answers=True, only_failed=True), "calls that failed alone"),
        (Keeping(prompts=True, answers=True, share=99), "99 of a hundred calls"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_where_a_policy_does_not_keep_it_nothing_is_stored_and_it_says_why(
    team: Cast, client: httpx.Client, keeping: Keeping, said: str, stream: bool
) -> None:
    keep(team.environment(), keeping, team.olivia)
    answer = client.post(PATH, json={"model": MODEL, "input": "Hi", "store": True, "stream": stream})
    told = events_of(answer)[-1]["response"] if stream else response_in(answer.json())
    assert told["store"] is False and said in answer.headers["x-atrium-not-stored"]
    assert "/tenants/acme/content/" in answer.headers["x-atrium-not-stored"]
    refused(client.get(f"{PATH}/{told['id']}"), 404, "response_not_found")
    assert "x-atrium-not-stored" not in client.post(PATH, json={"model": MODEL, "input": "Hi"}).headers


def test_where_nothing_is_kept_going_on_is_refused_and_says_so(
    team: Cast, client: httpx.Client, provider: Provider
) -> None:
    answer = client.post(PATH, json={"model": MODEL, "input": "And?", "previous_response_id": "resp_1"})
    assert "does not keep both" in refused(answer, 400, "responses_not_stored", param="previous_response_id")
    assert not provider.exchanges


def test_what_is_not_to_be_stored_is_not(keeps: Environment, client: httpx.Client) -> None:
    told = client.post(PATH, json={"model": MODEL, "input": "Hi", "store": False}).json()
    assert told["store"] is False
    [body] = stored()
    assert not body.is_response, "the content is kept as its policy says"
    refused(client.get(f"{PATH}/{told['id']}"), 404, "response_not_found")


def test_pictures_are_stored_where_they_are_kept(keeps: Environment, team: Cast, client: httpx.Client) -> None:
    ask = {"model": MODEL, "input": [{"role": "user", "content": [PICTURE]}], "store": True}
    answer = client.post(PATH, json=ask)
    assert answer.json()["store"] is False and "no pictures" in answer.headers["x-atrium-not-stored"]
    keep(team.environment(), Keeping(prompts=True, answers=True, media=True), team.olivia)
    told = client.post(PATH, json=ask).json()
    items = client.get(f"{PATH}/{told['id']}/input_items").json()
    assert told["store"] is True and items["data"][0]["content"] == [PICTURE]


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_too_long_to_be_kept_says_so_at_its_end(
    keeps: Environment, client: httpx.Client, settings: Settings, stream: bool
) -> None:
    settings.GATEWAY_LARGEST_KEPT = 500
    answer = client.post(PATH, json={"model": MODEL, "input": "Hi " * 400, "store": True, "stream": stream})
    told = events_of(answer)[-1]["response"] if stream else response_in(answer.json())
    assert told["store"] is False
    [body] = stored()
    assert not body.is_response and body.is_prompt_cut
    refused(client.get(f"{PATH}/{told['id']}"), 404, "response_not_found")


def test_what_broke_off_is_not_stored(keeps: Environment, client: httpx.Client, provider: Provider) -> None:
    provider.behaves(streams(chunk("Well"), b'{"error": {"message": "out of memory"}}'))
    events = events_of(client.post(PATH, json={"model": MODEL, "input": "Hi", "stream": True}))
    failed = events[-1]["response"]
    assert (failed["status"], failed["store"], failed["id"]) == ("failed", False, events[0]["response"]["id"])
    [body] = stored()
    assert not body.is_response and body.is_streamed and b"Well" in (opened_of(body).answer or b"")
    refused(client.get(f"{PATH}/{failed['id']}"), 404, "response_not_found")


def test_what_was_cut_off_is_stored_as_incomplete(keeps: Environment, client: httpx.Client, provider: Provider) -> None:
    provider.behaves(
        streams(chunk("Well"), chunk(finish="length"), chunk() | {"choices": [], "usage": usage()}, b"[DONE]")
    )
    told = events_of(client.post(PATH, json={"model": MODEL, "input": "Hi", "stream": True}))[-1]["response"]
    assert told["status"] == "incomplete" and client.get(f"{PATH}/{told['id']}").json() == told


# --- a provider of the same form ----------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_of_responses_is_told_the_conversation_and_keeps_nothing(
    platform: Provider, keeps: Environment, client: httpx.Client, stream: bool
) -> None:
    def ask(text: str, **more: Any) -> dict[str, Any]:
        thought = {"id": "rs_1", "type": "reasoning", "summary": [], "status": "completed"}
        whole = response("completed", thought, message("Well."), zzz=[1.5])
        written = json.dumps(whole).encode()
        last = {"type": "response.completed", "response": whole}
        platform.behaves(streamed(says("Well|.", last=last)) if stream else answers(200, written))
        answer = client.post(PATH, json={"model": MODEL, "input": text, "stream": stream, **more})
        told: dict[str, Any] = events_of(answer)[-1]["response"] if stream else response_in(answer.json())
        assert told["id"] != "resp_theirs" and told["store"] is True and told["zzz"] == [1.5]
        assert client.get(f"{PATH}/{told['id']}").json() == told
        return told

    first = ask("Hi")
    second = ask("And?", previous_response_id=first["id"])
    assert second["previous_response_id"] == first["id"]
    sent = platform.exchanges[-1].body
    assert sent["store"] is False and "previous_response_id" not in sent
    assert sent["input"] == [user("Hi"), message("Well."), user("And?")], "thoughts that nobody wrote down are left out"


def test_tools_go_on_as_they_were_called(keeps: Environment, client: httpx.Client, provider: Provider) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Lisbon"}'}}
    said = {"role": "assistant", "content": None, "tool_calls": [call]}
    choices = [{"index": 0, "message": said, "finish_reason": "tool_calls"}]
    told = json.dumps({"id": "c-1", "model": "m", "choices": choices, "usage": usage()}).encode()
    provider.behaves(answers(200, told))
    first = client.post(PATH, json={"model": MODEL, "input": "How is the weather?"}).json()
    result = {"type": "function_call_output", "call_id": "call_1", "output": "17 degrees"}
    mild = [{"index": 0, "message": assistant("Mild."), "finish_reason": "stop"}]
    provider.behaves(answers(200, json.dumps({"id": "c-2", "model": "m", "choices": mild, "usage": usage()}).encode()))
    second = client.post(PATH, json={"model": MODEL, "input": [result], "previous_response_id": first["id"]})
    assert second.status_code == 200, second.text
    turns = asked(provider)
    assert turns[0] == user("How is the weather?") and turns[1]["tool_calls"] == [call]
    assert turns[2] == {"role": "tool", "tool_call_id": "call_1", "content": "17 degrees"}
    items = client.get(f"{PATH}/{second.json()['id']}/input_items", params={"order": "asc"}).json()["data"]
    assert [item["type"] for item in items] == ["message", "function_call", "function_call_output"]


# --- whose it is --------------------------------------------------------------------------------------------------


def test_another_environments_response_is_as_one_that_never_was(
    keeps: Environment, team: Cast, route: Route, client: httpx.Client, front: Served
) -> None:
    other = team.environment(of=team.foreign_project)
    allow(other, route)
    keep(other, BOTH, team.greta)
    theirs = issue(environment=other, name="Theirs", by=team.greta).secret
    name = client.post(PATH, json={"model": MODEL, "input": "Hi"}).json()["id"]
    made_up = "resp_" + "0" * 48

    def told(name: str) -> list[Any]:
        with httpx.Client(base_url=front.url, headers={"authorization": f"Bearer {theirs}"}, timeout=20) as stranger:
            going_on = {"model": MODEL, "input": "And?", "previous_response_id": name}
            answered = [
                stranger.get(f"{PATH}/{name}"), stranger.delete(f"{PATH}/{name}"),
                stranger.get(f"{PATH}/{name}/input_items"), stranger.post(f"{PATH}/{name}/cancel"),
                stranger.post(PATH, json=going_on),
            ]  # fmt: skip
        return [(each.status_code, each.text.replace(name, "…")) for each in answered]

    eventually(lambda: told(made_up)[0][0] == 404, 10)
    assert told(name) == told(made_up) and {status for status, _ in told(name)} == {404}
    assert client.get(f"{PATH}/{name}").status_code == 200


def test_what_was_erased_is_gone_and_nothing_goes_on_from_it(
    keeps: Environment, team: Cast, client: httpx.Client, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PAUSES_S", ())
    name = client.post(PATH, json={"model": MODEL, "input": "Hi"}).json()["id"]
    [body] = stored()
    erase_key(tenant=team.acme, key_prefix=body.key_prefix, reason="Asked for", by=team.olivia)
    refused(client.get(f"{PATH}/{name}"), 404, "response_not_found")
    going_on = {"model": MODEL, "input": "And?", "previous_response_id": name}
    refused(client.post(PATH, json=going_on), 404, "previous_response_not_found", param="previous_response_id")


def test_what_is_erased_of_an_end_user_takes_what_went_on_from_it(
    keeps: Environment, team: Cast, client: httpx.Client
) -> None:
    first = client.post(PATH, json={"model": MODEL, "input": "I am Ada.", "user": "ada"}).json()["id"]
    client.post(PATH, json={"model": MODEL, "input": "Who am I?", "previous_response_id": first})
    client.post(PATH, json={"model": MODEL, "input": "Somebody else."})
    assert len(stored(3)) == 3
    assert erase_end_user(tenant=team.acme, end_user="ada", reason="Asked for", by=team.olivia).contents == 2


def test_a_conversation_carries_the_classes_of_data_that_were_in_it(
    keeps: Environment, client: httpx.Client, provider: Provider
) -> None:
    personal = {"x-atrium-data-class": "personal"}
    first = client.post(PATH, json={"model": MODEL, "input": "I am Ada."}, headers=personal).json()["id"]
    going_on = {"model": MODEL, "input": "Who am I?", "previous_response_id": first}
    assert client.post(PATH, json=going_on, headers={"x-atrium-data-class": "internal"}).status_code == 200
    assert [body.data_classes for body in stored(2)] == [["personal"], ["internal", "personal"]]
    Grant.objects.update(conditions={"data_classes": ["internal"]})
    announce("grant")
    alone = {"model": MODEL, "input": "Who am I?"}
    eventually(lambda: client.post(PATH, json=alone, headers=personal).status_code == 403, 10)
    refused(client.post(PATH, json=going_on, headers={"x-atrium-data-class": "internal"}), 403, "data_not_granted")


def test_what_is_over_is_gone_before_the_job_has_been_there(
    keeps: Environment, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = client.post(PATH, json={"model": MODEL, "input": "Hi"}).json()["id"]
    [body] = stored()
    Body.objects.filter(pk=body.pk).update(erase_at=body.started_at)
    refused(client.get(f"{PATH}/{name}"), 404, "response_not_found")


# --- what is refused ----------------------------------------------------------------------------------------------


def test_only_a_response_in_the_background_could_be_cancelled(keeps: Environment, sdk: openai.OpenAI) -> None:
    made = sdk.responses.create(model=MODEL, input="Hi")
    with pytest.raises(openai.BadRequestError, match="Only a response in the background"):
        sdk.responses.cancel(made.id)
    with pytest.raises(openai.BadRequestError, match="background"):
        sdk.responses.create(model=MODEL, input="Hi", background=True)
    with pytest.raises(openai.BadRequestError, match="read as a whole"):
        list(sdk.responses.retrieve(made.id, stream=True))


@pytest.mark.parametrize(
    ("query", "field"), [("limit=0", "limit"), ("limit=x", "limit"), ("order=up", "order"), ("after=msg_1", "after")]
)
def test_a_page_that_there_is_not(keeps: Environment, client: httpx.Client, query: str, field: str) -> None:
    made = client.post(PATH, json={"model": MODEL, "input": "Hi"}).json()
    refused(client.get(f"{PATH}/{made['id']}/input_items?{query}"), 400, "invalid_request", param=field)


def test_reading_counts_as_a_request(keeps: Environment, team: Cast, client: httpx.Client) -> None:
    made = client.post(PATH, json={"model": MODEL, "input": "Hi"}).json()
    set_limits(place=of_environment(keeps), amounts={"requests": 3}, by=team.olivia)
    answer = eventually(lambda: (told := client.get(f"{PATH}/{made['id']}")).status_code == 429 and told, 20)
    assert int(answer.headers["retry-after"]) >= 1 and answer.headers["x-ratelimit-limit-requests"] == "3"


def test_an_address_below_a_response_where_there_is_nothing(keeps: Environment, client: httpx.Client) -> None:
    made = client.post(PATH, json={"model": MODEL, "input": "Hi"}).json()
    refused(client.get(f"{PATH}/{made['id']}/nothing"), 404, "unknown_url")
    answer = client.put(f"{PATH}/{made['id']}")
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, DELETE"
    assert httpx.get(f"{client.base_url}{PATH}/{made['id']}").status_code == 401


def test_a_database_that_is_away_is_told_and_nothing_is_guessed(
    keeps: Environment, client: httpx.Client, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = client.post(PATH, json={"model": MODEL, "input": "Hi"}).json()
    going_on = {"model": MODEL, "input": "And?", "previous_response_id": made["id"]}
    assert client.post(PATH, json=going_on).status_code == 200
    count = len(provider.exchanges)

    async def away() -> Any:
        raise psycopg.OperationalError("connection refused")

    class Broken:
        def transaction(self) -> Any:
            raise psycopg.OperationalError("the connection is closed")

        async def close(self) -> None:
            return None

    real = store.connect
    monkeypatch.setattr(store, "connect", away)
    monkeypatch.setattr(store.Store, "_with_one", _breaking(store.Store._with_one, Broken))
    for answer in (client.get(f"{PATH}/{made['id']}"), client.post(PATH, json=going_on)):
        refused(answer, 503, "stored_responses_unreachable")
        assert int(answer.headers["retry-after"]) >= 1
    assert len(provider.exchanges) == count
    monkeypatch.setattr(store, "connect", real)
    assert client.get(f"{PATH}/{made['id']}").json() == made, "a connection that broke is replaced"


def _breaking(work: Any, broken: Any) -> Any:
    """Once: every connection that is held has broken."""
    done: list[bool] = []

    async def breaking(self: Any, *given: Any) -> Any:
        if not done:
            done.append(True)
            self._idle = [broken() for _ in self._idle]
        return await work(self, *given)

    return breaking
