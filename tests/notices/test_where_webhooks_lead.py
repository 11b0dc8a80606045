"""Webhooks lead to public addresses only: whatever is written, whatever a name resolves to, whatever is answered."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest
from pytest_django import Settings

from notices.webhooks import sending
from notices.webhooks.addresses import check_url, may_reach
from notices.webhooks.delivering import deliver, waiting
from notices.webhooks.tables import Attempt
from refusals import Refusal
from tenants import keys
from tests.cast import Cast
from tests.notices.conftest import add
from tests.notices.receiver import Receiver


@pytest.fixture
def in_production(settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "100.100.100.200", "[::1]", "[::]",
        "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::ffff:a9fe:a9fe]",
        "[64:ff9b::7f00:1]", "[64:ff9b::a00:1]", "[2002:7f00:1::]", "[2002:a00:1::1]", "[::127.0.0.1]", "[::7f00:1]",
        "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[64:ff9b:1::1]", "2130706433", "0x7f000001", "0177.0.0.1", "127.1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(in_production: None, host: str) -> None:
    with pytest.raises(Refusal):
        check_url(f"https://{host}/hook")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "http://localhost/", "ftp://example.com/", "https://", "https:///hook", "example.com",
        "https://user:password@example.com/", "https://user@example.com/", "https://example.com/#part",
        "https://example.com:0/", "https://example.com:99999/", "https://exa mple.com/", "https://example.com/\r\nx: y",
        "https://[::1", "https://example.com/\u202e", "javascript:alert(1)", "https://example.com/" + "a" * 500,
    ],
)  # fmt: skip
def test_what_is_no_plain_https_address_is_refused(in_production: None, url: str) -> None:
    with pytest.raises(Refusal):
        check_url(url)


@pytest.mark.parametrize("url", ["https://example.com/hook?a=b", "https://8.8.8.8/", "https://[2606:4700::1111]:8443/"])
def test_a_public_address_is_taken(in_production: None, url: str) -> None:
    assert check_url(f" {url} ") == url


def test_an_operator_may_open_a_network_of_their_own(settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = ["10.20.0.0/16"]
    assert check_url("https://10.20.1.1/") and may_reach(ipaddress.ip_address("::ffff:10.20.1.1"))
    for url in ("https://10.21.1.1/", "http://10.20.1.1/", "https://127.0.0.1/"):
        with pytest.raises(Refusal):
            check_url(url)


def test_a_network_of_ones_own_does_not_open_metadata_services(settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = ["0.0.0.0/0"]
    assert not may_reach(ipaddress.ip_address("169.254.169.254"))


def answering(monkeypatch: pytest.MonkeyPatch, *turns: list[str]) -> list[str]:
    """The names of the world resolve to these addresses, turn by turn; returns what was asked."""
    asked: list[str] = []

    def resolve(host: str, port: Any, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        addresses = turns[min(len(asked), len(turns)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def connecting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nothing leaves this machine; returns where a connection was asked for."""
    connected: list[str] = []

    def connect(address: tuple[str, int], **_: Any) -> Any:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    return connected


@pytest.mark.parametrize("found", [["127.0.0.1"], ["10.1.1.1"], ["8.8.8.8", "127.0.0.1"], ["169.254.169.254"]])
def test_a_name_that_leads_inside_is_not_connected_to(
    in_production: None, monkeypatch: pytest.MonkeyPatch, found: list[str]
) -> None:
    connected = connecting(monkeypatch)
    answering(monkeypatch, found)
    answer = sending.send("https://hooks.example.com/", b"{}", {})
    assert answer.status is None and "not public" in answer.error and connected == []


def test_a_name_that_answers_otherwise_a_moment_later_reaches_nothing(
    in_production: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = connecting(monkeypatch)
    asked = answering(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    sending.send("https://hooks.example.com/", b"{}", {})
    assert asked == ["hooks.example.com"] and connected == ["8.8.8.8"], "resolved once, connected to what was looked at"
    sending.send("https://hooks.example.com/", b"{}", {})
    assert connected == ["8.8.8.8"]


@pytest.mark.django_db
def test_a_redirect_is_not_followed(cast: Cast, receiver: Receiver) -> None:
    with Receiver() as inside:
        receiver.answers, receiver.headers = [307], {"Location": inside.url}
        add(cast, receiver.url)
        keys.issue(environment=cast.environment(), name="job", by=cast.dev)
        assert [deliver(key) for key in waiting()] == [0]
        assert inside.got == [] and Attempt.objects.get().status == 307


@pytest.mark.django_db
def test_what_was_allowed_when_it_was_added_is_looked_at_again_at_each_delivery(
    cast: Cast, receiver: Receiver, settings: Settings
) -> None:
    add(cast, receiver.url)
    keys.issue(environment=cast.environment(), name="job", by=cast.dev)
    settings.WEBHOOK_NETWORKS = []
    assert [deliver(key) for key in waiting()] == [0]
    assert receiver.got == [] and "not public" in Attempt.objects.get().error


def test_no_proxy_of_the_surroundings_is_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert sending.send(receiver.url, b"{}", {}).is_taken
