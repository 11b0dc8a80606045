"""Write a conversation down as one text, by the chat template of a model that completes texts."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import Template as Jinja

from catalog.prompting.profile import Prompting
from catalog.prompting.sandbox import NotRendered, rendered
from gateway.asked import InvalidRequest
from gateway.counting import Template, texts_of, tokens_of
from gateway.prompting.messages import SYSTEM, Message, parts_of, text_of
from gateway.prompting.shaping import MOST_WORDS, Tell, is_begun, shaped

PROBE = "hello"
ROLES = ("user", "assistant", *SYSTEM)


def as_text(messages: list[Message], prompting: Prompting, tell: Tell = lambda sentence: None) -> str:
    """The prompt that the model completes. Raises `InvalidRequest` for what the template does not take."""
    put = [_plain(each, place) for place, each in enumerate(conversation(messages, prompting, tell))]
    try:
        return _written(prompting.jinja, put, prompting)
    except NotRendered as error:
        raise InvalidRequest(
            f"The prompt cannot be written down for the model. {error} Change the conversation, or ask the platform "
            "team to change the template.",
            field="messages",
        ) from error


def conversation(messages: list[Message], prompting: Prompting, tell: Tell = lambda sentence: None) -> list[Message]:
    """The messages that are written down. `tell` hears in what they differ from those that came."""
    put = shaped(messages, prompting, tell)
    if not is_begun(put) or text_of(put[-1]):
        return put
    tell("The assistant's last message is left out, because nothing is in it.")
    return put[:-1]


def _written(template: Jinja, messages: list[dict[str, str]], prompting: Prompting) -> str:
    begins = is_begun(messages)
    mark = str(secrets.randbelow(10**20)).zfill(20) if begins else ""  # digits, which no template changes
    if begins:
        messages = [*messages[:-1], messages[-1] | {"content": messages[-1]["content"] + mark}]
    given: Mapping[str, Any] = {
        "messages": messages, "add_generation_prompt": not begins, "bos_token": prompting.bos,
        "eos_token": prompting.eos, "tools": None, "documents": None,
    }  # fmt: skip
    text = rendered(template, given)
    return _cut(text, mark) if begins else text


def _cut(text: str, mark: str) -> str:
    """`text` up to the end of the begun answer, where `mark` stands, which nobody can guess and write elsewhere. What
    the template closes the answer with comes after that: the model shall go on with it."""
    before, found, _ = text.rpartition(mark)
    if not found:
        raise NotRendered("The chat template leaves the begun answer out.")
    return before.replace(mark, "")  # a template may say a text twice


def _plain(message: Message, place: int) -> dict[str, str]:
    """A message as chat templates know it: a role and a text."""
    role = message.get("role")
    if role not in ROLES:
        raise InvalidRequest(
            f"The model completes texts, and there is no role “{str(role)[:40]}” in them.",
            field=f"messages[{place}].role",
        )
    content = message.get("content")
    if isinstance(content, str):
        return {"role": "system" if role in SYSTEM else str(role), "content": content}
    if other := next((part for part in parts_of(message) if not isinstance(part.get("text"), str)), None):
        raise InvalidRequest(
            f"The model completes texts; a part of the type “{str(other.get('type'))[:40]}” cannot be put into one.",
            field=f"messages[{place}].content",
        )
    return {"role": "system" if role in SYSTEM else str(role), "content": text_of(message)}


@dataclass(frozen=True, slots=True)
class WrittenTemplate(Template):
    """What a chat template adds, measured once by conversations that are known: in tokens, and at most in bytes.

    What each text of a prompt becomes longer by is told by `times`: a template may say it twice.
    """

    bytes_a_message: int = 0
    bytes_at_all: int = 0
    times: int = 1

    def most_added_to(self, messages: Any) -> int:
        said = sum(len(text.encode("utf-8", "replace")) for text in texts_of(messages))
        return (self.times - 1) * said + self.bytes_a_message * len(messages) + self.bytes_at_all

    def most(self, messages: list[Message]) -> int:
        """The most bytes that a conversation is when it is written down; more is not sent."""
        said = sum(len(text.encode("utf-8", "replace")) for text in texts_of(messages))
        return said + self.most_added_to(messages)


@lru_cache(maxsize=4096)
def measured(prompting: Prompting) -> WrittenTemplate:
    """What a chat template adds. Raises `InvalidRequest` where it cannot even write down what a user says first."""
    one = as_text([_said("user")], prompting)
    long = as_text([_said("user", PROBE * 9)], prompting)
    times = max(1, math.ceil((_size(long) - _size(one)) / (len(PROBE) * 8)))
    at_all = max(0, _size(one) - len(PROBE))
    tokens_at_all = max(0, tokens_of(one) - tokens_of(PROBE))
    a_message, tokens_a_message = 0, 0
    for more in ((_said("system"), _said("user")), (_said("user"), _said("assistant"), _said("user"))):
        try:
            text = as_text(list(more), prompting)
        except InvalidRequest:
            continue  # it takes no such conversation, so none is sent
        added = len(more) - 1
        a_message = max(a_message, math.ceil((_size(text) - _size(one)) / added))
        tokens_a_message = max(tokens_a_message, math.ceil((tokens_of(text) - tokens_of(one)) / added))
    spare = max(a_message, at_all)  # a role may have longer signs than those that were tried
    return WrittenTemplate(
        a_message=max(0, tokens_a_message - tokens_of(PROBE)),
        a_reply=max(0, tokens_at_all - max(0, tokens_a_message - tokens_of(PROBE))),
        bytes_a_message=spare,
        bytes_at_all=at_all + spare + MOST_WORDS,
        times=times,
    )


def _said(role: str, text: str = PROBE) -> Message:
    return {"role": role, "content": text}


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
