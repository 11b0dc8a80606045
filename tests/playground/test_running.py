"""One prompt, several columns, one stream: what arrives, what is kept, and what is written into the ledger."""

from __future__ import annotations

import asyncio
import time

import pytest
from django.db import connection
from django.test import AsyncClient
from django.utils import timezone

from access.asking import request_access
from catalog.models import Model, Route
from playground import answering
from playground.asking import begin_session
from playground.columns import from_api
from playground.models import Answer, Session
from tenants.models import Tenant
from tests.playground.conftest import HTMX, Answered, Stage, Tab, form
from usage.models import Call

pytestmark = pytest.mark.django_db(transaction=True)


def ledger(expected: int) -> list[Call]:
    """The calls once they have arrived; the gateway writes them within moments of their end."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and Call.objects.count() < expected:
        time.sleep(0.05)
    return list(Call.objects.order_by("route"))


def test_it_works(stage: Stage) -> None:
    stage.grant("says-hello-world")
    answered = stage.run(stage.cast.dev, form("says-hello-world", prompt="Greet me"))

    assert answered.status == 200
    assert "hello world" in answered.html
    session = Session.objects.get()
    assert (session.owner, session.name, session.environment) == (stage.cast.dev, "Greet me", stage.cast.environment())
    answer = Answer.objects.get()
    assert (answer.state, answer.text, answer.finish_reason) == ("done", "hello world", "stop")
    assert (answer.input_tokens, answer.output_tokens) == (11, 2)
    assert answered.begun["url"] == session.get_absolute_url()
    assert answered.events == ["pg-begun", "pg-ended"]


def test_the_figures_are_those_of_the_ledger(stage: Stage) -> None:
    stage.grant("says-hello-world")
    answered = stage.run(stage.cast.dev, form("says-hello-world"))
    [call] = ledger(1)
    answer = Answer.objects.get()
    assert answer.call_id == call.pk
    assert (call.origin, call.user, call.environment) == ("playground", stage.cast.dev, stage.cast.environment())
    assert (answer.cost, answer.input_tokens, answer.output_tokens) == (
        call.cost, call.input_tokens, call.output_tokens,
    )  # fmt: skip
    assert answer.cost == (11 * 1 + 2 * 2) / 1_000_000 or str(answer.cost) == "0.000015000000"
    assert "$0.000015" in answered.html
    assert "11 in" in answered.html and "counted by Atrium" not in answered.html


def test_an_answer_has_an_end_also_where_nobody_set_one(stage: Stage) -> None:
    stage.grant("says-a", "says-b", "says-c")
    Model.objects.filter(slug="says-c").update(capabilities=["reasoning"])
    stage.run(stage.cast.dev, form("says-a", "says-b", "says-c", **{"c2-max_tokens": "2000"}))
    limits = {body["model"]: body.get("max_tokens") for body in stage.upstream.bodies}
    assert limits == {"says-a": 512, "says-b": 2000, "says-c": None}


def test_an_answer_that_was_cut_off_says_how_to_get_more(stage: Stage) -> None:
    stage.grant("cut-after-this")
    answered = stage.run(stage.cast.dev, form("cut-after-this"))
    assert "cut off at the longest answer; raise it in settings" in answered.html


def test_four_columns_answer_at_the_same_time(stage: Stage) -> None:
    slugs = [f"slow-{letter}-b-c-d-e-f-g-h-i-j" for letter in "wxyz"]
    stage.grant(*slugs)
    began = time.monotonic()
    answered = stage.run(stage.cast.dev, form(*slugs))
    assert time.monotonic() - began < 4 * 10 * stage.upstream.pause_s
    assert Answer.objects.filter(state="done").count() == 4
    for letter in "wxyz":
        assert f"{letter} b c d e f g h i j" in answered.html


def test_an_answer_that_never_ends_is_stopped_and_says_why(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "LONGEST_ANSWER", 40)
    stage.upstream.pause_s = 0.01
    stage.grant("endless-talk", "says-hello")
    answered = stage.run(stage.cast.dev, form("endless-talk", "says-hello"))
    long, short = Answer.objects.order_by("column")
    assert (long.state, long.error_code, len(long.text)) == ("failed", "answer_too_long", 40)
    assert "grew beyond what the playground keeps" in answered.html
    assert (short.state, short.text) == ("done", "hello")
    stopped, whole = ledger(2)
    assert (stopped.outcome, whole.outcome) == ("cancelled", "ok") and stopped.output_tokens > 0
    assert long.call_id == stopped.pk


def test_after_asking_a_refused_column_leads_to_the_request(stage: Stage) -> None:
    stage.publish("not-granted")
    asked = request_access(
        environment=stage.cast.environment(), route=Route.objects.get(), purpose="Try it", by=stage.cast.dev
    )
    answered = stage.run(stage.cast.dev, form("not-granted"))
    refused = Answer.objects.get()
    assert refused.way_out == asked.get_absolute_url()
    assert f"R-{asked.number} waits for the Risk board." in refused.error_message
    assert "See the request" in answered.html and "Request access" not in answered.html


def test_a_refused_column_says_why_with_its_way_out_and_leaves_the_other_alone(stage: Stage) -> None:
    stage.grant("says-hello")
    stage.publish("not-granted")
    answered = stage.run(stage.cast.dev, form("says-hello", "not-granted"))
    good, refused = Answer.objects.order_by("column")
    assert (good.state, good.text) == ("done", "hello")
    assert (refused.state, refused.error_code) == ("refused", "access_required")
    assert "not-granted" in refused.error_message
    assert refused.way_out == "/requests/new/access/not-granted/?environment=acme/support/development"
    assert 'href="/requests/new/access/not-granted/?environment=acme/support/development"' in answered.html
    assert "Request access" in answered.html
    assert [call.route for call in ledger(1)] == ["says-hello"]


def test_a_model_that_does_not_exist_is_refused_in_its_column(stage: Stage) -> None:
    stage.grant("says-hello")
    stage.run(stage.cast.dev, form("says-hello", "nonesuch"))
    assert list(Answer.objects.order_by("column").values_list("state", flat=True)) == ["done", "refused"]


def test_a_provider_that_drops_the_connection_leaves_what_had_arrived(stage: Stage) -> None:
    stage.grant("breaks-one-two-three-four")
    answered = stage.run(stage.cast.dev, form("breaks-one-two-three-four"))
    answer = Answer.objects.get()
    assert (answer.state, answer.text) == ("failed", "one two")
    assert answer.error_message and answer.error_message in answered.html.replace("&#x27;", "'")
    [call] = ledger(1)
    assert call.outcome == "failed"


def test_a_provider_that_is_away_fails_its_column_with_words(stage: Stage) -> None:
    stage.grant("says-hello")
    from catalog.models import Provider as ProviderRow

    ProviderRow.objects.update(base_url="http://127.0.0.1:9/v1")
    answered = stage.run(stage.cast.dev, form("says-hello"))
    answer = Answer.objects.get()
    assert answer.state == "failed"
    assert answer.error_message
    assert "data-running" not in answered.html.rpartition("pg-foot")[2]


def test_when_the_browser_leaves_the_providers_call_is_cancelled_and_settled(stage: Stage) -> None:
    stage.grant("endless-x")

    async def leave(client: AsyncClient) -> None:
        tab = Tab(client, form("endless-x"))
        assert await tab.press() == 200
        for _ in range(4):
            await tab.read()
        await tab.close()

    stage.during(stage.cast.dev, leave)
    answer = Answer.objects.get()
    assert (answer.state, answer.text[:5]) == ("stopped", "on on")
    [call] = ledger(1)
    assert (call.outcome, call.pk) == ("cancelled", answer.call_id)
    assert call.output_tokens > 0
    deadline = time.monotonic() + 5
    while not stage.upstream.abandoned and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stage.upstream.abandoned == 1


def test_stop_ends_one_column_or_all_and_keeps_what_was_said(stage: Stage) -> None:
    stage.grant("endless-x", "endless-y")

    async def stop(client: AsyncClient) -> Answered:
        post = client.post
        response = await post("/playground/run/", form("endless-x", "endless-y"), headers=HTMX)
        parts: list[str] = []
        async for part in response.streaming_content:
            parts.append(part.decode())
            if len(parts) == 6:
                running = [pk async for pk in Answer.objects.order_by("column").values_list("pk", flat=True)]
                session = await Session.objects.aget()
                path = f"/playground/{session.pk}/stop/"
                assert (await post(path, {"answer": str(running[0])}, headers=HTMX)).status_code == 204
            if len(parts) == 16:
                first, second = [answer async for answer in Answer.objects.order_by("column")]
                assert (first.state, second.state) == ("stopped", "running")
                assert (await post(path, headers=HTMX)).status_code == 204
        return Answered(200, "".join(parts))

    answered = stage.during(stage.cast.dev, stop)
    assert answered.events == ["pg-begun", "pg-ended"]
    assert set(Answer.objects.values_list("state", flat=True)) == {"stopped"}
    assert answered.html.count("counted by Atrium") == 2
    assert all(answer.text and answer.output_tokens for answer in Answer.objects.all())
    assert {call.outcome for call in ledger(2)} == {"cancelled"}


def test_stop_reaches_an_answer_that_another_process_writes(stage: Stage) -> None:
    stage.grant("endless-x")

    async def stop(client: AsyncClient) -> Answered:
        response = await client.post("/playground/run/", form("endless-x"), headers=HTMX)

        async def ask_elsewhere() -> None:
            await asyncio.sleep(0.3)
            await Answer.objects.aupdate(stop_asked_at=timezone.now())

        asking = asyncio.create_task(ask_elsewhere())
        answered = await Answered.read(response)
        await asking
        return answered

    began = time.monotonic()
    stage.during(stage.cast.dev, stop)
    assert Answer.objects.get().state == "stopped"
    assert time.monotonic() - began < 5


def test_text_is_kept_while_it_grows(stage: Stage) -> None:
    stage.grant("endless-x")

    async def look(client: AsyncClient) -> str:
        tab = Tab(client, form("endless-x"))
        await tab.press()
        began = time.monotonic()
        while time.monotonic() - began < 1.6:
            await tab.read()
        kept = await Answer.objects.aget()
        await tab.close()
        return f"{kept.state}: {kept.text}"

    assert stage.during(stage.cast.dev, look).startswith("running: on on on")


def test_no_database_connection_is_held_while_it_streams(stage: Stage) -> None:
    stage.grant("slow-a-b-c-d-e-f-g-h-i-j-k-l")
    states: list[int] = []

    def busy() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND state = 'idle in transaction'"
            )
            return int(cursor.fetchone()[0])

    async def watch(client: AsyncClient) -> None:
        response = await client.post("/playground/run/", form("slow-a-b-c-d-e-f-g-h-i-j-k-l"), headers=HTMX)
        async for _ in response.streaming_content:
            states.append(await asyncio.get_running_loop().run_in_executor(None, busy))

    stage.during(stage.cast.dev, watch)
    assert len(states) > 5
    assert set(states) == {0}


@pytest.mark.parametrize("door", ["network", "second factor"])
def test_a_tenant_that_is_closed_to_somebody_answers_no_run(stage: Stage, door: str) -> None:
    """By the page's stream, by the API's and by an answer again: each is refused before a model is called."""
    stage.grant("says-hello-world")
    dev, here = stage.cast.dev, stage.cast.environment()
    columns = from_api([{"route": "says-hello-world"}])
    session = begin_session(environment=here, columns=columns, is_blind=False, by=dev)
    asks = {"allowed_networks": ["203.0.113.0/24"]} if door == "network" else {"second_factor_from": timezone.now()}
    Tenant.objects.filter(pk=here.tenant_id).update(**asks)
    client = stage.signed_in(dev)
    tries = (
        ("/playground/run/", form("says-hello-world", prompt="Greet me")),
        (f"/api/playground/sessions/{session.pk}/runs/", {"prompt": "Greet me"}),
        (f"/api/playground/sessions/{session.pk}/again/", {"column": 1}),
    )
    for path, body in tries:
        kind = {} if path == "/playground/run/" else {"content_type": "application/json"}
        refused = client.post(path, body, headers=HTMX, **kind)
        assert (refused.status_code, path) == (403, path)
        assert door in refused.content.decode()
    assert not Answer.objects.exists()
