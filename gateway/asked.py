"""A client's request: in its own form, and as what it means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from gateway.counting import Template, texts_of
from refusals import Refusal

# How a caller bounds an answer: OpenAI's two names, and llama.cpp's, which it puts above the other two.
BOUNDS = ("max_completion_tokens", "max_tokens", "n_predict")

type Operation = Literal["chat", "embeddings"]


class InvalidRequest(Refusal):
    """The request cannot be understood; `field` names the parameter."""

    code = "invalid_request"
    status = 400
    title = "The request is not valid"


@dataclass(frozen=True, slots=True)
class Weight:
    """What `gateway.costing` needs to know of a prompt, found in one go: the `characters` of its texts; those
    `with_tools`, and the `tokens` of all that; how many parts are no text; and the most bytes that can be tokens."""

    characters: int
    with_tools: int
    tokens: int
    beside_text: int
    greatest_input: int


@dataclass(slots=True)
class Found:
    """What was found of a prompt so far, where somebody had to know: it takes milliseconds, and a call that waits is
    asked again with each snapshot. Its tokens as their length lets guess and as they are counted, for a model of which
    nothing is known; whether anything in it is no text."""

    by_length: int | None = None
    tokens: int | None = None
    has_attachments: bool | None = None
    plain_of: Any = None  # the messages of which it is known whether they are `plain` (`plainly`)
    plain: str | None = None


@dataclass(frozen=True, slots=True)
class Stated:
    """What a caller says beside the request: what it is for ("" for nothing), and which classes of data are in it (None
    for nothing). `beside` are those of the stored conversation that it goes on from, whatever it says."""

    purpose: str
    data_classes: frozenset[str] | None
    beside: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class GoesOn:
    """That a request goes on from a stored response: its `body` as its client sent it, the call that made the response,
    and for whom the conversation was so far, as hashes (`usage.bodies.sealing.end_user_hash`)."""

    body: dict[str, Any]
    previous: UUID
    end_user_hashes: tuple[str, ...] = ()


@dataclass(slots=True)  # not frozen, which would take three times as long; nobody changes one all the same
class Asked:
    """What a client asks for. `body` is the request as it came, in the form called `form`.

    `neutral` says the same in OpenAI's form of the operation (a chat completion, embeddings), which every provider's
    part reads. `lost` is why that would not be quite the same, and empty where it is: then only providers that take
    `form` itself can answer. `headers` came with it and belong to that form, as the version of it does.
    What `is_heavy` is read, weighed and written for a provider in a thread (`gateway.extent`), and keeps its `weight`.
    `is_bounded`: the bound of the answer was put there by us, so a provider may be told it under its own name.
    What was `found` of its prompt is shared by all that is made of it with other parameters.
    Where it `goes_on` from a stored response, `body` and `neutral` hold the conversation before it too.
    """

    form: str
    operation: Operation
    body: dict[str, Any]
    neutral: dict[str, Any]
    lost: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_heavy: bool = False
    weight: Weight | None = None
    stated: Stated | None = None
    is_bounded: bool = False
    goes_on: GoesOn | None = None
    found: Found = field(default_factory=Found, repr=False, compare=False)

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def is_streamed(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def own(self) -> dict[str, Any]:
        """The request without the stored conversation that it goes on from."""
        return self.body if self.goes_on is None else self.goes_on.body

    @property
    def answers(self) -> int:
        """How many answers are asked for."""
        return self.neutral.get("n") or 1

    @property
    def texts(self) -> Iterable[str]:
        """Every text of the prompt."""
        if self.operation == "chat":
            return texts_of(self.neutral.get("messages"))
        given = self.neutral["input"]
        return [given] if isinstance(given, str) else [each for each in given if isinstance(each, str)]

    def added_by(self, template: Template) -> int:
        """The tokens that a provider's chat template adds to the prompt."""
        return template.added_to(self.neutral["messages"]) if self.operation == "chat" else 0

    def most_added_by(self, template: Template) -> int:
        """The most tokens that it can add."""
        return template.most_added_to(self.neutral["messages"]) if self.operation == "chat" else 0

    @property
    def tokens(self) -> int:
        """The tokens of a prompt that came as such: only requests for embeddings may."""
        if self.operation == "chat":
            return 0
        return sum(_tokens(each) for each in _listed(self.neutral["input"]))


ROLES = ("system", "developer", "user", "assistant", "tool")


def is_plain(message: Any) -> bool:
    """Whether it is a message that has nothing but a text."""
    return (
        isinstance(message, dict)
        and len(message) == 2
        and isinstance(message.get("content"), str)
        and message.get("role") in ROLES
    )


def plainly(messages: list[Any]) -> str | None:
    """The texts of a chat whose messages have nothing but a text, as most have, each on lines of its own; None for any
    other."""
    for message in messages:
        if not is_plain(message):
            return None
    return "\n".join([message["content"] for message in messages])


def object_in(body: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The object in `field`, empty without one. Raises `InvalidRequest`."""
    value = body.get(field)
    if value is not None and not isinstance(value, dict):
        raise InvalidRequest(f"“{field}” must be an object.", field=field)
    return value or {}


def checked_object(body: Any) -> dict[str, Any]:
    """A request that names a model, and says rightly whether it is to be streamed. Raises `InvalidRequest`."""
    if not isinstance(body, dict):
        raise InvalidRequest("The request's body must be a JSON object.")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("“model” must name a model, as GET /v1/models lists them.", field="model")
    if not isinstance(body.get("stream", False), bool | None):
        raise InvalidRequest("“stream” must be true or false.", field="stream")
    return body | {"stream": False} if "stream" in body and body["stream"] is None else body


def _listed(given: Any) -> list[Any]:
    return [given] if isinstance(given, str) or (given and isinstance(given[0], int)) else given


def _tokens(given: Any) -> int:
    return len(given) if isinstance(given, list) else 0
