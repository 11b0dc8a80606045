"""W3C Trace Context: a client's trace goes on at the provider, and is found again with the call."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from django.test import Client

from gateway.tracing import Trace, trace_of
from tests.cast import Cast
from tests.gateway.conftest import HELLO, kept
from tests.gateway.provider import Provider
from usage.models import Call

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


def ask(client: httpx.Client, *headers: tuple[str, str], **more: Any) -> httpx.Response:
    return client.post("/v1/chat/completions", json=ASKED | more, headers=list(headers))


def test_it_works(client: httpx.Client, provider: Provider) -> None:
    state = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
    assert ask(client, ("traceparent", TRACEPARENT), ("tracestate", state)).is_success
    sent = provider.exchanges[0].headers
    version, trace, span, flags = sent["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert span != PARENT and len(span) == 16 and span != "0" * 16, "our own span is the provider's parent"
    assert sent["tracestate"] == state
    call = kept().get()
    assert call.trace_id is not None and call.trace_id.hex == TRACE


def test_where_there_is_none_one_begins(client: httpx.Client, provider: Provider) -> None:
    for _ in range(2):
        assert ask(client).is_success
    traces = [trace_of([each.headers["traceparent"]], []).trace_id for each in provider.exchanges]
    assert len(set(traces)) == 2 and all("tracestate" not in each.headers for each in provider.exchanges)
    assert {call.trace_id.hex for call in kept(2) if call.trace_id} == set(traces)


def test_baggage_is_not_passed_on(client: httpx.Client, provider: Provider) -> None:
    assert ask(client, ("traceparent", TRACEPARENT), ("baggage", "account=7,secret=x")).is_success
    assert "baggage" not in provider.exchanges[0].headers
    assert "secret=x" not in json.dumps(provider.exchanges[0].headers)


READABLE = {
    TRACEPARENT: 1,
    f"00-{TRACE}-{PARENT}-00": 0,
    f"00-{TRACE}-{PARENT}-03": 3,
    f"00-{TRACE}-{PARENT}-ff": 3,  # flags that nobody knows are not passed on
    f" 00-{TRACE}-{PARENT}-01\t": 1,
    f"cc-{TRACE}-{PARENT}-01": 1,  # a later version is read as far as this one goes
    f"cc-{TRACE}-{PARENT}-01-what-comes-then": 1,
}
UNREADABLE = [
    "",
    "x",
    f"ff-{TRACE}-{PARENT}-01",
    f"00-{TRACE}-{PARENT}-01-more",
    f"cc-{TRACE}-{PARENT}-01more",
    f"00-{TRACE.upper()}-{PARENT}-01",
    f"00-{'0' * 32}-{PARENT}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE[:-1]}-{PARENT}-01",
    f"00-{TRACE}-{PARENT}-1",
    f"00-{TRACE}-{PARENT}",
    f"0-{TRACE}-{PARENT}-01",
    f"00-{TRACE}-{PARENT}-0g",
    f"00_{TRACE}_{PARENT}_01",
    f"00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01",
    f"00-{TRACE}-{PARENT}-01\n",
]


@pytest.mark.parametrize("sent", READABLE)
def test_what_the_specification_allows_is_gone_on_with(sent: str) -> None:
    found = trace_of([sent], ["a=1"])
    assert (found.trace_id, found.parent_id, found.flags, found.state) == (TRACE, PARENT, READABLE[sent], "a=1")
    assert found.headers()["traceparent"] == f"00-{TRACE}-{found.span_id}-{READABLE[sent]:02x}"


@pytest.mark.parametrize("sent", UNREADABLE)
def test_what_it_does_not_allow_begins_another_trace_and_drops_the_state(sent: str) -> None:
    found = trace_of([sent], ["a=1"])
    assert (found.parent_id, found.state) == ("", "") and found.trace_id not in (TRACE, "0" * 32)


def test_two_parents_are_none() -> None:
    assert trace_of([TRACEPARENT, TRACEPARENT], []).parent_id == ""


STATES = {
    ("a=1",): "a=1",
    ("a=1", "b=2"): "a=1,b=2",
    (" a=1 ,\tb=2,,",): "a=1,b=2",
    ("fw529a3039@dt=FfAA,0a@b=1",): "fw529a3039@dt=FfAA,0a@b=1",
    ("a=1,a=2",): "",
    ("A=1",): "",
    ("0a=1",): "",
    ("a=1=2",): "",
    ("a=",): "",
    ("a",): "",
    ("a=\u00e9",): "",
    ("a=1\r\nx-evil: 1",): "",
    (",".join(f"a{number}=1" for number in range(32)),): ",".join(f"a{number}=1" for number in range(32)),
    (",".join(f"a{number}=1" for number in range(33)),): "",
    (f"a={'x' * 256}",): f"a={'x' * 256}",
    (f"a={'x' * 257}",): "",
    (f"a={'x' * 251},b={'x' * 256}",): f"a={'x' * 251},b={'x' * 256}",  # 512 characters
    (f"a={'x' * 252},b={'x' * 256}",): f"a={'x' * 252}",
    (f"a={'x' * 200},b=2,c={'y' * 200},d=3,e={'z' * 200}",): f"a={'x' * 200},b=2,c={'y' * 200},d=3",
    (",".join(f"a{number:02}={'x' * 60}" for number in range(32)),): ",".join(
        f"a{number:02}={'x' * 60}" for number in range(7)
    ),
}


@pytest.mark.parametrize("sent", STATES)
def test_the_state_is_passed_on_as_it_is_or_not_at_all(sent: tuple[str, ...]) -> None:
    assert trace_of([TRACEPARENT], sent).state == STATES[sent]


def test_a_header_cannot_be_made_of_it() -> None:
    for sent in (*READABLE, *UNREADABLE):
        for state in STATES:
            for value in trace_of([sent], state).headers().values():
                assert value.isascii() and value.isprintable()


def test_calls_are_found_by_their_trace(client: httpx.Client, team: Cast) -> None:
    for _ in range(2):
        assert ask(client, ("traceparent", TRACEPARENT)).is_success
    assert ask(client).is_success
    kept(3)
    browser = Client()
    browser.force_login(team.olivia)
    told = browser.get("/api/usage/calls/", {"request": TRACE}, headers={"accept": "application/json"}).json()
    assert [each["trace_id"] for each in told["results"]] == [TRACE] * 2
    page = browser.get(f"/usage/calls/{Call.objects.filter(trace_id=TRACE)[0].pk}/").content.decode()
    assert TRACE in page
    assert TRACE in b"".join(browser.get("/usage/calls/export.csv").streaming_content).decode()  # type: ignore[attr-defined,arg-type]


def test_a_stranger_finds_nothing_by_it(client: httpx.Client, team: Cast) -> None:
    assert ask(client, ("traceparent", TRACEPARENT)).is_success
    kept()
    browser = Client()
    browser.force_login(team.greta)
    assert browser.get("/api/usage/calls/", {"request": TRACE}).json()["results"] == []


def test_a_trace_that_is_sampled_says_so() -> None:
    assert trace_of([TRACEPARENT], []).is_sampled and not Trace("a" * 32, "b" * 16).is_sampled
