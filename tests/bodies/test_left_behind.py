"""Content that a process left on the disk is carried by another; the playground's calls are kept like any other."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import httpx
import orjson
import pytest
from pytest_django import Settings

from catalog.models import Route
from gateway.bodies.keeper import _adopt
from gateway.bodies.spool import FOLDER, Spool, SpoolFull, records_of, segments
from gateway.calls import Caller, open_call
from gateway.runtime import here
from tests.bodies.conftest import stored
from tests.bodies.contents import record
from tests.cast import Cast
from tests.gateway.conftest import HELLO, eventually, kept, killable
from tests.gateway.killable import Killable
from tests.usage.ledger_lines import called
from usage.bodies.conversation import turns_of
from usage.bodies.keeping import Keeping
from usage.bodies.reading import opened_of
from usage.bodies.setting import set_retention
from usage.bodies.tables import Body
from usage.limits.places import of_environment

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = Keeping(prompts=True, answers=True)
__all__ = ["killable"]


def test_what_a_killed_process_had_spooled_is_carried_by_the_next(
    team: Cast, killable: Killable, route: Route, key: str, tmp_path: Path
) -> None:
    set_retention(place=of_environment(team.environment()), keeping=BOTH, by=team.olivia)
    process, url = killable.start()
    ask = {"model": "echo-model", "messages": HELLO}
    answer = httpx.post(f"{url}/v1/chat/completions", json=ask, headers={"authorization": f"Bearer {key}"}, timeout=20)
    spooled = tmp_path / "data" / "journal" / FOLDER
    eventually(lambda: list(spooled.glob("*/*.jsonl")) or Body.objects.exists(), 10)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    killable.start()
    [body] = stored()
    assert body.pk == kept(within_s=20).get().pk and opened_of(body).answer == answer.content
    eventually(lambda: not list(spooled.glob("*/*.jsonl")), 60)


def test_spools_of_the_dead_are_taken_over_and_those_of_the_living_left(team: Cast, tmp_path: Path) -> None:
    dead, living = Spool(tmp_path, "dead", 1 << 20), Spool(tmp_path, "living", 1 << 20)
    ours, theirs = called(team.environment()), called(team.environment())
    dead.append(record(ours))
    living.append(record(theirs))
    [segment] = segments(dead.folder)
    with segment.open("ab") as file:
        file.write(b'{"id": "torn')
    dead.close()  # as the end of its process lets go of its lock
    assert dead.folder.is_dir()
    _adopt(tmp_path, "another")
    assert [body.pk for body in Body.objects.all()] == [ours.pk]
    assert not dead.folder.exists() and len(list(records_of(*living.complete()))) == 1
    living.close()
    _adopt(tmp_path, "another")
    assert Body.objects.count() == 2 and not list(tmp_path.iterdir())


def test_a_spool_holds_no_more_than_it_may(team: Cast, tmp_path: Path) -> None:
    one = record(called(team.environment()))
    spool = Spool(tmp_path, "own", 2000)
    spool.append(one)
    with pytest.raises(SpoolFull):
        for _ in range(10):
            spool.append(one)
    for segment in spool.complete():
        spool.carried(segment)
    spool.append(one)
    for segment in spool.complete():
        spool.carried(segment)
    spool.close()
    assert not list(tmp_path.iterdir()), "nothing is left when everything was carried"


def test_a_call_of_the_playground_is_kept_too(team: Cast, route: Route, tmp_path: Path, settings: Settings) -> None:
    settings.JOURNAL_FOLDER = tmp_path / "journal"
    place = team.environment()
    set_retention(place=of_environment(place), keeping=BOTH, by=team.olivia)
    person = Caller(
        place.tenant_id, place.project_id, place.id, place.path, "playground", user_id=team.dev.id, user_label="Dev"
    )

    async def ask() -> str:
        call = await open_call(person, {"model": "echo-model", "messages": HELLO}, request_id="r-1")
        said = "".join([piece["choices"][0]["delta"].get("content", "") async for piece in call])
        await here().close()
        return said

    said = asyncio.run(ask())
    [body] = stored()
    opened = opened_of(body)
    assert HELLO[0]["content"].encode() in (opened.prompt or b"")
    assert said and turns_of(opened)[-1].text == said


def test_what_an_earlier_release_spooled_is_carried(team: Cast, tmp_path: Path) -> None:
    spool = Spool(tmp_path, "earlier", 1 << 20)
    spool.append(record(called(team.environment())))
    [segment] = segments(spool.folder)
    row = orjson.loads(segment.read_bytes())
    added = ("is_response", "previous", "data_classes")
    segment.write_bytes(orjson.dumps({name: value for name, value in row.items() if name not in added}) + b"\n")
    spool.close()
    _adopt(tmp_path, "another")
    [body] = Body.objects.all()
    assert str(body.pk) == row["id"] and not body.is_response and body.data_classes == []
