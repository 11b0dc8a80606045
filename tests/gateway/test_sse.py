"""Server-sent events are read as the specification says, however the bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sse import EventParser, EventTooLarge, ServerSentEvent


def parsed(*pieces: bytes) -> list[ServerSentEvent]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_lines_may_end_in_three_ways(end: bytes) -> None:
    stream = end.join([b"data: one", b"", b"event: error", b"data: two", b"data: three", b"", b""])
    assert parsed(stream) == [ServerSentEvent(b"one"), ServerSentEvent(b"two\nthree", b"error")]


def test_comments_and_unknown_fields_are_passed_over() -> None:
    assert parsed(b": keep-alive\n\nid: 7\nretry: 3\nfoo\ndata: x\n\n") == [ServerSentEvent(b"x")]


def test_one_space_after_the_colon_is_not_part_of_the_value() -> None:
    assert parsed(b"data:a\ndata:  b\ndata\n\n") == [ServerSentEvent(b"a\n b\n")]


def test_an_event_without_data_is_none_but_empty_data_is_one() -> None:
    assert parsed(b"event: ping\n\ndata:\n\n") == [ServerSentEvent(b"")]


def test_what_is_unfinished_is_no_event() -> None:
    assert parsed(b"data: x\n") == []


def test_a_byte_order_mark_is_not_part_of_the_first_field() -> None:
    assert parsed(b"\xef", b"\xbb\xbfda", b"ta: x\n\n") == [ServerSentEvent(b"x")]


def test_a_line_end_cut_in_two_is_one_line_end() -> None:
    assert parsed(b"data: x\r", b"\n", b"\r", b"\ndata: y\r\n\r\n") == [ServerSentEvent(b"x"), ServerSentEvent(b"y")]


@pytest.mark.parametrize("piece", [b"x" * 600, b"\ndata: " + b"y" * 600])
def test_an_event_that_grows_without_end_is_refused(piece: bytes) -> None:
    parser = EventParser(largest=1000)
    parser.feed(b"data: ")
    with pytest.raises(EventTooLarge):
        for _ in range(2):
            parser.feed(piece)


values = st.text(alphabet=st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",)), max_size=20)
line_ends = st.sampled_from(["\n", "\r", "\r\n"])
written_lines = st.one_of(
    st.builds("data: {}".format, values),
    st.builds("data:{}".format, values),
    st.builds("event: {}".format, values),
    st.builds(":{}".format, values),
    st.builds("id: {}".format, values),
    values,
    st.just(""),
)
streams = st.lists(st.tuples(written_lines, line_ends).map("".join), max_size=30).map("".join)


@given(streams.map(str.encode), st.lists(st.integers(min_value=0, max_value=400), max_size=20))
def test_any_cutting_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    places = sorted({min(cut, len(stream)) for cut in cuts})
    pieces = [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]
    assert parsed(*pieces) == parsed(stream) == parsed(*(stream[i : i + 1] for i in range(len(stream))))


@given(st.lists(st.tuples(st.lists(values, min_size=1, max_size=3), line_ends), max_size=8))
def test_what_was_written_is_read(events: list[tuple[list[str], str]]) -> None:
    stream = "".join("".join(f"data: {line}{end}" for line in lines) + end for lines, end in events)
    assert [event.data.decode() for event in parsed(stream.encode())] == ["\n".join(lines) for lines, _ in events]
