"""What a form of clients is: how a request in it is read, and how an answer is written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from gateway.asked import Asked
from gateway.event import Event
from gateway.rates import Headroom
from gateway.snapshot import Route
from gateway.wire_errors import error_object, headroom_headers
from refusals import Refusal


class Writing(ABC):
    """Writes one answer in the client's form. `event` is handed every event of a stream once, in order.

    `counted` is there for `whole`, `end` and `last_words`.
    """

    def __init__(self, form: Form, asked: Asked) -> None:
        self.form, self.asked = form, asked
        self.counted: dict[str, Any] | None = None  # what was used, once that is known, as a chat completion tells it

    def with_usage(self, answer: dict[str, Any]) -> dict[str, Any]:
        """A whole answer with what was used, also where its provider told nothing."""
        return answer if answer.get("usage") or self.counted is None else answer | {"usage": self.counted}

    def stores(self, name: str) -> None:
        """What is told of the answer says that it is stored under `name`. Called before anything is written, of a form
        whose answers may be."""
        raise NotImplementedError

    @property
    def stored(self) -> bytes | None:
        """The answer as it is to be stored, once its end is written; None where it is not."""
        return None

    def unstored(self) -> bytes:
        """What was written last (of a whole answer all, of a stream its end), told as an answer that is not stored."""
        raise NotImplementedError

    @abstractmethod
    def whole(self, event: Event) -> bytes:
        """The body of an answer that is not streamed."""

    @abstractmethod
    def event(self, event: Event) -> bytes:
        """What a client is sent of a stream for `event`; empty for nothing."""

    def end(self) -> bytes:
        """What ends the stream."""
        return b""

    def last_words(self, refusal: Refusal, request_id: str) -> bytes:
        """The end of a stream that has begun and cannot go on."""
        return self.form.last_words(refusal, request_id)


class Form(ABC):
    """A form in which clients ask at `path`; `name` is how providers that take it themselves call it.

    `is_stored`: an answer in it may be stored, and reached by a name later (`gateway.responses`).
    `mark` is a header that only its clients send, by which they are known at addresses of several forms; `headers` are
    those of a request that belong to the form; in `id_headers` an answer says which request it was to.
    """

    name: ClassVar[str]
    path: ClassVar[str]
    writing: ClassVar[type[Writing]]
    is_stored: ClassVar[bool] = False
    mark: ClassVar[bytes] = b""
    headers: ClassVar[tuple[str, ...]] = ()
    id_headers: ClassVar[tuple[bytes, ...]] = (b"x-request-id",)

    @abstractmethod
    def read(self, body: Any) -> Asked:
        """A request's parsed body, checked as far as the gateway needs it. Raises `InvalidRequest`."""

    def model(self, route: Route) -> dict[str, Any]:
        """A route, as OpenAI's clients read a model; of one that ends it is said, and when."""
        ending = {"deprecated": True, "ends_on": route.ends_on and route.ends_on.isoformat()} if route.is_ending else {}
        return {
            "id": route.slug,
            "object": "model",
            "created": int(route.created_at.timestamp()),
            "owned_by": next(target.provider for target in route.targets if target.is_connected),
            **ending,
        }

    def models(self, routes: Sequence[Route]) -> dict[str, Any]:
        """The list of them."""
        return {"object": "list", "data": [self.model(route) for route in routes]}

    def headroom(self, headroom: Mapping[str, Headroom]) -> Sequence[tuple[bytes, bytes]]:
        """The headers that tell the tightest limits by metric, as OpenAI's clients read them."""
        return headroom_headers(headroom)

    def refusal(self, refusal: Refusal, request_id: str) -> bytes:
        """The body of a refusal, as OpenAI's clients read it."""
        return orjson.dumps(error_object(refusal))

    def last_words(self, refusal: Refusal, request_id: str) -> bytes:
        """The end of a stream that has begun and cannot go on."""
        return sent_event(self.refusal(refusal, request_id))


def sent_event(data: bytes, kind: bytes = b"") -> bytes:
    """A server-sent event."""
    named = b"event: " + kind + b"\n" if kind else b""
    return named + b"data: " + data.replace(b"\n", b"\ndata: ") + b"\n\n"
