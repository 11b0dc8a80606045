"""The arguments of a tool's call that come in very many pieces."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gateway.forms.messages import blocks
from gateway.forms.messages.blocks import Blocks

MOST_PIECES = 300
INPUTS = st.dictionaries(st.text(), st.recursive(st.text() | st.integers(), lambda a: st.lists(a) | st.dictionaries(
    st.text(), a)))  # fmt: skip


def piece(index: int, arguments: str, name: str = "") -> dict[str, Any]:
    return {"index": index, "function": {"arguments": arguments} | ({"name": name} if name else {})}


def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many characters are looked at, each time that some are."""
    seen: list[int] = []
    marks, loads = blocks._MARKS, blocks.orjson.loads

    class Marks:
        def findall(self, text: str, *at: int) -> list[str]:
            seen.append(len(text))
            return list(marks.findall(text, *at))

    def parsed(text: str) -> Any:
        seen.append(len(text))
        return loads(text)

    monkeypatch.setattr(blocks, "_MARKS", Marks())
    monkeypatch.setattr(blocks.orjson, "loads", parsed)
    return seen


@given(INPUTS, st.data())
def test_an_object_is_whole_with_its_last_brace_however_it_is_cut(told: dict[str, Any], data: st.DataObject) -> None:
    text, found = json.dumps(told, ensure_ascii=data.draw(st.booleans())), blocks._Json()
    ends = sorted(data.draw(st.lists(st.integers(0, len(text) - 1))))
    for start, end in zip([0, *ends], [*ends, len(text)], strict=True):
        assert not found.is_whole
        found.take(text[start:end])
    assert found.is_whole


@pytest.mark.parametrize("name", ["", "f"])
def test_what_came_before_is_not_looked_at_again_with_each_piece(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, told = sizes(monkeypatch), Blocks()
    told.tool(piece(0, '{"a": "', "f"))
    told.tool(piece(1, '{"b": "', "g"))
    for _ in range(MOST_PIECES):
        told.tool(piece(0, "}", name))
        told.tool(piece(1, "}", name))
    assert sum(seen) <= 3 * MOST_PIECES
    sent = told.tool(piece(0, '"}'))
    waited = next(each["delta"]["partial_json"] for each in sent if each.get("index") == 1 and "delta" in each)
    assert waited == '{"b": "' + "}" * MOST_PIECES
