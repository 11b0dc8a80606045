"""What a kind of provider is: how a request is put to it, and how its answer is read. Each is a folder beside this.

Nothing here waits for the network but `send`, which most leave as it is: `gateway.relay` has what `request` makes sent
by it, and feeds what comes to a `Reading`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

import orjson

from catalog.dialects import USUAL_CREDENTIAL, Inside, Listing, openai_listing
from gateway.answering import Answering
from gateway.asked import Asked, InvalidRequest
from gateway.counting import USUAL, Template
from gateway.event import Event
from gateway.snapshot import Target
from gateway.sse import EventParser, ServerSentEvent
from gateway.stop import Stop
from gateway.upstream import Upstream


class Request(NamedTuple):
    """What is sent. An empty `url`: the provider is not there yet. `headers` are what many calls have in common, `own`
    the lines of its head that belong to this one alone: what its client named, and what the relay adds."""

    url: str
    headers: dict[str, str]
    body: bytes
    own: bytes = b""


def lines_of(headers: Mapping[str, str]) -> bytes:
    """`headers` as lines of a head."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()]).encode("latin-1")


class Unreadable(Exception):
    """What came is no answer; `told` is what it said, where that could be read."""

    def __init__(self, sentence: str, told: Any = None) -> None:
        super().__init__(sentence)
        self.told = told


class ToldNo(Exception):
    """With status 200 came an error; `told` is all that came with it."""

    def __init__(self, error: Any, told: Any) -> None:
        super().__init__("the provider reported an error")
        self.error, self.told = error, told


class Parser(Protocol):
    """Cuts a streamed body into events."""

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """The events completed by `piece`. Raises `EventTooLarge`."""


class Reading(ABC):
    """Reads the answer to one request; `is_over` once a stream has said that it ends."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.is_over = False

    def parser(self) -> Parser:
        """What cuts a stream into events."""
        return EventParser()

    @abstractmethod
    def event(self, event: ServerSentEvent) -> Event | None:
        """What an event of a stream means; None for one that nobody needs. Raises `Unreadable` and `ToldNo`."""

    @abstractmethod
    def whole(self, body: bytes) -> Event:
        """What an answer that is not streamed means. Raises `Unreadable` and `ToldNo`."""


class Provider(ABC):
    """One kind of provider, which the catalog knows as a `Dialect` (`catalog.dialects`). `name` is what
    `catalog.models.Provider.dialect` says."""

    name: ClassVar[str]
    words: ClassVar[str]
    address: ClassVar[str] = ""
    example: ClassVar[str] = ""
    credential: ClassVar[str] = USUAL_CREDENTIAL
    about: ClassVar[str] = ""
    listed_as: ClassVar[str] = ""
    inside: ClassVar[Inside | None] = None
    system_in: ClassVar[str] = ""
    has_completions: ClassVar[bool] = False
    joins_turns: ClassVar[bool] = False  # what one side says in several messages in a row is one turn in its form
    marks_begun: ClassVar[dict[str, Any]] = {}  # what says of an assistant's last message that it shall be gone on with
    is_slow: bool = False  # what it makes of a prompt may take long: a thread does it
    patience_s: float = 0.0  # how long one that is not there, or says 503, is asked again before anybody else is
    template: Template = USUAL  # what it adds to a prompt, where it does not count itself
    streams_as: ClassVar[str] = "text/event-stream"

    @property
    def is_offered(self) -> bool:
        """Whether people may connect one: it has an address to type."""
        return bool(self.address or self.example)

    @property
    def spoken(self) -> Provider:
        """The kind itself, where prompts are put another way for it."""
        return self

    def listing(self, base_url: str, credential: str) -> Listing | None:
        """How an endpoint is asked which models it serves; None where it tells no list."""
        return openai_listing(base_url, credential)

    def at(self, target: Target) -> Provider:
        """Who speaks to `target`, where the address makes a difference."""
        return self

    def takes(self, form: str) -> bool:
        """Whether a request in this form of clients goes on as it came."""
        return False

    def cannot(self, asked: Asked) -> str:
        """Why it cannot be asked this at all; empty where it can."""
        return asked.lost

    @abstractmethod
    def request(self, target: Target, asked: Asked) -> Request:
        """What to send to `target`. Raises `InvalidRequest` for what it cannot be asked."""

    async def send(
        self, upstream: Upstream, target: Target, request: Request, timeout_s: float, stop: Stop
    ) -> Answering:
        """Send it, and return when the head of the answer is here. Raises as `Upstream.post`: `ConnectFailed` where
        nothing has reached the provider."""
        return await upstream.post(request.url, request.headers, request.body, timeout_s, stop, own=request.own)

    @abstractmethod
    def reading(self, asked: Asked) -> Reading:
        """Who reads the answer."""


def beyond_one_answer(asked: Asked) -> str:
    """Why one that gives one answer a call, and no log probabilities, cannot be asked this; empty where it can."""
    if asked.lost:
        return asked.lost
    if asked.answers > 1:
        return "it gives one answer a call"
    return "it tells no log probabilities" if asked.neutral.get("logprobs") else ""


def as_json(body: dict[str, Any]) -> bytes:
    """A request's body. Raises `InvalidRequest`."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError as error:  # it reads deeper than it writes
        raise InvalidRequest("The request is nested too deep. Nothing takes more than 250 levels.") from error


def from_json(data: bytes) -> dict[str, Any]:
    """An object that a provider sent. Raises `Unreadable`."""
    try:
        told = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Unreadable("sent what cannot be read") from error
    if not isinstance(told, dict):
        raise Unreadable("sent what is no answer")
    return told
