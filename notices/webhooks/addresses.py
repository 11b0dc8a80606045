"""Which addresses webhooks are sent to: public ones, and networks that the operator names (`WEBHOOK_NETWORKS`).

A name is resolved at each delivery, every answer is looked at, and the connection is made to the address that was
looked at: a name that answers otherwise a moment later reaches nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from catalog.egress import Address, address_of, is_forbidden, meant
from refusals.errors import Invalid

LONGEST_URL = 500


class UrlNotAcceptable(Invalid):
    code = "url_not_acceptable"


def check_url(text: str) -> str:
    """`text` as an address that events may be sent to. Raises `UrlNotAcceptable`; a name is not resolved yet."""
    url = text.strip()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused("This is not an address. Write it as in https://hooks.example.com/atrium.") from error
    if len(url) > LONGEST_URL or not parts.hostname or any(ord(sign) <= 32 or ord(sign) > 126 for sign in url):
        raise _refused(
            f"Write the whole address in up to {LONGEST_URL} plain characters, as in https://hooks.example.com/atrium."
        )
    if parts.username is not None or parts.password is not None or parts.fragment or port == 0:
        raise _refused("Leave user, password and “#” out of the address: the signature proves who sends.")
    try:
        literal = address_of(parts.hostname)
    except ValueError:
        literal = None
        if re.fullmatch(r"(?:0x[0-9a-f]*|[0-9]+)", parts.hostname.rstrip(".").rpartition(".")[2]):
            raise _refused("Write an IP address in its usual form, as in 203.0.113.7.") from None
    if literal is not None and not may_reach(literal):
        raise _refused("This address is not public, and the operator has not allowed webhooks to its network.")
    if parts.scheme == "https" or (parts.scheme == "http" and _is_own_machine(parts, literal)):
        return url
    raise _refused("Use https://. Plain http goes to this machine only, where the operator allows it.")


def may_reach(address: Address) -> bool:
    """Whether events may be sent to `address`, or the IPv4 address that it stands for."""
    if is_forbidden(address):
        return False
    found = meant(address)
    networks = [ipaddress.ip_network(network) for network in settings.WEBHOOK_NETWORKS]
    if any(found.version == network.version and found in network for network in networks):
        return True
    reserved = found.is_reserved or found.is_multicast or getattr(found, "is_site_local", False)
    return found.is_global and not reserved


def resolve(host: str, port: int) -> str:
    """An address of `host` that may be reached. Raises `OSError` when there is none, saying why."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(answer[4][0]) for answer in found))
    allowed = [address for address in addresses if may_reach(address_of(address))]
    if not allowed or len(allowed) != len(addresses):
        raise PermissionError("The name leads to an address that is not public and not allowed.")
    return allowed[0]


def _is_own_machine(parts: SplitResult, literal: Address | None) -> bool:
    if parts.hostname == "localhost":
        return may_reach(ipaddress.ip_address("127.0.0.1"))
    return literal is not None and meant(literal).is_loopback


def _refused(sentence: str) -> UrlNotAcceptable:
    return UrlNotAcceptable(sentence, field="url")
