"""How somebody comes: from which address, and whether their sign-in service vouched for a second factor."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

from tenants.client_address import Address, client_address

VOUCHED = "second_factor_by_service"  # in a session that began with a sign-in of two factors elsewhere


@dataclass(frozen=True, slots=True)
class Whence:
    """`address` is None where it cannot be told."""

    address: Address | None
    vouched: bool = False


def of_page(request: HttpRequest) -> Whence:
    """How who has the session of `request` comes."""
    session = getattr(request, "session", None)
    return Whence(_address(request), bool(session and session.get(VOUCHED)))


def of_token(request: HttpRequest) -> Whence:
    """How who sends a personal token comes: no sign-in belongs to it, so nobody vouched."""
    return Whence(_address(request))


def _address(request: HttpRequest) -> Address | None:
    meta = request.META
    return client_address(str(meta.get("REMOTE_ADDR", "")), str(meta.get("HTTP_X_FORWARDED_FOR", "")))
