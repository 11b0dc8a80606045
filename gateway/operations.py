"""Which operations there are at an address, and the refusals of those that there are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refusals import Refusal

if TYPE_CHECKING:
    from gateway.wire import Exchange


class NoSuchOperation(Refusal):
    code = "unknown_url"
    status = 404
    title = "There is no such operation"


class MethodNotAllowed(Refusal):
    code = "method_not_allowed"
    status = 405
    title = "This method is not for this address"


def require(exchange: Exchange, *methods: str) -> None:
    """Raise `MethodNotAllowed` unless the request's method is one of `methods`."""
    if exchange.method not in methods:
        raise MethodNotAllowed(
            f"{exchange.path[:120]} takes {' or '.join(methods)}, not {exchange.method[:20]}.",
            allow=", ".join(methods),
        )


def no_such(exchange: Exchange) -> NoSuchOperation:
    """The refusal of an address where there is nothing."""
    return NoSuchOperation(f"There is no {exchange.method} {exchange.path[:120]} here.")
