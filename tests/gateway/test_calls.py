"""The in-process interface that the playground uses: the same pipeline, without HTTP."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from catalog.models import Route
from gateway import calls, relay, telemetry
from gateway.admission import AccessRequired, ModelNotFound
from gateway.calls import Caller, OpenCall, open_call, routes_for
from gateway.forms.chat import CHAT
from gateway.pipeline import begin
from gateway.runtime import here, runtime
from gateway.stop import Stop, Stopped
from gateway.upstream import HIGH_WATER, Upstream
from tests.cast import Cast
from tests.gateway.conftest import HELLO, kept
from tests.gateway.provider import WORDS, Exchange, Provider, chunk
from usage.models import Call

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}


@pytest.fixture
def person(team: Cast, route: Route, tmp_path: Path, settings: Settings) -> Caller:
    """Dev, in the playground of Acme's development environment."""
    settings.JOURNAL_FOLDER = tmp_path / "journal"
    place = team.environment()
    return Caller(
        place.tenant_id, place.project_id, place.id, place.path, "playground", user_id=team.dev.id, user_label="Dev"
    )


async def text_of(call: OpenCall) -> str:
    return "".join([piece["choices"][0]["delta"].get("content", "") async for piece in call])


def in_a_loop(work: Callable[[], Awaitable[Any]]) -> Any:
    """Run in a loop that is thrown away afterwards, as Django's synchronous test client does."""

    async def run() -> Any:
        return await work()

    return asyncio.run(run())


def test_a_person_gets_an_answer_and_the_account_of_it(person: Caller, team: Cast) -> None:
    async def ask() -> OpenCall:
        call = await open_call(person, ASKED, request_id="r-9")
        assert call.summary is None
        assert await text_of(call) == "".join(WORDS)
        return call

    call = in_a_loop(ask)
    assert (call.summary.outcome, call.summary.status, call.summary.finish_reason) == ("ok", 200, "stop")
    assert (call.summary.input_tokens, call.summary.output_tokens, call.summary.usage_source) == (11, 5, "provider")
    row = kept().get()
    assert (row.id, row.request_id, row.origin, row.user, row.user_label, row.key_prefix) == (
        call.call_id, "r-9", "playground", team.dev, "Dev", "",
    )  # fmt: skip
    assert row.cost == call.summary.cost


def test_loops_that_end_leave_no_journal_behind(person: Caller, settings: Settings) -> None:
    async def ask() -> None:
        await text_of(await open_call(person, ASKED, request_id="r"))

    for _ in range(3):
        in_a_loop(ask)
    kept(3)
    assert list(settings.JOURNAL_FOLDER.iterdir()) == []


def test_refusals_of_admission_are_raised(person: Caller, team: Cast) -> None:
    async def ask(caller: Caller, model: str) -> None:
        await open_call(caller, ASKED | {"model": model}, request_id="r")

    with pytest.raises(ModelNotFound):
        in_a_loop(lambda: ask(person, "nothing"))
    other = team.environment("production")
    elsewhere = Caller(other.tenant_id, other.project_id, other.id, other.path, "playground")
    with pytest.raises(AccessRequired) as refused:
        in_a_loop(lambda: ask(elsewhere, "echo-model"))
    assert refused.value.way_out == "/requests/new/access/echo-model/?environment=acme/support/production"


def test_what_goes_wrong_at_the_provider_is_in_the_summary(person: Caller, provider: Provider) -> None:
    async def fails(exchange: Exchange) -> None:
        await exchange.whole(500, b'{"error": {"message": "boom"}}')

    provider.behaves(fails)

    async def ask() -> OpenCall:
        call = await open_call(person, ASKED, request_id="r")
        assert await text_of(call) == ""
        return call

    summary = in_a_loop(ask).summary
    assert (summary.outcome, summary.status, summary.error_code) == ("failed", 502, "provider_failed")
    assert "boom" in summary.error_message


async def _two_words_then_silence(exchange: Exchange) -> None:
    await exchange.head(kind="text/event-stream")
    await exchange.event(chunk("Well"))
    await exchange.event(chunk(", this"))
    await asyncio.sleep(30)


def test_closing_breaks_off_the_providers_call_whoever_is_reading(person: Caller, provider: Provider) -> None:
    provider.behaves(_two_words_then_silence)

    async def ask() -> OpenCall:
        call = await open_call(person, ASKED, request_id="r")
        reading = asyncio.create_task(text_of(call))
        await asyncio.sleep(0.2)
        await call.aclose()
        assert await reading == "Well, this"
        return call

    summary = in_a_loop(ask).summary
    assert (summary.outcome, summary.error_code, summary.usage_source) == ("cancelled", "cancelled", "counted")
    assert provider.exchanges[0].was_broken_off.wait(2)
    assert kept().get().output_tokens == summary.output_tokens >= 2


def test_a_reader_that_is_cancelled_breaks_off_the_providers_call(person: Caller, provider: Provider) -> None:
    provider.behaves(_two_words_then_silence)

    async def ask() -> OpenCall:
        call = await open_call(person, ASKED, request_id="r")
        reading = asyncio.create_task(text_of(call))
        await asyncio.sleep(0.2)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        return call

    assert in_a_loop(ask).summary.outcome == "cancelled"
    assert provider.exchanges[0].was_broken_off.wait(2)
    assert kept().get().outcome == "cancelled"


def test_a_reader_that_stops_reading_and_closes(person: Caller, provider: Provider) -> None:
    provider.behaves(_two_words_then_silence)

    async def ask() -> OpenCall:
        call = await open_call(person, ASKED, request_id="r")
        async for _ in call:
            break
        await call.aclose()
        await call.aclose()
        return call

    assert in_a_loop(ask).summary.outcome == "cancelled"
    assert provider.exchanges[0].was_broken_off.wait(2)
    kept()


def test_a_call_that_is_closed_before_it_is_read_reaches_no_provider(person: Caller, provider: Provider) -> None:
    async def ask() -> OpenCall:
        call = await open_call(person, ASKED, request_id="r")
        await call.aclose()
        return call

    call = in_a_loop(ask)
    assert (call.summary.outcome, call.summary.cost) == ("cancelled", None)
    assert provider.exchanges == []


def calls_running() -> float:
    """As `/metrics` tells it."""
    told = re.search(rb'^atrium_calls_running{origin="playground"} (.+)$', telemetry.exposition(), re.MULTILINE)
    return float(told[1]) if told else 0.0


def test_a_call_that_was_never_read_was_never_running(person: Caller, provider: Provider) -> None:
    async def ask() -> float:
        await text_of(await open_call(person, ASKED, request_id="r"))  # so that there is a figure
        before = calls_running()
        call = await open_call(person, ASKED, request_id="r")
        await call.aclose()
        assert calls_running() == before
        assert await text_of(call) == ""
        begun = await open_call(person, ASKED, request_id="r")
        begun.__aiter__()
        await begun.aclose()
        return calls_running() - before

    assert in_a_loop(ask) == 0
    assert len(provider.exchanges) == 1


def test_closing_settles_even_when_the_reader_does_not_notice_in_time(
    person: Caller, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "SETTLE_WITHIN_S", 0)
    provider.behaves(_two_words_then_silence)

    async def ask() -> OpenCall:
        call = await open_call(person, ASKED, request_id="r")
        reading = asyncio.create_task(text_of(call))
        await asyncio.sleep(0.2)
        await call.aclose()
        assert call.summary is not None and call.summary.outcome == "cancelled"
        await reading
        return call

    in_a_loop(ask)
    assert kept().get().outcome == "cancelled"


def test_what_a_left_call_held_back_does_not_hold_up_the_next(person: Caller, provider: Provider) -> None:
    async def more_than_is_held_at_once(exchange: Exchange) -> None:
        first, long_one = (b"data: %s\n\n" % json.dumps(chunk(text)).encode() for text in ("Well", "x" * HIGH_WATER))
        await exchange.head(kind="text/event-stream")
        await exchange.piece(first)
        await asyncio.sleep(0.1)
        exchange.writer.write(f"{len(long_one):x}\r\n".encode() + long_one + b"\r\n0\r\n\r\n")
        await exchange.writer.drain()

    provider.behaves(more_than_is_held_at_once)

    async def ask() -> str:
        call = await open_call(person, ASKED, request_id="r")
        async for _ in call:
            await asyncio.sleep(0.5)  # all of it comes meanwhile
            break
        await call.aclose()
        provider.behaviours.clear()
        async with asyncio.timeout(5):
            return await text_of(await open_call(person, ASKED, request_id="r"))

    assert in_a_loop(ask) == "".join(WORDS)


def test_four_calls_run_at_once(person: Caller, provider: Provider) -> None:
    everybody = asyncio.Barrier(4)

    async def waits_for_the_others(exchange: Exchange) -> None:
        await exchange.head(kind="text/event-stream")
        async with asyncio.timeout(3):
            await everybody.wait()
        await exchange.event(chunk("all here", finish="stop"))
        await exchange.end()

    provider.behaves(waits_for_the_others)

    async def ask() -> list[str]:
        opened = [await open_call(person, ASKED, request_id="r") for _ in range(4)]
        return list(await asyncio.gather(*map(text_of, opened)))

    assert in_a_loop(ask) == ["all here"] * 4


def test_the_routes_of_an_environment(person: Caller, team: Cast) -> None:
    async def inside() -> list[str]:
        await open_call(person, ASKED, request_id="r")
        return routes_for(person.environment_id)

    assert routes_for(person.environment_id) == in_a_loop(inside) == ["echo-model"]
    assert routes_for(team.environment("test").id) == []


def test_a_call_that_is_settled_while_its_request_is_made_opens_and_sends_nothing(
    person: Caller, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> int:
        is_made, goes_on = asyncio.Event(), asyncio.Event()

        async def apart(_: bool, work: Callable[..., Any], *given: Any) -> Any:  # as one that is heavy, in a thread
            is_made.set()
            await goes_on.wait()
            return work(*given)

        monkeypatch.setattr(relay, "apart", apart)
        call = await open_call(person, ASKED, request_id="r")
        reading = asyncio.create_task(text_of(call))
        await is_made.wait()
        monkeypatch.setattr(calls, "SETTLE_WITHIN_S", 0)
        await call.aclose()
        assert call.summary is not None and call.summary.outcome == "cancelled"
        goes_on.set()
        assert await reading == ""
        return here().journal.running

    assert in_a_loop(ask) == 0, "nothing is kept open for ever"
    assert provider.exchanges == [] and not Call.objects.exists()


def test_nothing_is_opened_after_the_account_was_written(person: Caller) -> None:
    async def ask() -> int:
        found = await runtime()
        admitted = (await begin(found, person, CHAT.read(ASKED), "r")).admitted
        call = await begin(found, person, CHAT.read(ASKED), "r")
        call.settle()
        with pytest.raises(Stopped):
            call.meter.sends_to(admitted.route.targets[0], admitted.grant)
        return found.journal.running

    assert in_a_loop(ask) == 0


def test_what_nobody_waits_for_is_not_sent_over_a_kept_connection(provider: Provider) -> None:
    url, stop = f"{provider.url}/chat/completions", Stop()

    async def post() -> None:
        upstream = Upstream()
        exchange = await upstream.post(url, {}, b'{"model": "echo-model"}', 5, stop)
        while await exchange.read(5, stop):
            pass
        upstream.done(exchange, url)
        stop.set()
        with pytest.raises(Stopped):
            await upstream.post(url, {}, b'{"model": "echo-model"}', 5, stop)
        await asyncio.sleep(0.1)

    asyncio.run(post())
    assert len(provider.exchanges) == provider.accepted == 1
