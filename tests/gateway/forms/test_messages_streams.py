"""However the pieces of a chat completion's stream are cut and mixed, its blocks come whole and one after the other."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.event import Event
from gateway.forms.messages import MESSAGES
from tests.gateway.providers.messages_api import assembled, delta, read, text

ASKED = {"model": "m", "max_tokens": 5, "stream": True, "messages": [{"role": "user", "content": "x"}]}
INPUTS = st.dictionaries(st.text(max_size=3), st.text('{}"\\é', max_size=4) | st.lists(st.integers()), max_size=2)


def cut(whole: str, draw: Any) -> list[str]:
    places = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=3)))
    return [whole[start:end] for start, end in zip([0, *places], [*places, len(whole)], strict=True)]


@given(st.text(max_size=5), st.lists(INPUTS, max_size=4), st.data())
def test_it_works(said: str, inputs: list[dict[str, Any]], data: st.DataObject) -> None:
    calls = [{"type": "tool_use", "id": f"t{n}", "name": f"n{n}", "input": each} for n, each in enumerate(inputs)]
    waiting = []
    for number, call in enumerate(calls):
        arguments = cut(json.dumps(call["input"]), data.draw)
        pieces = [{"index": number, "function": {"arguments": piece}} for piece in arguments]
        waiting.append([{"index": number, "id": call["id"], "function": {"name": call["name"]}}, *pieces])
    chunks = [delta(content=sign) for sign in said]
    begun = 0  # a call begins after those before it; from then on its pieces come between theirs
    while any(waiting):
        open_ones = [place for place in range(min(begun + 1, len(waiting))) if waiting[place]]
        place = data.draw(st.sampled_from(open_ones))
        begun = max(begun, place + 1)
        chunks.append(delta(tool_calls=[waiting[place].pop(0)]))
    writing = MESSAGES.writing(MESSAGES, MESSAGES.read(ASKED))
    sent = b"".join(writing.event(Event(b"", each)) for each in chunks) + writing.end()
    assert assembled(read(sent.decode()))["content"] == [*([text(said)] if said else []), *calls]
