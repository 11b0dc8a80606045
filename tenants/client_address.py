"""Where a client calls from, as the rest of the portal sees it: the peer, or what the trusted proxies say of it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from django.conf import settings

Address = IPv4Address | IPv6Address


def client_address(peer: str, forwarded_for: str) -> Address | None:
    """The client's address; None where it cannot be told.

    `forwarded_for` is the whole `X-Forwarded-For`. It is believed only of as many proxies as stand before us
    (`TRUSTED_PROXIES`): whatever a client wrote into it itself lies left of what they added.
    """
    trusted = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    said = peer
    if trusted > 0 and forwarded_for:
        hops = forwarded_for.split(",")
        if len(hops) < trusted:
            return None  # it came past one of the proxies
        said = hops[-trusted]
    return _read(said.strip())


def _read(text: str) -> Address | None:
    """An address, also with a port as some proxies add it: `203.0.113.9:4711`, `[2001:db8::1]:4711`."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
