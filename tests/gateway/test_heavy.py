"""Large requests wait for a thread of their own, so many of a tenant and of all, and not of who may make no call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.models import Route
from gateway import costing, extent, wire
from gateway.costing import expected_tokens, greatest_input, prompt_tokens, weighed
from gateway.counting import USUAL
from gateway.forms.chat import CHAT
from gateway.forms.embeddings import EMBEDDINGS
from tenants.keys import issue
from tenants.models import Environment
from tests.cast import Cast
from tests.gateway.behaviours import answers
from tests.gateway.conftest import HELLO, allow, eventually, kept
from tests.gateway.provider import Provider
from usage.limits.places import of_tenant
from usage.limits.setting import set_limits

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 600_000}}
LARGE: dict[str, Any] = {"model": "echo-model", "messages": [{"role": "user", "content": [PICTURE]}]}


def test_names_are_resolved_while_heavy_requests_are_read() -> None:
    """They wait for each other, and for no thread that the loop looks up addresses in."""
    begun, may_end = threading.Semaphore(0), threading.Event()

    def work() -> None:
        begun.release()
        may_end.wait(20)

    async def resolve() -> int:
        reading = [asyncio.ensure_future(extent.apart(True, work)) for _ in range(40)]
        await asyncio.to_thread(begun.acquire)
        try:
            found = await asyncio.wait_for(asyncio.get_running_loop().getaddrinfo("localhost", 80), 10)
        finally:
            may_end.set()
            await asyncio.gather(*reading)
        return len(found)

    assert asyncio.run(resolve())


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The thread is busy until the event is set, and few bytes may wait."""
    may_end = threading.Event()
    monkeypatch.setattr(extent, "WAITING_OF_A_TENANT", 1_000_000)
    monkeypatch.setattr(extent, "WAITING", 1_800_000)
    busy = extent._thread.submit(may_end.wait, 60)
    yield may_end
    may_end.set()
    busy.result(60)


def test_so_many_large_requests_wait_of_a_tenant_and_of_all(
    team: Cast, client: httpx.Client, route: Route, front_with: Any, crowded: threading.Event
) -> None:
    theirs = Environment.objects.get(project=team.foreign_project, kind="development")
    allow(theirs, route)
    other = issue(environment=theirs, name="Theirs", by=team.greta).secret

    def ask(at: httpx.Client, path: str = "/v1/chat/completions") -> httpx.Response:
        return httpx.post(f"{at.base_url}{path}", headers=at.headers, json=LARGE | {"max_tokens": 5}, timeout=60)

    def waits(at: httpx.Client) -> None:
        before = sum(_waiting().values())
        waiting.append(pool.submit(ask, at))
        eventually(lambda: sum(_waiting().values()) > before, 10)

    waiting: list[Any] = []
    with ThreadPoolExecutor(8) as pool, front_with(other, client) as second:
        try:
            waits(client)
            waits(client)
            refused = ask(client)
            assert (refused.status_code, refused.json()["error"]["code"]) == (429, "large_requests_waiting")
            assert refused.headers["retry-after"] == "2"
            told = ask(client, "/v1/messages").json()
            assert (told["type"], told["error"]["type"]) == ("error", "rate_limit_error")
            waits(second)
            everybody = ask(second)
            assert (everybody.status_code, everybody.json()["error"]["code"]) == (503, "too_many_large_requests")
            assert everybody.headers["retry-after"] == "2"
            small = client.post("/v1/chat/completions", json={"model": "echo-model", "messages": HELLO})
            assert small.status_code == 200
        finally:
            crowded.set()
        assert [each.result(60).status_code for each in waiting] == [200] * 3
    assert not _waiting()
    assert ask(client).status_code == 200


def test_large_requests_of_who_has_used_up_their_limit_are_not_read(
    team: Cast, client: httpx.Client, route: Route, provider: Provider, crowded: threading.Event
) -> None:
    """The thread is busy: who is answered at once was not read. Nothing is counted for it either."""
    small = {"model": "echo-model", "messages": HELLO, "max_tokens": 5}
    assert client.post("/v1/chat/completions", json=small).status_code == 200
    set_limits(place=of_tenant(team.acme), amounts={"requests": 2}, by=team.pat)
    eventually(lambda: client.post("/v1/chat/completions", json=small).status_code == 429)
    for path in ("/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens"):
        refused = client.post(path, json=LARGE | {"max_tokens": 5})
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) > 40, refused.text
        assert "2 requests a minute, and they are used up" in refused.text


@given(
    texts=st.lists(st.text(max_size=40) | st.none(), min_size=1, max_size=5),
    tools=st.none() | st.just([{"type": "function", "function": {"name": "f", "parameters": {}}}]),
)
def test_what_is_heavy_is_counted_as_what_is_not(texts: list[str | None], tools: Any) -> None:
    messages = [{"role": "user", "content": [PICTURE] if text is None else text} for text in texts]
    for asked in (
        CHAT.read({"model": "m", "messages": messages, "max_tokens": 5, "tools": tools}),
        EMBEDDINGS.read({"model": "m", "input": [text or "x" for text in texts]}),
        EMBEDDINGS.read({"model": "m", "input": [[1, 2, 3], [4]]}),
    ):
        heavy = weighed(asked)
        assert heavy.weight is not None and asked.weight is None
        assert expected_tokens(heavy) == expected_tokens(asked)
        assert greatest_input(heavy) == greatest_input(asked)
        for is_rough in (False, True):
            assert prompt_tokens(heavy, USUAL, is_rough=is_rough) == prompt_tokens(asked, USUAL, is_rough=is_rough)


def test_the_loop_goes_over_no_heavy_prompt(
    client: httpx.Client, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the provider tells no usage: what has to be counted was counted in the thread."""
    seen: set[str] = set()
    for name in ("_said", "_characters", "_beside_text", "_size"):
        monkeypatch.setattr(costing, name, _noting(getattr(costing, name), seen))
    provider.behaves(answers(200, b'{"choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}}]}'))
    body = {"model": "echo-model", "messages": [{"role": "user", "content": "Hello " * 100_000}], "max_tokens": 5}
    assert client.post("/v1/chat/completions", json=body).status_code == 200
    assert seen and all(name.startswith("heavy") for name in seen)
    assert kept(1)[0].usage_source == "counted"


def _waiting() -> dict[Any, int]:
    return {tenant: size for tenant, size in wire._turns._of.items() if size}


def _noting(what: Callable[..., Any], seen: set[str]) -> Callable[..., Any]:
    def noted(*given: Any) -> Any:
        seen.add(threading.current_thread().name)
        return what(*given)

    return noted
