"""What is caught of calls takes so much memory and no more, calls under way counted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings

from gateway.bodies import catching
from gateway.bodies.catching import Caught, Room
from gateway.bodies.keeper import BodyKeeper
from gateway.bodies.rules import Rule
from usage.bodies.keeping import Keeping

RULE = Rule(uuid4(), Keeping(prompts=True, answers=True), uuid4(), b"x" * 32)


def test_of_a_piece_that_is_larger_than_what_is_kept_the_beginning_is_held(settings: Settings) -> None:
    settings.GATEWAY_LARGEST_KEPT = 10
    room = Room()
    caught = Caught(RULE, room)
    for piece in (b"x" * 6, b"y" * 1000, b"z"):
        caught.told(piece)
    assert b"".join(caught.pieces) == b"xxxxxxyyyy" and room.held == 10 and caught.size == 1007
    caught.release()
    caught.release()
    assert room.held == 0


def test_calls_under_way_share_the_room_and_what_finds_none_is_let_go_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching, "LARGEST_HELD", 100)
    written: list[Any] = []
    monkeypatch.setattr(BodyKeeper, "_write", lambda self, caught, call, outcome: written.append(caught.pieces))

    async def go() -> None:
        keeper = BodyKeeper("own", tmp_path)
        one, other = Caught(RULE, keeper.room), Caught(RULE, keeper.room)
        one.request_bytes = other.request_bytes = 5
        one.told(b"x" * 80)
        other.told(b"y" * 15)
        assert keeper.room.held == 95
        other.told(b"y" * 15)
        assert other.is_let_go and other.pieces == [] and keeper.room.held == 80
        other.told(b"y")
        call: Any = SimpleNamespace()
        keeper.take(other, call, "ok")
        assert keeper._unkept == {RULE.tenant_id: 1}
        keeper.take(one, call, "ok")
        while keeper._pending:
            await asyncio.sleep(0.01)
        assert written == [[b"x" * 80]] and keeper.room.held == 0
        keeper.release()

    asyncio.run(asyncio.wait_for(go(), 30))


def test_an_answer_that_is_to_be_stored_takes_the_place_of_its_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching, "LARGEST_HELD", 100)
    room = Room()
    one, other = Caught(RULE, room), Caught(RULE, room)
    one.told(b"x" * 30)
    one.became(b"y" * 60)
    assert (room.held, one.whole, one.pieces) == (60, b"y" * 60, [])
    other.told(b"x" * 30)
    other.became(b"y" * 60)
    assert other.is_let_go and other.whole is None and room.held == 60
    one.release()
    assert room.held == 0


def test_what_is_kept_of_failures_alone_gives_its_room_back(tmp_path: Path) -> None:
    keeper = BodyKeeper("own", tmp_path)
    caught = Caught(Rule(uuid4(), Keeping(answers=True, only_failed=True), uuid4(), b"x" * 32), keeper.room)
    caught.told(b"x" * 80)
    keeper.take(caught, SimpleNamespace(), "ok")  # type: ignore[arg-type]
    assert keeper.room.held == 0 and not keeper._unkept
    keeper.release()
