"""The ends in a journal are understood at once, and are those that one finds line by line, whatever was torn."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from gateway.journal import ends, lines

Row = dict[str, Any]


def line(kind: str, **row: Any) -> bytes:
    return orjson.dumps({kind: row}) + b"\n"


def read(segment: Path, at_most: int) -> list[Row]:
    """All ends, a few bytes at a time."""
    found, offset = [], 0
    while True:
        rows, behind = ends(segment, offset, at_most)
        found += rows
        if behind == offset:
            return found
        offset = behind


def test_only_ends_are_told_and_only_whole_lines(tmp_path: Path) -> None:
    segment = tmp_path / "1.jsonl"
    segment.write_bytes(line("open", id="a") + line("close", id="a") + line("progress", id="b") + b'{"close":{"id":"b"')
    rows, behind = ends(segment, 0, 1 << 20)
    assert rows == [{"id": "a"}]
    assert ends(segment, behind, 1 << 20) == ([], behind)
    with segment.open("ab") as file:
        file.write(b"}}\n")
    assert ends(segment, behind, 1 << 20)[0] == [{"id": "b"}]


@pytest.mark.parametrize("at_most", [1, 40, 400, 1 << 20])
def test_what_is_torn_takes_no_other_along(tmp_path: Path, at_most: int) -> None:
    random = Random(at_most)  # so that it is the same each time
    for number in range(100):
        written = []
        for each in range(20):
            said = random.choice(['a"b', "x}{", "\n", '{"close":', "plain"])
            whole = line(random.choice(["open", "progress", "close"]), id=str(each), said=said, more={"a": [{}]})
            is_torn = random.random() < 0.15
            written.append(whole[: random.randrange(len(whole))] + random.choice([b"\n", b""]) if is_torn else whole)
        segment = tmp_path / f"{number}.jsonl"
        segment.write_bytes(b"".join(written))
        told = [found["close"] for found, _ in lines(segment, 0, 1 << 30) if "close" in found]
        assert read(segment, at_most) == told
