"""The kinds of endpoints that can be connected. Who speaks to them (the gateway's part of each) registers them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from refusals.errors import Invalid


@dataclass(frozen=True)
class Listing:
    """How an endpoint is asked which models it serves: where, with which headers. `names` finds them in the answer as
    parsed, and raises KeyError or TypeError where it is another one; None: those that it tells are not what it serves,
    and its status alone counts."""

    url: str
    headers: dict[str, str]
    names: Callable[[Any], Iterable[Any]] | None


@dataclass(frozen=True)
class Dialect:
    """A kind of endpoint. `address` is the usual one, empty where each has its own, as `example` shows; `listing` makes
    of an address and a credential how it is asked for its models, None where it tells none: any answer will do."""

    name: str
    words: str
    address: str
    example: str
    credential: str  # what it wants, in words
    listing: Callable[[str, str], Listing | None]


_known: dict[str, Dialect] = {}


def register(dialect: Dialect) -> None:
    """Let endpoints of this kind be connected; registering it again replaces it."""
    _known[dialect.name] = dialect


def offered() -> list[Dialect]:
    """Those that have an address to type, in the order of their words; the one that most endpoints speak first."""
    typed = [each for each in _known.values() if each.address or each.example]
    return sorted(typed, key=lambda each: (each.name != COMPATIBLE, each.words))


def dialect_called(name: str) -> Dialect:
    """The kind called `name`. Raises `Invalid`."""
    found = _known.get(name)
    if found is None:
        raise Invalid(
            f"There is no kind of endpoint “{name[:40]}”. Choose one of {', '.join(_known)}.", field="dialect"
        )
    return found


def words_of(name: str) -> str:
    """What people call the kind of a provider."""
    found = _known.get(name)
    return found.words if found else name


USUAL_CREDENTIAL = "An API key."
COMPATIBLE = "openai"
LOCAL = "local"


def openai_listing(base_url: str, credential: str) -> Listing:
    """`GET <base>/models` as OpenAI has it: `{"data": [{"id": …}]}`."""
    headers = {"Authorization": f"Bearer {credential}"} if credential else {}
    return Listing(f"{base_url}/models", headers, ids_of_data)


def ids_of_data(told: Any) -> Iterable[Any]:
    """The identifiers in `{"data": [{"id": …}]}`."""
    return [row["id"] for row in told["data"]]
