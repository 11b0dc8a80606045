"""How a loopback answers, as its address says it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from math import isfinite
from urllib.parse import parse_qsl, urlencode, urlsplit

from catalog.egress import AddressNotAllowed
from catalog.loopback import LOOPBACK

MOST = {"first_ms": 600_000.0, "tps": 100_000.0, "tokens": 100_000.0, "fail": 1.0, "busy": 1.0, "drop": 1.0}


@dataclass(frozen=True, slots=True)
class How:
    """`first_ms` until an answer begins; `tps` tokens a second from then on (0: all at once); `tokens` of every answer
    (0: the question is said again). Parts of the calls, of 1: `fail` with status 500, are told that it is `busy` (429),
    `drop` in the middle."""

    first_ms: float = 0
    tps: float = 0
    tokens: float = 0
    fail: float = 0
    busy: float = 0
    drop: float = 0

    @property
    def first_s(self) -> float:
        return self.first_ms / 1000


@lru_cache(maxsize=256)
def read(address: str) -> How:
    """What `address` says. Raises `AddressNotAllowed`."""
    try:
        parts = urlsplit(address.strip())
        given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        stated = {name: float(value) for name, value in given}
    except ValueError as error:
        raise _refusal() from error
    is_known = parts.scheme == LOOPBACK and parts.netloc in ("", "here") and parts.path in ("", "/")
    if not is_known or parts.fragment or len(stated) < len(given) or not stated.keys() <= MOST.keys():
        raise _refusal()
    if not all(isfinite(value) and 0 <= value <= MOST[name] for name, value in stated.items()):
        raise _refusal()
    if sum(stated.get(name, 0) for name in ("fail", "busy", "drop")) > 1:
        raise AddressNotAllowed(
            "The parts of the calls that fail, are busy and drop are at most 1 together.", field="base_url"
        )
    return How(**stated)


def normalised(address: str) -> str:
    """`address` with what it says in one order. Raises `AddressNotAllowed`."""
    how = read(address)
    stated = {each.name: f"{value:g}" for each in fields(how) if (value := getattr(how, each.name))}
    return f"{LOOPBACK}://here" + (f"?{urlencode(stated)}" if stated else "")


def _refusal() -> AddressNotAllowed:
    most = ", ".join(f"{name} (up to {most:,.0f})" for name, most in MOST.items())
    return AddressNotAllowed(
        f"A loopback's address is loopback://here, with any of these behind a question mark, each a number: {most}.",
        field="base_url",
    )
