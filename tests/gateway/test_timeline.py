"""What a call spent its time with is in the ledger: arriving, admission, waiting, each deployment that was asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.utils import timezone

from audit.identifiers import uuid7
from catalog import steering
from catalog.models import Route
from gateway import runtime
from gateway.timeline import MOST_ATTEMPTS, Timeline
from tests import cast as make
from tests.cast import Cast
from tests.gateway.behaviours import answers, hurry, keeps_silent
from tests.gateway.conftest import allow, eventually, kept
from tests.gateway.killable import Killable
from tests.gateway.provider import Provider
from tests.gateway.routing import also_at, ask, dead_url, known, slowly, target
from tests.gateway.test_queueing import Gate
from usage.calls import CallRecord
from usage.capacity.setting import set_capacity
from usage.ledger import write_rows
from usage.models import Call

NEW = ("timing", "attempts", "fell_back")


@pytest.fixture
def other() -> Iterator[Provider]:
    with Provider() as running:
        yield running


def timing_of(call: Call) -> dict[str, Any]:
    assert call.timing is not None
    found: dict[str, Any] = call.timing
    return found


def test_it_works(client: httpx.Client, provider: Provider, route: Route) -> None:
    provider.behaves(slowly(0.15))
    assert ask(client, stream=True).status_code == 200
    call = kept().get()
    told = timing_of(call)
    assert set(told) == {"reading_ms", "admission_ms", "waits", "attempts"} and told["waits"] == []
    (tried,) = told["attempts"]
    deployment = route.targets.get().deployment
    assert (tried["deployment"], tried["provider"], tried["upstream_name"]) == (
        str(deployment.pk), "echo", deployment.upstream_name,
    )  # fmt: skip
    assert "failure" not in tried and "fallback" not in tried
    assert 0 <= tried["began_ms"] <= tried["answered_ms"] <= tried["ended_ms"] <= call.duration_ms
    assert tried["answered_ms"] >= 140 and (call.attempts, call.fell_back) == (1, False)


def test_a_body_that_comes_slowly_was_read_for_so_long(client: httpx.Client, provider: Provider) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"model": "echo-model", "messages": [{"role": "user", '
        time.sleep(0.3)
        yield b'"content": "Hello"}]}'

    answer = client.post("/v1/chat/completions", content=body(), headers={"content-type": "application/json"})
    assert answer.status_code == 200
    call = kept().get()
    assert timing_of(call)["reading_ms"] >= 280 and timing_of(call)["admission_ms"] < 280 > call.duration_ms


def test_each_attempt_says_why_it_was_left(
    client: httpx.Client, provider: Provider, other: Provider, route: Route
) -> None:
    provider.behaves(answers(500, b"{}"))
    also_at(route, "dead", dead_url(), tier=2)
    also_at(route, "other", other.url, tier=3)
    known(route, 3)
    assert ask(client).status_code == 200
    call = kept().get()
    first, second, third = timing_of(call)["attempts"]
    assert (first["provider"], first["failure"], first["status"]) == ("echo", "provider_failed", 500)
    assert (second["provider"], second["failure"]) == ("dead", "provider_unreachable") and "status" not in second
    assert third["provider"] == "other" == call.provider and "failure" not in third
    assert first["began_ms"] <= first["ended_ms"] <= second["began_ms"] <= second["ended_ms"] <= third["began_ms"]
    assert (call.attempts, call.fell_back) == (3, False)


def test_the_fallback_is_named(
    client: httpx.Client, provider: Provider, other: Provider, route: Route, team: Cast
) -> None:
    provider.behaves(answers(500, b"{}"))
    allow(team.environment(), make.route("second-model", base_url=other.url, provider="other"))
    steering.steer(route=route, fallback="second-model", by=team.pat)
    eventually(lambda: (held := runtime.current_snapshot()) and held.routes["echo-model"].fallback == "second-model")
    assert ask(client).status_code == 200
    call = kept().get()
    assert [each.get("fallback") for each in timing_of(call)["attempts"]] == [None, "second-model"]
    assert (call.route, call.attempts, call.fell_back) == ("echo-model", 2, True)


def test_a_fallback_that_failed_too_has_answered_nothing(
    client: httpx.Client, provider: Provider, other: Provider, route: Route, team: Cast
) -> None:
    provider.behaves(answers(500, b"{}"))
    other.behaves(answers(500, b"{}"), model="second-model")
    allow(team.environment(), make.route("second-model", base_url=other.url, provider="other"))
    steering.steer(route=route, fallback="second-model", by=team.pat)
    eventually(lambda: (held := runtime.current_snapshot()) and held.routes["echo-model"].fallback == "second-model")
    assert ask(client).status_code >= 500
    call = kept().get()
    assert [each.get("fallback") for each in timing_of(call)["attempts"]] == [None, "second-model"]
    assert (call.outcome, call.attempts, call.fell_back) == ("failed", 2, False)


def test_waiting_for_room_lies_where_it_was(
    team: Cast, key: str, route: Route, provider: Provider, front_with: Any
) -> None:
    gate = Gate(provider)
    set_capacity(subject=route.targets.get().deployment, amounts={"concurrent": 1}, by=team.pat)
    with front_with(key) as client, ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, client)
        gate.arrived(1)
        second = pool.submit(ask, client)
        eventually(lambda: sum(len(held.room) for held in runtime._runtimes.values()) == 1)
        time.sleep(0.3)
        gate.lets(2)
        assert [each.result().status_code for each in (first, second)] == [200, 200]
    told, after = [timing_of(call) for call in kept(2)]
    ((since, until),) = after["waits"]
    assert told["waits"] == [] and until - since >= 250
    assert since <= until <= after["attempts"][0]["began_ms"]


@pytest.mark.parametrize("killable", ["machine"], indirect=True)
def test_the_opening_was_kept_before_it_was_sent(killable: Killable, route: Route, key: str) -> None:
    _, url = killable.start()
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=20) as client:
        assert ask(client).status_code == 200
    (tried,) = timing_of(kept(within_s=5).get())["attempts"]
    assert tried["began_ms"] <= tried["sent_ms"] <= tried["answered_ms"]


def test_a_deployment_that_had_the_prompt_has_its_times_in_its_own_row(
    client: httpx.Client, provider: Provider, other: Provider, route: Route
) -> None:
    provider.behaves(keeps_silent)
    also_at(route, "other", other.url, tier=2)
    known(route, 2)
    hurry(first_byte_s=0.3)
    assert ask(client).status_code == 200
    failed, answered = kept(2).order_by("attempts")
    assert (failed.outcome, failed.attempts, answered.attempts) == ("failed", 1, 2)
    assert [each["failure"] for each in timing_of(failed)["attempts"]] == ["provider_timeout"]
    assert timing_of(answered)["attempts"][0] == timing_of(failed)["attempts"][0]


def test_a_row_of_an_earlier_journal_is_still_taken(team: Cast) -> None:
    environment = team.environment()
    row = CallRecord(
        id=uuid7(), tenant_id=environment.tenant_id, project_id=environment.project_id, environment_id=environment.pk,
        origin="api", route="echo-model", model_slug="echo-model", provider="echo", upstream_name="echo-model",
        request_id="r-1", outcome="ok", status=200, started_at=timezone.now(), duration_ms=5, usage_source="provider",
    ).row()  # fmt: skip
    assert write_rows([{name: value for name, value in row.items() if name not in NEW}]) == 1
    old = Call.objects.get()
    assert (old.timing, old.attempts, old.fell_back) == (None, None, None)


def test_only_so_many_attempts_are_kept(client: httpx.Client, route: Route) -> None:
    assert ask(client).status_code == 200
    timeline = Timeline(0.0)
    for _ in range(40):
        timeline.tries(target(route, "echo"), "echo-model", called="echo-model", has_own_span=False)
    told = timeline.timing()
    assert told is not None and len(told["attempts"]) == MOST_ATTEMPTS and timeline.attempts == 40
