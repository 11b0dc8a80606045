"""The page of routing tells how deployments stand in all gateway processes together, and why; programs get the same."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import time
from typing import Any

from django.test import Client
from django.utils import timezone

from catalog import steering
from catalog.models import Provider, Route, RouteTarget
from gateway.models import ProcessReport
from gateway.routing.telling import exchange, gone
from tests.cast import Cast, route


def told(key: Any, **more: Any) -> dict[str, Any]:
    """What a process tells of one deployment."""
    usual = {
        "breaker": "closed", "since": None, "why": "", "failures": 0, "probe_at": None, "paused_until": None,
        "asked_for_pause": False, "under_way": 2, "calls": 30, "failed": 0, "busy": 0,
        "first_tokens_ms": [100, 300], "average_ms": 200,
    }  # fmt: skip
    return {
        "deployments": {str(key): usual | more},
        "routes": {"echo-model": {str(key): 30}},
        "retries_left": {},
        "choices": [{"at": time.time(), "route": "echo-model", "reasons": ["echo-model at Echo: is asked."]}],
    }


def opened(**more: Any) -> dict[str, Any]:
    now = time.time()
    return {
        "breaker": "open", "since": now - 60, "why": "status 500", "failures": 5, "probe_at": now + 5, "failed": 5,
        **more,
    }  # fmt: skip


def page(client: Client, query: str = "", **headers: str) -> str:
    answer = client.get(f"/platform/routing/{query}", headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def state_of(client: Client) -> dict[str, Any]:
    answer = client.get("/api/platform/routing/").json()
    found: dict[str, Any] = answer["routes"][0]["deployments"][0]
    return found


def test_what_processes_tell_is_added_up(cast: Cast, client: Client) -> None:
    key = route().targets.get().deployment_id
    client.force_login(cast.pat)
    assert state_of(client)["state"] == "idle" and "No process has asked a deployment yet" in page(client)
    exchange("one", told(key, **opened()))
    exchange("two", told(key, first_tokens_ms=[500], average_ms=400))
    found = state_of(client)
    assert (found["state"], found["calls"], found["failed"], found["under_way"]) == ("breaker_open", 60, 5, 4)
    assert (found["first_token_ms"], found["average_ms"], found["share"]) == (300, 300, 1.0)
    assert found["why"].startswith("after 5 failures: status 500 (in 1 of 2 processes); tried again at ")
    text = page(client)
    assert "Breaker open" in text and "status 500" in text and "Try now" in text
    assert "echo-model at Echo: is asked." in text
    assert len(client.get("/api/platform/routing/").json()["processes"]) == 2


def test_a_process_that_ended_or_died_is_gone(cast: Cast, client: Client) -> None:
    key = route().targets.get().deployment_id
    client.force_login(cast.pat)
    exchange("ends", told(key))
    exchange("dies", told(key))
    gone("ends")
    assert state_of(client)["calls"] == 30
    ProcessReport.objects.filter(process="dies").update(at=timezone.now() - dt.timedelta(seconds=11))
    assert state_of(client)["calls"] == 0
    ProcessReport.objects.filter(process="dies").update(at=timezone.now() - dt.timedelta(seconds=61))
    exchange("lives", told(key))
    assert list(ProcessReport.objects.values_list("process", flat=True)) == ["lives"]


def test_it_looks_again_by_itself_and_keeps_its_filters(cast: Cast, client: Client) -> None:
    route()
    client.force_login(cast.pat)
    part = page(client, "?q=echo", **{"HX-Request": "true"})
    assert part.lstrip().startswith('<div id="live"') and 'hx-trigger="every 3s"' in part
    assert 'hx-get="/platform/routing/?q=echo"' in part
    assert "No route fits" in page(client, "?q=zzz")


def test_those_in_trouble_and_those_drained_can_be_filtered(cast: Cast, client: Client) -> None:
    key = route().targets.get().deployment_id
    other = route("other-model", provider="other")
    client.force_login(cast.pat)
    exchange("one", told(key, paused_until=time.time() + 30, asked_for_pause=True))
    steering.drain(deployment=other.targets.get().deployment, by=cast.pat)

    def shown(query: str) -> list[tuple[str, str]]:
        found = client.get(f"/api/platform/routing/?show={query}").json()["routes"]
        return [(row["route"], row["deployments"][0]["state"]) for row in found]

    assert shown("trouble") == [("echo-model", "pausing")]
    assert shown("drained") == [("other-model", "drained")]
    assert [name for name, _ in shown("")] == ["echo-model", "other-model"], "trouble first"
    assert "Resume" in page(client, "?show=drained") and "Asked to wait" in page(client)


def test_routes_keep_their_order_however_many_calls_they_get(cast: Cast, client: Client) -> None:
    quiet, busy = route("a-model", provider="one"), route("b-model", provider="two")
    client.force_login(cast.pat)

    def shown() -> list[str]:
        return [row["route"] for row in client.get("/api/platform/routing/").json()["routes"]]

    exchange("one", told(busy.targets.get().deployment_id, calls=900))
    assert shown() == ["a-model", "b-model"]
    exchange("one", told(busy.targets.get().deployment_id, **opened()))
    assert shown() == ["b-model", "a-model"], "trouble first"
    steering.drain(deployment=busy.targets.get().deployment, by=cast.pat)
    assert shown() == ["a-model", "b-model"], "what is drained is no trouble"
    assert quiet.slug == "a-model"


def test_updates_can_be_paused(cast: Cast, client: Client) -> None:
    route()
    client.force_login(cast.pat)
    assert 'href="/platform/routing/?q=echo&amp;paused=1&amp;page=1"' in page(client, "?q=echo")
    still = page(client, "?q=echo&paused=1")
    assert "hx-trigger" not in still.partition('id="live"')[2].partition(">")[0] and "Update again" in still
    assert "hx-trigger" in page(client).partition('id="live"')[2].partition(">")[0]


def test_only_what_is_shown_is_read(cast: Cast, client: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(25):
        route(f"model-{number:02}")
    client.force_login(cast.pat)
    with django_assert_max_num_queries(12) as asked:
        text = page(client, "?page=2", **{"HX-Request": "true"})
    assert "model-20" in text and "model-19" not in text
    targets = [each["sql"] for each in asked.captured_queries if 'FROM "catalog_routetarget" INNER' in each["sql"]]
    assert len(targets) == 1 and targets[0].count("::uuid") == 5, "of five routes, not of 25"


def test_draining_is_said_with_its_figures_first_and_leads_back(cast: Cast, client: Client) -> None:
    held = route()
    target = held.targets.get()
    client.force_login(cast.pat)
    exchange("one", told(target.deployment_id, under_way=3))
    exchange("two", told(target.deployment_id, under_way=4))
    listed = page(client, "?q=echo&show=&page=1")
    assert f'action="/platform/deployments/{target.deployment_id}/drain/"' not in listed, "not with one press"
    leads = f"/platform/deployments/{target.deployment_id}/?list=q%3Decho%26show%3D%26page%3D1"
    assert f'href="{leads}"' in listed
    said = client.get(leads).content.decode()
    assert "<strong>7 calls</strong> under way here" in said
    assert "<strong>the only one that serves echo-model</strong>" in said
    assert 'href="/platform/routing/?q=echo&amp;page=1"' in said and 'value="q=echo&amp;page=1"' in said
    done = client.post(
        f"/platform/deployments/{target.deployment_id}/drain/",
        {"list": "q=echo&show=drained&page=2&next=//elsewhere.example"},
    )
    assert done.headers["location"] == "/platform/routing/?q=echo&show=drained&page=2", "and nowhere else"


def test_one_of_several_may_be_drained_without_harm(cast: Cast, client: Client) -> None:
    held, other = route(), route("other-model", provider="other")
    target, second = held.targets.get(), other.targets.get().deployment
    RouteTarget.objects.create(route=held, deployment=second)
    client.force_login(cast.pat)
    at = f"/platform/deployments/{target.deployment_id}/"
    assert "Each route that leads here has another deployment" in client.get(at).content.decode()
    assert "serves other-model</strong>" in client.get(f"/platform/deployments/{second.pk}/").content.decode()
    Provider.objects.filter(slug="other").update(base_url="")
    assert "serves echo-model</strong>" in client.get(at).content.decode(), "what is not connected takes no call"


def test_it_asks_few_questions_however_many_routes(
    cast: Cast, client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        route(f"model-{number}")
    client.force_login(cast.pat)
    page(client)
    with django_assert_max_num_queries(12):
        page(client)


def seen_in(page: str) -> str:
    """The mark of what a page's form was filled with."""
    (mark,) = re.findall(r'name="seen" value="([0-9a-f]+)"', page)
    return str(mark)


def test_calls_are_steered_on_the_page_of_a_route(cast: Cast, client: Client) -> None:
    held, fallback = route(), route("long-model", provider="other")
    client.force_login(cast.pat)
    target = held.targets.get()
    shown = client.get("/platform/routing/echo-model/").content.decode()
    assert 'name="policy"' in shown
    said = {
        "seen": seen_in(shown),
        "policy": "latency", "regions": "EU, us-east", "fallback": "long-model", "first_token_timeout_s": "2.5",
        "idle_timeout_s": "", f"tier-{target.deployment_id.hex}": "2", f"weight-{target.deployment_id.hex}": "30",
    }  # fmt: skip
    assert client.post("/platform/routing/echo-model/", said).status_code == 302
    held = Route.objects.get(slug="echo-model")
    assert (held.policy, held.regions, held.fallback, held.first_token_timeout_s) == (
        "latency", ["eu", "us-east"], fallback, 2.5
    )  # fmt: skip
    target.refresh_from_db()
    assert (target.priority, target.weight) == (2, 30)
    seen = seen_in(client.get("/platform/routing/long-model/").content.decode())
    typed = {"seen": seen, "policy": "weight", "fallback": "echo-model"}
    target = fallback.targets.get()
    typed |= {f"tier-{target.deployment_id.hex}": "1", f"weight-{target.deployment_id.hex}": "100"}
    wrong = client.post("/platform/routing/long-model/", typed)
    assert wrong.status_code == 422 and "leads back to" in wrong.content.decode()


def test_a_deployment_is_described_drained_and_tried_on_its_page(cast: Cast, client: Client) -> None:
    deployment = route().targets.get().deployment
    client.force_login(cast.pat)
    at = f"/platform/deployments/{deployment.pk}/"
    typed = {"seen": seen_in(client.get(at).content.decode()), "region": "eu-west", "context_tokens": "8000"}
    assert client.post(at, typed).status_code == 302
    assert client.post(f"{at}drain/").status_code == client.post(f"{at}probe/").status_code == 302
    deployment.refresh_from_db()
    assert (deployment.region, deployment.context_tokens) == ("eu-west", 8000)
    assert deployment.drained_at and deployment.probe_asked_at
    assert "Drained" in client.get(at).content.decode()
    assert client.post(f"{at}resume/", {"route": "echo-model"}).headers["location"] == "/platform/routing/echo-model/"
    deployment.refresh_from_db()
    assert deployment.drained_at is None
    assert client.post(at, typed | {"context_tokens": "0"}).status_code == 422
    assert client.post(f"{at}resume/", {"route": "echo\x00-model"}).status_code == 302, (
        "no text that a filter chokes on"
    )


def test_retries_left_are_told_of_all_processes(cast: Cast, client: Client) -> None:
    key = route().targets.get().deployment_id
    client.force_login(cast.pat)
    assert (
        "Retries left" not in page(client)
        and client.get("/api/platform/routing/").json()["routes"][0]["retries"] is None
    )
    exchange("one", told(key) | {"retries_left": {"echo-model": 95}})
    assert "Retries left: 95" in words(page(client)) and "No retries left" not in page(client)
    exchange("two", told(key) | {"retries_left": {"echo-model": 0, "another": 7}})
    assert "Retries left: 95 in 2 processes, 0 in the one with the fewest" in words(page(client))
    assert "No retries left" in page(client)
    (found,) = client.get("/api/platform/routing/").json()["routes"]
    assert found["retries"] == {"left": 95, "least": 0, "processes": 2}


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_the_page_as_csv_holds_every_route_that_fits(cast: Cast, client: Client) -> None:
    key = route().targets.get().deployment_id
    route("=calc")
    exchange("one", told(key, **opened()) | {"retries_left": {"echo-model": 95}})
    client.force_login(cast.pat)

    def lines(query: str) -> list[dict[str, str]]:
        text = b"".join(client.get(f"/platform/routing/?format=csv{query}").streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
        return list(csv.DictReader(io.StringIO(text)))

    troubled, other = lines("")
    assert (troubled["route"], troubled["state"], troubled["retries left"]) == ("echo-model", "breaker_open", "95")
    assert (troubled["calls"], troubled["failed"], troubled["share of 5 min"]) == ("30", "5", "1.0")
    assert (other["route"], other["retries left"]) == ("'=calc", "")
    assert [line["route"] for line in lines("&show=trouble")] == ["echo-model"] and lines("&q=zzz") == []
    client.force_login(cast.vera)
    assert client.get("/platform/routing/?format=csv").status_code == 403
