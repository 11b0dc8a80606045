"""`POST /v1/chat/completions`: OpenAI's chat completions, which are the neutral form as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson

from gateway.asked import BOUNDS, Asked, Found, InvalidRequest, checked_object, object_in, plainly
from gateway.event import Event
from gateway.forms.form import Form, Writing, sent_event
from gateway.forms.shared import lies_there, refuse_elsewhere, refuse_named, runs_there

OF_CLIENTS = ("function", "custom")  # types of tools that whoever asks runs
MOST_ANSWERS = 128  # to one call, as OpenAI has it
DONE = b"data: [DONE]\n\n"


class ChatWriting(Writing):
    """The answer as it is; its usage in a stream for who asked for it."""

    def whole(self, event: Event) -> bytes:
        return self._written(event, self.with_usage(event.chunk))

    def event(self, event: Event) -> bytes:
        wants_usage = bool((self.asked.body.get("stream_options") or {}).get("include_usage"))
        if is_usage_alone(event.chunk) and not wants_usage:
            return b""
        return sent_event(self._written(event, event.chunk))

    def end(self) -> bytes:
        return DONE

    def said(self, chunk: dict[str, Any]) -> dict[str, Any]:
        """`chunk` as this form says it."""
        return chunk

    def _written(self, event: Event, chunk: dict[str, Any]) -> bytes:
        return event.data if event.form == self.form.name else orjson.dumps(self.said(chunk))


class Chat(Form):
    name = "chat"
    path = "/v1/chat/completions"
    writing: ClassVar = ChatWriting

    def read(self, body: Any) -> Asked:
        """Its own form is the neutral one."""
        body = checked_object(body)
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise InvalidRequest("“messages” must be a list with at least one message.", field="messages")
        if (plain := plainly(messages)) is None and not all(isinstance(message, dict) for message in messages):
            raise InvalidRequest("Every one of “messages” must be an object with a role and content.", field="messages")
        check_answers(body)
        check_bounds(body)
        object_in(body, "stream_options")
        for place, message in enumerate(messages) if plain is None else ():
            if not isinstance(message.get("role"), str) or not message["role"]:
                raise InvalidRequest(
                    "Every message needs a “role”, such as user, system or assistant.", field=f"messages[{place}].role"
                )
            _refuse_there(message, f"messages[{place}]")
        refuse_elsewhere(body)
        _check_tools(body.get("tools"))
        return Asked(self.name, "chat", body, body, found=Found(plain_of=messages, plain=plain))


def _refuse_there(message: dict[str, Any], field: str) -> None:
    """Raise `InvalidRequest` for a message that names what lies in a provider's account."""
    refuse_named(message.get("content"), f"{field}.content")
    if message.get("audio"):  # what the assistant said is kept there
        raise lies_there("audio", f"{field}.audio")


def _check_tools(tools: Any) -> None:
    """Raise `InvalidRequest` for a tool that the provider runs."""
    if tools is None:
        return
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise InvalidRequest("“tools” must be a list of tools.", field="tools")
    for tool in tools:
        kind = tool.get("type")
        if kind not in OF_CLIENTS and not (kind is None and isinstance(tool.get("function"), dict)):
            raise runs_there(str(kind or next(iter(tool), ""))[:60], "tools")


def check_answers(body: dict[str, Any], field: str = "n", most: int = MOST_ANSWERS) -> int:
    """How many answers `field` asks for: what they may cost is reserved. Raises `InvalidRequest`."""
    count = body.get(field)
    if count is not None and not (type(count) is int and 0 < count <= most):
        raise InvalidRequest(f"“{field}” must be a whole number from 1 to {most}.", field=field)
    return count or 1


def check_bounds(body: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` for a bound of the answer that is no count of tokens: some take it for none at all."""
    for name in BOUNDS:
        if name in body and (bound := body[name]) is not None and not (type(bound) is int and bound > 0):
            raise InvalidRequest(f"“{name}” must be a whole number from 1.", field=name)


def is_usage_alone(chunk: dict[str, Any]) -> bool:
    """Whether a chunk of a stream says what was used and nothing else."""
    return not chunk.get("choices") and isinstance(chunk.get("usage"), dict)


CHAT = Chat()
