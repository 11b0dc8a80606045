"""Which addresses Atrium never calls, whoever asks: those of the link itself and of clouds' metadata services, where an
instance's own secrets can be read.

A name is resolved again by whoever connects, so the connected peer is looked at too, before anything is sent to it.
"""

from __future__ import annotations

import ipaddress

from refusals.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052 §2.1: the last 32 bits are an IPv4 address
_METADATA = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "fd00:ec2::254")))  # beside 169.254.169.254


class AddressNotAllowed(Invalid):
    code = "address_not_allowed"


def is_forbidden(address: Address) -> bool:
    """Whether `address`, or the IPv4 address that it stands for, is never called."""
    found = meant(address)
    return found.is_link_local or found.is_multicast or found.is_unspecified or found in _METADATA


def refuse_peer(host: str) -> None:
    """Raise `AddressNotAllowed` when `host`, an IP address as text, is never called."""
    if is_forbidden(address_of(host)):
        raise AddressNotAllowed(
            "Addresses of the link itself (169.254.…, fe80::…) and of metadata services are not called.",
            field="base_url",
        )


def address_of(host: str) -> Address:
    """`host` without its zone."""
    return ipaddress.ip_address(host.partition("%")[0])


def meant(address: Address) -> Address:
    """The IPv4 address inside of a mapped (RFC 4291 §2.5.5.2), 6to4 (RFC 3056) or NAT64 one; else `address`."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address
