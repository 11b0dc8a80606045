"""What a conversation that goes on for long may hold, how it is listed, and who may have it read."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from pytest_django import Settings

from access.models import Grant
from gateway.bodies.spool import Spool
from gateway.responses import store
from gateway.responses.refusals import StoreBusy
from gateway.responses.store import Place, Store
from tenants.changes import announce
from tenants.models import Environment
from tests.bodies.conftest import stored
from tests.bodies.test_stored_responses import MODEL, PATH, user
from tests.cast import Cast
from tests.gateway.behaviours import answers
from tests.gateway.conftest import eventually
from tests.gateway.provider import Provider
from tests.gateway.responding import message, response
from tests.gateway.test_refusals import refused
from usage.limits.places import of_environment
from usage.limits.setting import set_limits

pytestmark = pytest.mark.django_db(transaction=True)


def said(client: httpx.Client, given: Any, after: str | None = None, **headers: str) -> dict[str, Any]:
    """The response to what is `given`, `after` another one."""
    told = ask(client, given, after, **headers)
    assert told.status_code == 200, told.text
    found: dict[str, Any] = told.json()
    assert found["store"] is True
    return found


def ask(client: httpx.Client, given: Any, after: str | None = None, **headers: str) -> httpx.Response:
    body = {"model": MODEL, "input": given} | ({"previous_response_id": after} if after else {})
    return client.post(PATH, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


# --- how long it may be -------------------------------------------------------------------------------------------


def test_one_with_as_many_responses_as_it_may_have_says_so(
    keeps: Environment, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_TURNS", 2)
    first = said(client, "Hi")["id"]
    second = said(client, "And?", first)["id"]
    told = refused(ask(client, "Again?", second), 413, "conversation_too_large", param="previous_response_id")
    assert "may have 2 responses" in told
    assert len(client.get(f"{PATH}/{second}/input_items").json()["data"]) == 3, "it can be listed all the same"


def test_its_turns_are_held_together_to_how_much_a_request_may_hold(
    keeps: Environment, client: httpx.Client, provider: Provider, settings: Settings
) -> None:
    turn = [user(f"Number {number}") for number in range(20)]
    settings.GATEWAY_MOST_OBJECTS = 58
    first = said(client, turn)["id"]
    second = said(client, turn, first)["id"]
    count = len(provider.exchanges)
    refused(ask(client, turn, second), 413, "request_holds_too_much")
    assert len(provider.exchanges) == count


# --- how it is listed ---------------------------------------------------------------------------------------------


def test_items_that_came_twice_have_two_names_and_pages_come_to_an_end(
    keeps: Environment, client: httpx.Client
) -> None:
    mine = {"type": "message", "id": "msg_mine", "role": "user", "content": "Hi"}
    first = said(client, [mine])["id"]
    second = said(client, [mine, mine], first)["id"]
    for order in ("asc", "desc"):
        names: list[str] = []
        while len(names) < 10:
            query = {"limit": 1, "order": order} | ({"after": names[-1]} if names else {})
            page = client.get(f"{PATH}/{second}/input_items", params=query).json()
            names += [item["id"] for item in page["data"]]
            if not page["has_more"]:
                break
        assert len(names) == len(set(names)) == 4, order


def test_one_that_is_not_whole_any_more_says_that_and_not_that_there_is_none(
    keeps: Environment, client: httpx.Client
) -> None:
    first = said(client, "Hi")["id"]
    second = said(client, "And?", first)["id"]
    client.delete(f"{PATH}/{first}")
    told = refused(client.get(f"{PATH}/{second}/input_items"), 404, "previous_response_not_found")
    assert "one before it in the conversation" in told
    refused(client.get(f"{PATH}/{first}/input_items"), 404, "response_not_found")


# --- why an answer is not stored -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("largest", "why"), [(500, "is longer than what is kept"), (5000, "place for content is full")]
)
def test_an_answer_that_turns_out_not_to_be_stored_says_why(
    keeps: Environment,
    client: httpx.Client,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    stream: bool,
    largest: int,
    why: str,
) -> None:
    def full(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Spool, "append", full if largest == 5000 else Spool.append)
    settings.GATEWAY_LARGEST_KEPT = largest
    body = {"model": MODEL, "input": "Hi " * 200, "store": True, "stream": stream}
    answer = client.post(PATH, json=body, headers={"x-atrium-explain": "1"})
    assert '"store":false' in answer.text
    if stream:
        told = next(line for line in answer.text.splitlines() if line.startswith(": x-atrium"))
    else:
        told = answer.headers["x-atrium-explanation"]
        assert why in answer.headers["x-atrium-not-stored"]
    assert why in json.loads(told.removeprefix(": x-atrium "))["not_stored"]


# --- who may have it read -----------------------------------------------------------------------------------------


def test_who_is_over_a_limit_has_nothing_read(
    keeps: Environment, team: Cast, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = said(client, "Hi")["id"]
    set_limits(place=of_environment(keeps), amounts={"requests": 1}, by=team.olivia)
    eventually(lambda: ask(client, "Alone").status_code == 429, 20)

    async def looked(*_: Any) -> Any:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(Store, "chain", looked)
    assert ask(client, "And?", first).status_code == 429


def test_no_tenant_takes_the_store_from_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much of one tenant is read, others are read beside it; who waits too long for its own is told so."""
    monkeypatch.setattr(store, "TURN_WITHIN_S", 0.2)
    greedy, other = (Place(UUID(int=number), UUID(int=9), b"") for number in (1, 2))
    call = UUID(int=5)  # begun so long ago that nobody looks a second time

    async def read(self: Store, place: Place, work: Any) -> None:
        if place is greedy:
            await is_over.wait()

    async def played() -> list[Any]:
        many = [asyncio.create_task(held.chain(greedy, call)) for _ in range(8)]
        await asyncio.sleep(0)
        assert await held.chain(other, call) is None
        assert not any(each.done() for each in many[: store.OF_A_TENANT])
        late = await asyncio.gather(*many[store.OF_A_TENANT :], return_exceptions=True)
        is_over.set()
        assert await asyncio.gather(*many[: store.OF_A_TENANT]) == [None] * store.OF_A_TENANT
        assert await held.chain(greedy, call) is None, "there is room again"
        return late

    monkeypatch.setattr(Store, "_with_one", read)
    held, is_over = Store(), asyncio.Event()
    late = asyncio.run(played())
    assert len(late) == 6 and all(isinstance(each, StoreBusy) for each in late)
    assert late[0].code == "stored_responses_busy" and "with fewer at once" in late[0].sentence


# --- what goes on with it -----------------------------------------------------------------------------------------


def test_thoughts_that_a_provider_did_not_encrypt_are_not_sent_back_to_it(
    platform: Provider,
    keeps: Environment,
    client: httpx.Client,
) -> None:
    summed_up = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "They greet."}]}
    sealed = {"id": "rs_2", "type": "reasoning", "summary": [], "encrypted_content": "zzz"}
    whole = response("completed", summed_up, sealed, message("Well."))
    platform.behaves(answers(200, json.dumps(whole).encode()))
    first = said(client, "Hi")["id"]
    said(client, "And?", first)
    assert platform.exchanges[-1].body["input"] == [user("Hi"), sealed, message("Well."), user("And?")]


def test_what_nobody_said_is_in_it_does_not_become_what_it_carries(keeps: Environment, client: httpx.Client) -> None:
    personal = {"x_atrium_data_class": "personal"}
    Grant.objects.update(conditions={"data_classes": ["internal", "personal"]})
    announce("grant")
    eventually(lambda: ask(client, "Hi", x_atrium_data_class="special").status_code == 403, 10)
    first = said(client, "Hi")["id"]
    second = said(client, "I am Ada.", first, **personal)["id"]
    third = said(client, "Who am I?", second)["id"]
    assert client.get(f"{PATH}/{third}").status_code == 200, "it is in the database"
    assert [body.data_classes for body in stored(3)[-3:]] == [[], ["personal"], ["personal"]]
    Grant.objects.update(conditions={"data_classes": ["internal"]})
    announce("grant")
    eventually(lambda: ask(client, "Hi", **personal).status_code == 403, 10)
    said(client, "And?", first)
    told = refused(ask(client, "And?", third, x_atrium_data_class="internal"), 403, "data_not_granted")
    assert "the conversation that it goes on from carries personal data" in told
