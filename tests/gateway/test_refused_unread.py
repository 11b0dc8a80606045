"""Who is refused before their request was read: what came of it is taken, so that their connection can be used again;
where more would come, the answer says that the connection ends."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from typing import Any

import httpx
import pytest

from gateway.extent import HEAVY
from gateway.operations import MethodNotAllowed
from gateway.wire import Exchange
from tests.gateway.conftest import HELLO
from tests.gateway.serving import Served

WRONG = {"authorization": "Bearer atrium_dev_wrong", "content-type": "application/json"}
BODY = json.dumps({"model": "echo-model", "messages": HELLO})


class Sent:
    """What a server is told of an answer, and what it has of the request: a head, and the body a moment later."""

    def __init__(self, *bodies: bytes) -> None:
        self.left = list(bodies)
        self.told: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": self.left.pop(0), "more_body": bool(self.left)}

    async def send(self, message: dict[str, Any]) -> None:
        self.told.append(message)


@pytest.mark.parametrize("bodies", [(b"{}",), (b"{", b"}")])
def test_what_comes_of_a_request_is_taken_before_its_sender_is_refused(bodies: tuple[bytes, ...]) -> None:
    sent = Sent(*bodies)
    scope = {"method": "POST", "path": "/v1/chat/completions", "headers": [(b"content-length", b"2")]}
    asyncio.run(Exchange(scope, sent.receive, sent.send).refuse(MethodNotAllowed("Not so.", allow="GET")))
    assert not sent.left  # the server would close the connection on which something is left
    assert b"connection" not in dict(sent.told[0]["headers"])


def test_the_next_request_goes_over_the_same_connection(front: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", front.port)
    connection.connect()
    opened = connection.sock
    for _ in range(20):
        connection.request("POST", "/v1/chat/completions", BODY, WRONG)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (401, "invalid_api_key")
        assert answer.getheader("connection") is None
        assert connection.sock is opened


def test_so_does_that_of_who_may_not_ask_so(client: httpx.Client) -> None:
    answer = client.put("/v1/chat/completions", json={"model": "echo-model"})
    assert answer.status_code == 405
    assert "connection" not in answer.headers


@pytest.mark.parametrize(
    "announced", ["content-length: 60", f"content-length: {HEAVY + 1}", "transfer-encoding: chunked"]
)
def test_where_more_would_come_the_answer_says_that_the_connection_ends(front: Served, announced: str) -> None:
    with socket.create_connection(("127.0.0.1", front.port), timeout=20) as half:
        half.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nhost: here\r\n{announced}\r\n\r\n".encode())
        told = b"".join(iter(lambda: half.recv(65536), b""))  # until the server has closed it
    head = told.partition(b"\r\n\r\n")[0].decode().lower()
    assert head.startswith("http/1.1 401 ")
    assert "connection: close" in head
