"""What the messages of a chat completion say, whoever is asked it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

type Message = dict[str, Any]

SYSTEM = ("system", "developer")


def system_of(messages: list[Message]) -> str:
    """What the system says, all of it together."""
    return "\n\n".join(text for message in messages if message["role"] in SYSTEM and (text := text_of(message)))


def text_of(message: Message) -> str:
    """The text of a message, without its other parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in parts_of(message) if isinstance(part.get("text"), str))


def parts_of(message: Message) -> Iterator[dict[str, Any]]:
    """The parts of a message that is given as such. A text alone is one part."""
    content = message.get("content")
    if isinstance(content, str):
        if content:
            yield {"type": "text", "text": content}
    elif isinstance(content, list):
        yield from (part for part in content if isinstance(part, dict))
