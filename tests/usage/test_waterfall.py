"""A call's page shows what it spent its time with, bar by bar, each with its sentence; lists mark and find detours."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from catalog.models import Deployment
from tests.cast import Cast, route
from tests.usage.ledger_lines import called
from usage.models import Call

pytestmark = pytest.mark.django_db
GONE = "00000000-0000-7000-8000-000000000001"


def attempt(deployment: object = GONE, **more: Any) -> dict[str, Any]:
    return {
        "deployment": str(deployment), "provider": "echo", "upstream_name": "echo-1", "began_ms": 0, "ended_ms": 2390,
        **more,
    }  # fmt: skip


def timed(cast: Cast, *attempts: dict[str, Any], waits: list[list[int]] | None = None, **more: Any) -> Call:
    timing = {"reading_ms": 30, "admission_ms": 5, "waits": waits or [], "attempts": list(attempts)}
    values: dict[str, Any] = {"timing": timing, "attempts": len(attempts), "fell_back": False, "is_streamed": True}
    return called(cast.environment(), **(values | more))


def rows(client: Client, call: Call) -> list[list[str]]:
    """The table of the waterfall as a screen reader has it."""
    content = client.get(f"/usage/calls/{call.pk}/").content.decode()
    table = content.split('aria-label="What the call spent its time with"')[1].split("</table>")[0]
    lines = table.split("<tbody>")[1].split("</tr>")[:-1]
    cells = [re.findall(r"<t[hd]([^>]*)>(.*?)</t[hd]>", line, re.S) for line in lines]
    return [
        [
            " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())
            for marks, text in line
            if "aria-hidden" not in marks
        ]
        for line in cells
    ]


def test_it_works(cast: Cast, client: Client) -> None:
    first = attempt(ended_ms=800, failure="provider_failed", status=500)
    second = attempt(upstream_name="echo-2", began_ms=1300, answered_ms=1500)
    made = timed(cast, first, second, waits=[[800, 1300]], first_token_ms=1500, waited_ms=500)
    client.force_login(cast.vera)
    arriving, admission, left, waiting, answered, settlement = rows(client, made)
    assert arriving == ["Arriving Until the request was here and read.", "before", "30 ms"]
    assert admission[1:] == ["before", "5 ms"]
    assert left[0].startswith("echo-1 at echo Left Asked first; left, because it failed (status 500)")
    assert left[1:] == ["0 ms", "800 ms"]
    assert waiting[0].startswith("Waiting for room") and waiting[1:] == ["800 ms", "500 ms"]
    assert answered[0].endswith("Asked as the next one; the first token after 200 ms, then 890 ms of answer.")
    assert settlement[1:] == ["2.4 s", "10 ms"]


def test_bars_lie_in_the_drawing_where_their_time_was(cast: Cast, client: Client) -> None:
    made = timed(cast, attempt(ended_ms=2400, answered_ms=400), first_token_ms=400)
    client.force_login(cast.vera)
    content = client.get(f"/usage/calls/{made.pk}/").content.decode()
    drawn = [
        (tone, float(x), float(width))
        for tone, x, width in re.findall(r'<rect class="usage-took-(\w+)" x="([\d.]+)" y="0" width="([\d.]+)"', content)
    ]
    assert [tone for tone, *_ in drawn] == ["ours", "ours", "first", "answering", "ours"]
    assert all(x >= 0 and x + width <= 1000 for _, x, width in drawn)
    whole = 2400 + 35
    assert drawn[3] == ("answering", pytest.approx(1000 * 435 / whole, abs=0.2), pytest.approx(821.4, abs=0.2))


def test_a_fallback_and_who_had_not_answered_are_told(cast: Cast, client: Client) -> None:
    silent = attempt(began_ms=5, fallback="second")
    del silent["ended_ms"]
    made = timed(cast, silent, fell_back=True, outcome="cancelled", first_token_ms=None)
    client.force_login(cast.vera)
    told = rows(client, made)[-1]
    assert (
        "Asked by the fallback “second”, as “echo” could not answer; had not answered when the call ended." in told[0]
    )


def test_an_earlier_call_has_what_its_columns_say(cast: Cast, client: Client) -> None:
    made = called(cast.environment(), waited_ms=100)
    client.force_login(cast.vera)
    assert [(row[0].split(" ")[0], *row[1:]) for row in rows(client, made)] == [
        ("Waiting", "0 ms", "100 ms"), ("Until", "100 ms", "300 ms"), ("Writing", "400 ms", "2.0 s"),
    ]  # fmt: skip
    assert [row[0].split(" ")[0] for row in rows(client, called(cast.environment(), first_token_ms=None))] == ["Whole"]


def test_who_looks_after_deployments_is_led_to_them(cast: Cast, client: Client) -> None:
    deployment = route().targets.get().deployment
    made = timed(cast, attempt(deployment.pk), attempt(began_ms=2390))
    address = f'href="/platform/deployments/{deployment.pk}/"'
    client.force_login(cast.pat)
    content = client.get(f"/usage/calls/{made.pk}/").content.decode()
    assert address in content and GONE not in content
    client.force_login(cast.vera)
    assert address not in client.get(f"/usage/calls/{made.pk}/").content.decode()
    assert Deployment.objects.filter(pk=deployment.pk).exists()


def test_detours_are_marked_and_found(cast: Cast, client: Client) -> None:
    plain = timed(cast, attempt())
    old = called(cast.environment())
    retried = timed(cast, attempt(failure="provider_busy"), attempt())
    fallen = timed(cast, attempt(), attempt(fallback="second"), fell_back=True)
    queued = timed(cast, attempt(), waited_ms=700)
    client.force_login(cast.vera)

    def found(detour: str) -> set[str]:
        content = client.get(f"/usage/calls/?detour={detour}").content.decode()
        page = set(re.findall(r'<tr id="call-([0-9a-f-]+)"', content))
        api = client.get(f"/api/usage/calls/?detour={detour}").json()["results"]
        assert page == {each["id"] for each in api}
        return page

    def of(*calls: Call) -> set[str]:
        return {str(each.pk) for each in calls}

    assert found("") == of(plain, old, retried, fallen, queued)
    assert found("retried") == of(retried, fallen) and found("fallback") == of(fallen) and found("queued") == of(queued)
    assert found("any") == of(retried, fallen, queued)
    content = client.get("/usage/calls/").content.decode()
    assert content.count('aria-label="2 deployments were asked"') == 2
    assert content.count('aria-label="answered by a fallback"') == 1
    assert content.count('aria-label="waited for room"') == 1
    assert client.get("/api/usage/calls/?detour=x").json()["code"] == "filter_not_understood"


def test_files_and_programs_get_the_same_figures(cast: Cast, client: Client) -> None:
    made = timed(cast, attempt(ended_ms=800, failure="provider_busy", status=429), attempt(began_ms=800))
    old = called(cast.environment())
    client.force_login(cast.vera)
    told = client.get(f"/api/usage/calls/{made.pk}/").json()
    assert told["timing"] == made.timing and (told["attempts"], told["fell_back"]) == (2, False)
    assert client.get(f"/api/usage/calls/{old.pk}/").json()["timing"] is None
    text = b"".join(client.get("/usage/calls/export.csv").streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    lines = {line["id"]: line for line in csv.DictReader(io.StringIO(text))}
    line = lines[str(made.pk)]
    assert (line["reading ms"], line["admission ms"], line["attempts"]) == ("30", "5", "2")
    assert line["asked"] == "echo/echo-1 0-800 provider_busy; echo/echo-1 800-2390"
    assert lines[str(old.pk)]["asked"] == lines[str(old.pk)]["attempts"] == ""
