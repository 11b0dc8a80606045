"""What the live page, the API and the command line show of a tenant's calls, to whom, and what they leave out."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from audit.identifiers import uuid7
from portal.clock import schedule
from portal.command import main
from tenants import role_making
from tenants.assigning import give_role
from tenants.memberships import add_member
from tenants.models import Environment, User
from tenants.scope import within
from tenants.structure import create_project
from tests.cast import Cast, person
from tests.usage.ledger_lines import called
from usage.models import RunningCall, Watch
from usage.tail import looking, watching
from usage.tasks import forget_live_calls

pytestmark = pytest.mark.django_db
PAGE = "/tenants/acme/calls/"


@pytest.fixture(autouse=True)
def nothing_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_renewed", {})


def running(environment: Environment, *, by: User | None = None, told_ago_s: float = 0, **more: Any) -> RunningCall:
    now = timezone.now()
    values: dict[str, Any] = {
        "id": uuid7(), "tenant": environment.tenant, "project": environment.project, "environment": environment,
        "user": by, "user_label": str(by) if by else "", "key_name": "" if by else "Batch job",
        "key_prefix": "" if by else "atrium_dev_0123456789ab", "origin": "playground" if by else "api",
        "route": "echo", "state": "asked", "started_at": now - dt.timedelta(seconds=3), "process": "one",
        "told_at": now - dt.timedelta(seconds=told_ago_s),
    }  # fmt: skip
    return RunningCall.objects.create(**(values | more))


def shown(client: Client, query: str = "") -> list[str]:
    answer = client.get(f"{PAGE}{query}")
    assert answer.status_code == 200
    return re.findall(r'<tr id="live-([0-9a-f-]+)"', answer.content.decode())


def api(client: Client, **asked: str) -> list[str]:
    answer = client.get("/api/usage/calls/tail/", {"tenant": "acme"} | asked)
    assert answer.status_code == 200, answer.content
    return [each["id"] for each in answer.json()["calls"]]


def test_it_works(cast: Cast, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    ended, under_way = called(cast.environment(), days_ago=0.001), running(cast.environment())
    client.force_login(cast.vera)
    with django_assert_max_num_queries(12):
        answer = client.get(PAGE)
    text = answer.content.decode()
    assert shown(client) == api(client) == [str(under_way.pk), str(ended.pk)]
    assert "Asked" in text and "Answered" in text and "Batch job" in text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in text and "Without JavaScript" in text
    assert Watch.objects.get().tenant == cast.acme


def test_each_filter_finds_its_calls(cast: Cast, client: Client) -> None:
    plain, own = running(cast.environment()), running(cast.environment("production"), by=cast.dev, route="other")
    failed = called(cast.environment(), outcome="failed", error_code="provider_busy", status=429)
    client.force_login(cast.vera)
    for query, found in {
        "route=other": [own], "environment=production": [own], "project=support": [own, plain, failed],
        "key=atrium_dev_0123456789ab": [plain, failed], "outcome=running": [own, plain], "outcome=errors": [failed],
        "outcome=ok": [], "project=another": [], "person=dev": [own], "origin=api": [plain, failed],
        "detour=any": [], "detour=retried": [], "request=r-1": [failed], "request=r-2": [],
    }.items():  # fmt: skip
        wanted = {str(each.pk) for each in found}
        assert set(shown(client, f"?{query}")) == wanted == set(api(client, **dict([query.split("=")]))), query
    said = "Calls under way are left out"
    for query in ("detour=any", "request=r-1", "outcome=ok"):
        assert said in client.get(f"{PAGE}?{query}").content.decode(), query
    assert said not in client.get(f"{PAGE}?outcome=running").content.decode()
    assert "Left out" in client.get(f"{PAGE}?outcome=x").content.decode()
    assert client.get("/api/usage/calls/tail/?tenant=acme&outcome=x").status_code == 422
    assert client.get("/api/usage/calls/tail/?tenant=acme&after=x").json()["code"] == "after_not_understood"
    assert client.get("/api/usage/calls/tail/?tenant=%00").status_code == 422


def test_who_sees_one_project_sees_its_calls_and_who_sees_none_sees_their_own(cast: Cast, client: Client) -> None:
    role_making.make(
        tenant=cast.acme,
        slug="guest",
        name="Guest",
        sentence="Tries.",
        permissions=["tenants.use_models"],
        by=cast.olivia,
    )
    anna = person("anna")
    add_member(tenant=cast.acme, user=anna, role="guest", by=cast.olivia)
    other = create_project(tenant=cast.acme, slug="other", name="Other", by=cast.olivia)
    elsewhere = other.environments.get(kind="development")
    here, there, own = running(cast.environment()), running(elsewhere), running(elsewhere, by=anna)
    ended_here, ended_there, ended_own = (
        called(cast.environment()), called(elsewhere, by=cast.dev), called(elsewhere, by=anna),
    )  # fmt: skip
    mine = {str(own.pk), str(ended_own.pk)}
    client.force_login(anna)
    assert set(shown(client)) == set(api(client)) == mine
    give_role(project=cast.project, user=anna, role="developer", by=cast.olivia)
    assert set(shown(client)) == set(api(client)) == mine | {str(here.pk), str(ended_here.pk)}
    client.force_login(cast.vera)
    assert set(shown(client)) == mine | {str(each.pk) for each in (here, there, ended_here, ended_there)}


def test_a_stranger_finds_neither_page_nor_stream_nor_answer(cast: Cast, client: Client) -> None:
    running(cast.environment())
    client.force_login(cast.greta)
    for address in (PAGE, f"{PAGE}stream/", "/api/usage/calls/tail/?tenant=acme"):
        foreign = client.get(address)
        missing = client.get(address.replace("acme", "nowhere"))
        assert foreign.status_code == missing.status_code == 404, address
    assert not Watch.objects.exists()
    client.logout()
    assert client.get(f"{PAGE}stream/").status_code == 302


def test_what_a_dead_process_told_is_not_believed(cast: Cast, client: Client) -> None:
    running(cast.environment(), told_ago_s=20)
    lives = running(cast.environment(), process="two")
    client.force_login(cast.vera)
    assert shown(client) == [str(lives.pk)]
    watching.still_runs("two")
    assert RunningCall.objects.count() == 2
    RunningCall.objects.filter(process="one").update(told_at=timezone.now() - dt.timedelta(minutes=2))
    watching.still_runs("two")
    assert RunningCall.objects.get() == lives


def test_a_person_who_is_gone_keeps_no_call_from_being_told(cast: Cast, client: Client) -> None:
    place = cast.environment()
    told = [
        {
            "id": str(uuid7()), "tenant_id": place.tenant_id, "project_id": place.project_id,
            "environment_id": place.pk, "key_prefix": "", "key_name": "", "user_id": user, "user_label": label,
            "origin": "playground", "route": "echo", "provider": "", "state": "waiting", "attempts": 0,
            "started_at": timezone.now().isoformat(), "process": "one",
        }
        for user, label in ((cast.dev.pk, "Dev"), (uuid7(), "Gone meanwhile"))
    ]  # fmt: skip
    watching.tell(told, [])
    connection.check_constraints()
    assert list(RunningCall.objects.order_by("user_label").values_list("user_label", "user")) == [
        ("Dev", cast.dev.pk), ("Gone meanwhile", None),
    ]  # fmt: skip
    client.force_login(cast.vera)
    assert set(shown(client)) == {each["id"] for each in told}


def test_where_nothing_is_called_any_more_a_worker_forgets(cast: Cast) -> None:
    """Gateways without calls say nothing, so they delete nothing either."""
    now, long_ago = timezone.now(), timezone.now() - dt.timedelta(hours=2)
    running(cast.environment(), told_ago_s=120)
    running(cast.environment(), told_ago_s=120, ended_at=now - dt.timedelta(seconds=110))
    lives, ended = running(cast.environment()), running(cast.environment(), ended_at=now)
    Watch.objects.create(tenant=cast.acme, until=long_ago)
    Watch.objects.create(tenant=cast.globex, until=now)
    assert schedule()["usage.forget_live_calls"]["schedule"] <= 60
    with within(None):
        assert forget_live_calls() == 2
    assert set(RunningCall.objects.all()) == {lives, ended}
    assert Watch.objects.get().tenant == cast.globex


def test_a_page_without_calls_says_why(cast: Cast, client: Client) -> None:
    client.force_login(cast.vera)
    assert "No calls in the last hour" in client.get(PAGE).content.decode()
    assert "No calls in the last hour" in client.get(f"{PAGE}?route=&outcome=&paused=1").content.decode()
    called(cast.environment())
    for query in ("route=other", "outcome=running", "outcome=errors", "project=another", "key=x", "environment=test"):
        text = client.get(f"{PAGE}?{query}").content.decode()
        assert "No calls that fit in the last hour" in text and not shown(client, f"?{query}"), query


def test_a_call_that_took_long_is_told_at_its_end(cast: Cast, client: Client) -> None:
    """It began before what is looked through by the time of starting, and is found as it was seen running."""
    began = timezone.now() - dt.timedelta(minutes=40)
    call = called(cast.environment(), started_at=began, duration_ms=40 * 60_000)
    running(cast.environment(), id=call.pk, started_at=began, ended_at=timezone.now())
    client.force_login(cast.vera)
    after = timezone.now().isoformat()
    assert api(client, after=after) == [str(call.pk)]
    RunningCall.objects.all().delete()
    assert api(client, after=after) == []


def test_calls_that_started_later_do_not_hide_one_that_took_long(
    cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many have started since and ended before the last look; many more are under way."""
    monkeypatch.setattr(looking, "MOST", 2)
    now = timezone.now()
    for ago in range(20, 26):
        called(cast.environment(), started_at=now - dt.timedelta(seconds=ago), duration_ms=1_000)
        running(cast.environment(), started_at=now - dt.timedelta(seconds=ago))
    half = called(cast.environment(), started_at=now - dt.timedelta(seconds=29), duration_ms=29_000)
    began = now - dt.timedelta(minutes=40)
    long = called(cast.environment(), started_at=began, duration_ms=40 * 60_000)
    running(cast.environment(), id=long.pk, started_at=began, ended_at=now)
    client.force_login(cast.vera)
    answer = client.get("/api/usage/calls/tail/", {"tenant": "acme", "after": now.isoformat(), "outcome": "ok"}).json()
    assert [each["id"] for each in answer["calls"]] == [str(half.pk), str(long.pk)] and not answer["is_cut"]
    newest = called(cast.environment(), started_at=now - dt.timedelta(seconds=1), duration_ms=1_001)
    answer = client.get("/api/usage/calls/tail/", {"tenant": "acme", "after": now.isoformat(), "outcome": "ok"}).json()
    assert answer["calls"][0]["id"] == str(newest.pk) and len(answer["calls"]) == 2 and answer["is_cut"]


def test_what_the_look_before_told_is_not_said_to_be_left_out(
    cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look goes back some seconds, for ends that reach the ledger late: many calls in them are nothing new."""
    monkeypatch.setattr(looking, "MOST", 2)
    now = timezone.now()
    client.force_login(cast.vera)
    for ago in (4, 3, 2):
        called(cast.environment(), started_at=now - dt.timedelta(seconds=ago), duration_ms=1)

    def is_cut(after: dt.datetime) -> bool:
        query = {"tenant": "acme", "after": after.isoformat(), "outcome": "ok"}
        answer = client.get("/api/usage/calls/tail/", query).json()
        assert len(answer["calls"]) == 2
        return bool(answer["is_cut"])

    assert not is_cut(now), "the one that is left out ended four seconds before the last look"
    assert is_cut(now - dt.timedelta(seconds=5)), "of three that ended since, two are told"


def test_the_list_of_one_tenant_leads_there_with_its_filters(cast: Cast, client: Client) -> None:
    client.force_login(cast.vera)
    assert f'href="{PAGE}"' in client.get("/usage/calls/").content.decode()
    text = client.get("/usage/calls/?project=acme/support&outcome=errors&period=7d").content.decode()
    assert f'href="{PAGE}?project=support&amp;outcome=errors"' in text
    assert PAGE.replace("acme", "globex") not in client.get("/usage/calls/?tenant=globex").content.decode()
    client.force_login(cast.pat)
    assert "live=1" in client.get("/usage/calls/").content.decode(), "of every tenant it is loaded anew"
    assert f'href="{PAGE}"' in client.get("/usage/calls/?tenant=acme").content.decode()


def test_many_who_look_renew_one_watch(cast: Cast, client: Client) -> None:
    client.force_login(cast.vera)
    client.get(PAGE)
    first = Watch.objects.get().until
    client.get(PAGE)
    assert Watch.objects.get().until == first
    watching._renewed.clear()
    Watch.objects.update(until=timezone.now())
    client.get(PAGE)
    assert Watch.objects.get().until > timezone.now() + dt.timedelta(seconds=10)


def test_the_command_line_shows_a_line_each(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    under_way = running(cast.environment())
    called(cast.environment())
    assert main(["tail", "acme", "--as", "vera", "--once"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "Asked" in line and "echo  support/development  Batch job" in line
    assert main(["tail", "acme", "--as", "vera", "--once", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == str(under_way.pk)
    assert main(["tail", "acme", "--as", "greta", "--once"]) == 1
    assert "There is no tenant “acme”" in capsys.readouterr().err
