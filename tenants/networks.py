"""Networks as people write them: read, and kept in one canonical form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from refusals.errors import Invalid
from tenants.client_address import Address

Network = IPv4Network | IPv6Network
MOST_NETWORKS = 20  # each call compares its address with all of them
MAPPED_IPV4 = IPv6Network("::ffff:0:0/96")  # how a socket of both versions shows an address of version 4 (RFC 4291)


class NetworkNotUnderstood(Invalid):
    code = "network_not_understood"


class TooMany(Invalid):
    code = "too_many"


def networks_of(asked: Sequence[str], *, whose: str = "A key") -> list[str]:
    """`asked` in canonical form (RFC 4632, RFC 5952) without duplicates. Raises `NetworkNotUnderstood`, `TooMany`."""
    found = {}
    for text in asked:
        if text.strip():
            network = _network(text.strip())
            found[str(network)] = True
    if len(found) > MOST_NETWORKS:
        raise TooMany(
            f"{whose} names at most {MOST_NETWORKS} networks. Join neighbours into one.", field="allowed_networks"
        )
    return list(found)


def are_from(address: Address | None, networks: Iterable[str]) -> bool:
    """Whether `address` lies in one of `networks`; one that cannot be told lies in none."""
    return address is not None and any(address in _kept(text) for text in networks)


@lru_cache(1024)
def _kept(text: str) -> Network:
    return ip_network(text)


def _network(text: str) -> Network:
    shown = text[:60]
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or "%" in text:
        raise NetworkNotUnderstood(
            f"“{shown}” is no network. Write one as 203.0.113.0/24, 2001:db8::/32, or a single address.",
            field="allowed_networks",
        )
    if network.network_address != ip_network(text.partition("/")[0]).network_address:
        raise NetworkNotUnderstood(
            f"“{shown}” is an address within a network. Write {network} for the network, or the address alone.",
            field="allowed_networks",
        )
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED_IPV4):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network
