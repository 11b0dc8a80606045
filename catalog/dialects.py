"""The kinds of endpoints that can be connected. Who speaks to them (the gateway's part of each) registers them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from refusals.errors import Invalid


@dataclass(frozen=True)
class TokenRequest:
    """A `form` that is posted to `url` for an access token (RFC 6749, 5.1), which is sent as a bearer's."""

    url: str
    form: dict[str, str]


@dataclass(frozen=True)
class Listing:
    """How an endpoint is asked which models it serves: where, with which headers. `names` finds them in the answer as
    parsed, and raises KeyError or TypeError where it is another one; None: those that it tells are not what it serves,
    and its status alone counts. `token` is asked for before, where a credential is no more than a way to one."""

    url: str
    headers: dict[str, str]
    names: Callable[[Any], Iterable[Any]] | None
    token: TokenRequest | None = None


@dataclass(frozen=True)
class Inside:
    """A kind that answers within this installation, so that nobody is asked: how its address is brought into its form
    (raising `Invalid`), and the `names` of its models."""

    normalise: Callable[[str], str]
    names: tuple[str, ...]


class Dialect(Protocol):
    """A kind of endpoint, called `name`, by people `words`. `address` is the usual one, empty where each has its own as
    `example` shows; `credential` says what it wants, `about` what else who connects one should know, and `listed_as`
    which provider of the catalog speaks so (empty where none does more than others). `system_in` is the place of its
    form where what the system says stands apart from the conversation (empty: it is a message); `has_completions`:
    it also completes texts, as OpenAI's form from before chats has it."""

    name: ClassVar[str]
    words: ClassVar[str]
    address: ClassVar[str]
    example: ClassVar[str]
    credential: ClassVar[str]
    about: ClassVar[str]
    listed_as: ClassVar[str]
    inside: ClassVar[Inside | None]
    system_in: ClassVar[str]
    has_completions: ClassVar[bool]

    @property
    def is_offered(self) -> bool:
        """Whether people may connect one."""

    def listing(self, base_url: str, credential: str) -> Listing | None:
        """How an endpoint is asked for its models; None where it tells none: any answer will do."""


_known: dict[str, Dialect] = {}


def register(dialect: Dialect) -> None:
    """Let endpoints of this kind be connected; registering it again replaces it."""
    _known[dialect.name] = dialect


def offered() -> list[Dialect]:
    """Those that may be connected, in the order of their words: the one that most endpoints speak first, those of this
    installation last."""
    found = [each for each in _known.values() if each.is_offered]
    return sorted(found, key=lambda each: (each.name != COMPATIBLE, each.inside is not None, each.words))


def dialect_called(name: str) -> Dialect:
    """The kind called `name`, of those that are offered. Raises `Invalid`."""
    kinds = {each.name: each for each in offered()}
    if name not in kinds:
        raise Invalid(f"There is no kind of endpoint “{name[:40]}”. Choose one of {', '.join(kinds)}.", field="dialect")
    return kinds[name]


def known_as(name: str) -> Dialect:
    """The kind called `name`, whether or not more of it may be connected; for an unknown one what most speak."""
    return _known.get(name) or _known[COMPATIBLE]


def usual_for(slug: str) -> str:
    """The kind that the provider of the catalog called `slug` most probably is."""
    return next((each.name for each in _known.values() if slug and each.listed_as == slug), COMPATIBLE)


def words_of(name: str) -> str:
    """What people call the kind of a provider."""
    found = _known.get(name)
    return found.words if found else name


USUAL_CREDENTIAL = "An API key."
LONGEST_CREDENTIAL = 8000  # characters; the key file of a service account has some 2,400
COMPATIBLE = "openai"
LOCAL = "local"


def openai_listing(base_url: str, credential: str) -> Listing:
    """`GET <base>/models` as OpenAI has it: `{"data": [{"id": …}]}`."""
    headers = {"Authorization": f"Bearer {credential}"} if credential else {}
    return Listing(f"{base_url}/models", headers, ids_of_data)


def ids_of_data(told: Any) -> Iterable[Any]:
    """The identifiers in `{"data": [{"id": …}]}`."""
    return [row["id"] for row in told["data"]]
