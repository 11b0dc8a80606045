"""A piece of an answer, as it goes from a provider to a client."""

from __future__ import annotations

from typing import Any, NamedTuple


class Event(NamedTuple):
    """One piece of an answer, or (not streamed) all of it.

    `chunk` is what it means: a part of a chat completion, or an answer of the neutral form; empty for what means
    nothing to who counts. `data` are the provider's own bytes in the form called `form`, with the `kind` of the event
    where that form names them; without a form the bytes are in none that a client could be sent.
    """

    data: bytes
    chunk: dict[str, Any]
    form: str = ""
    kind: bytes = b""
