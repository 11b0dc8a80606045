"""Ask an endpoint which models it serves, as its kind is asked (`catalog.dialects`), and say clearly what is wrong when
it does not answer so.

Only platform people get here, yet the address is theirs to type: the scheme is http or https, no user name is in it,
addresses of the link itself (where clouds keep their instances' secrets) are refused, a credential does not travel
in clear over public networks, redirects are not followed, time and size are limited.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from catalog.dialects import Dialect, Listing, TokenRequest
from catalog.egress import AddressNotAllowed, address_of, refuse_peer
from refusals.errors import Invalid
from ui.connections import give_back
from ui.formatting import counted

CONNECT_S, READ_S = 5.0, 10.0
MOST_BYTES = 5 * 1024 * 1024
MOST_MODELS = 5000


class ProviderUnreachable(Invalid):
    code = "provider_unreachable"
    title = "The provider did not answer"


class CredentialRejected(Invalid):
    code = "credential_rejected"
    title = "The provider refused the credential"


class NotCompatible(Invalid):
    code = "not_compatible"
    title = "This is no endpoint of this kind"


@dataclass(frozen=True)
class Answer:
    """What the endpoint said: the names of its models (None: it tells none), and how long it took."""

    told: list[str] | None
    took_ms: int

    @property
    def models(self) -> list[str]:
        return self.told or []

    @property
    def sentence(self) -> str:
        """What it said, in words."""
        if self.told is None:
            return "answered; its kind tells no list of models"
        return f"answered with {counted(len(self.told), 'model')}"


def normalise(base_url: str) -> str:
    """The address without its last slash. Raises `AddressNotAllowed`."""
    text = base_url.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or len(text) > 300:
        raise AddressNotAllowed(
            "Write the whole address, beginning with https:// (or http:// inside your network).", field="base_url"
        )
    if parts.username or parts.password or parts.query or parts.fragment or port == 0:
        raise AddressNotAllowed(
            "The address must hold no user name, no question mark and no #. The credential has its own field.",
            field="base_url",
        )
    return text


def check_address(base_url: str, *, has_credential: bool) -> None:
    """Raise `AddressNotAllowed` or `ProviderUnreachable` when the address must not or cannot be called."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise ProviderUnreachable(f"There is no host “{host}”. Check the address.", field="base_url") from error
    for each in found:
        refuse_peer(str(each))
    if has_credential and parts.scheme == "http" and any(address_of(str(each)).is_global for each in found):
        raise AddressNotAllowed("Use https://: over http the credential could be read on its way.", field="base_url")


def list_models(dialect: Dialect, base_url: str, credential: str) -> Answer:
    """What `base_url` serves; of a kind that tells no list, whether it answers at all.

    Raises one of this module's refusals, never anything that holds the credential.
    """
    if dialect.inside is not None:
        if not dialect.is_offered:
            raise ProviderUnreachable("Answers of this installation itself are switched off here.")
        return Answer(list(dialect.inside.names), 0)
    give_back()  # an endpoint may take seconds to answer
    check_address(base_url, has_credential=bool(credential))
    told = dialect.listing(base_url, credential)
    listing = told or Listing(base_url, {}, None)
    address = listing.url.partition("?")[0]
    timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
    with httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False) as client:
        headers = listing.headers | (_bearer(client, listing.token) if listing.token else {})
        response, body = _asked(client, "GET", listing.url, headers=headers)
    took_ms = round(response.elapsed.total_seconds() * 1000)
    if told is not None:
        _refuse_status(response, address, has_credential=bool(credential))
    if listing.names is None:
        return Answer(None, took_ms)
    return Answer(_names(body, address, listing.names, dialect.words), took_ms)


def _bearer(client: httpx.Client, wanted: TokenRequest) -> dict[str, str]:
    """The header with the access token that a credential is exchanged for. Raises this module's refusals: the address
    is a part of the credential, so it is looked at as any other, and whatever is wrong with it is told there."""
    with _told_of_credential():
        check_address(normalise(wanted.url), has_credential=True)
        response, body = _asked(client, "POST", wanted.url, data=wanted.form)
    try:
        token = json.loads(body).get("access_token") if response.status_code == 200 else None
    except (ValueError, AttributeError):
        token = None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise CredentialRejected(
            f"{wanted.url} answered {response.status_code} and gave no access token for this credential.",
            field="credential",
        )
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def _told_of_credential() -> Iterator[None]:
    try:
        yield
    except Invalid as refusal:
        raise type(refusal)(
            f"The credential says where its access tokens are given. {refusal.sentence}", field="credential"
        ) from refusal


def _asked(client: httpx.Client, method: str, url: str, **more: Any) -> tuple[httpx.Response, bytes]:
    """The answer with its body, within the bounds of time and size. Raises `ProviderUnreachable`."""
    address = url.partition("?")[0]
    try:
        with client.stream(method, url, extensions={"trace": _look_at_peer}, **more) as response:
            return response, _read(response)
    except httpx.TimeoutException as error:
        raise ProviderUnreachable(
            f"{address} did not answer within {READ_S:.0f} s. Is it running, and may this host reach it?",
            field="base_url",
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise ProviderUnreachable(
            f"{address} cannot be reached: {_plain(error)}. Check the address and that this host may reach it.",
            field="base_url",
        ) from error


def _look_at_peer(event: str, facts: Mapping[str, Any]) -> None:
    """Called by httpx as it goes on: the name may lead elsewhere than when it was checked, and nothing is sent yet."""
    if event == "connection.connect_tcp.complete":
        refuse_peer(facts["return_value"].get_extra_info("server_addr")[0])


def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    for part in response.iter_bytes():
        body += part
        if len(body) > MOST_BYTES:
            raise NotCompatible(f"The answer is larger than {MOST_BYTES // 2**20} MB.", field="base_url")
    return bytes(body)


def _plain(error: Exception) -> str:
    """What went wrong in words, without the number of the system's error ("[Errno 111] …")."""
    words = re.sub(r"^\[[^\]]*\]\s*", "", str(error).strip()).rstrip(".")
    return (words[:1].lower() + words[1:160]) or type(error).__name__


def _refuse_status(response: httpx.Response, address: str, *, has_credential: bool) -> None:
    status = response.status_code
    if status in (401, 403):
        words = "It does not accept this credential." if has_credential else "It wants a credential."
        raise CredentialRejected(f"{address} answered {status}. {words}", field="credential")
    if response.is_redirect:
        to = urlsplit(response.headers.get("location", "")).hostname or "elsewhere"
        raise NotCompatible(
            f"{address} answered {status} and leads to {to}; redirects are not followed. Enter the final address.",
            field="base_url",
        )
    if status == 404:
        raise NotCompatible(f"{address} answered 404. The address usually ends with /v1.", field="base_url")
    if status != 200:
        raise NotCompatible(f"{address} answered {status}.", field="base_url")


def _names(body: bytes, address: str, names: Callable[[Any], Iterable[Any]], kind: str) -> list[str]:
    try:
        told = [name for name in names(json.loads(body)) if isinstance(name, str) and _is_name(name)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotCompatible(
            f"{address} answered, but not with a list of models such as {kind} endpoints give. Enter the address "
            "below which it lies, or choose another kind.",
            field="base_url",
        ) from error
    return sorted(dict.fromkeys(told))[:MOST_MODELS]


def _is_name(told: str) -> bool:
    """Whether it can be published (`catalog.publishing`): what holds a sign that cannot be seen is left out."""
    return 0 < len(told) <= 200 and told.isprintable()
