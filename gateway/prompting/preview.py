"""Show what a deployment would be sent for a prompt, and in what it differs from what was written. Nobody is asked.

What is shown is what its kind of provider makes of the request, the same that a call would send; no address, header or
credential is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import orjson

from gateway.asked import Asked, InvalidRequest
from gateway.forms.chat import CHAT
from gateway.prompting.messages import SYSTEM, Message
from gateway.prompting.shaping import is_begun, shaped
from gateway.prompting.written import conversation
from gateway.providers import provider_of
from gateway.providers.provider import Provider, from_json
from gateway.snapshot import Target

NOT_OF_THE_PROMPT = ("model", "stream", "stream_options", "store")


@dataclass(frozen=True)
class Preview:
    """What is sent: a `text` that the model completes, or a `chat` in its provider's form, as JSON. `stops` end the
    answer. `differences` are sentences; `refused` is why such a prompt is not sent at all (then nothing else is told).
    """

    form: Literal["chat", "text"]
    sent: str = ""
    stops: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    refused: str = ""


def preview(target: Target, body: dict[str, Any]) -> Preview:
    """What `target` would be sent for the chat completion `body`. Raises `InvalidRequest` for what is no such body."""
    asked = CHAT.read(body)
    is_text = target.prompting is not None and bool(target.prompting.template)
    form: Literal["chat", "text"] = "text" if is_text else "chat"
    try:
        provider = provider_of(target)
        if why := provider.cannot(asked):
            return Preview(form, refused=f"It cannot be sent as it is: {why}.")
        made = from_json(provider.request(target, asked).body)
        told = _differences(target, provider, asked)
    except InvalidRequest as error:
        return Preview(form, refused=error.sentence)
    stops = target.prompting.stops if target.prompting is not None else ()
    if is_text:
        return Preview(form, str(made["prompt"]), stops, told)
    said = {name: value for name, value in made.items() if name not in NOT_OF_THE_PROMPT}
    return Preview(form, orjson.dumps(said, option=orjson.OPT_INDENT_2).decode(), stops, told)


def _differences(target: Target, provider: Provider, asked: Asked) -> tuple[str, ...]:
    found: list[str] = []
    prompting, messages = target.prompting, asked.neutral["messages"]
    if prompting is not None and prompting.template:
        messages = conversation(messages, prompting, found.append)
        found.append(
            "The conversation is written down as one text by the model's chat template; the model completes it."
        )
        if is_begun(messages):
            found.append("The text ends with the begun answer, and the model goes on with it.")
        if prompting.stops:
            found.append(f"The answer ends at {' or '.join(f'“{_visible(each)}”' for each in prompting.stops)}.")
        return tuple(found)
    if prompting is not None:
        messages = shaped(messages, prompting, found.append)
    found += _of_kind(provider.spoken, asked, messages)
    if is_begun(messages):
        found.append(_of_beginning(provider.spoken, prompting.prefill if prompting is not None else ""))
    return tuple(found)


def _of_beginning(kind: Provider, prefill: str) -> str:
    """What becomes of a begun answer that is sent."""
    if prefill == "continued":
        return "The server is asked to go on with the begun answer (“continue_final_message”)."
    if prefill == "kept" and kind.marks_begun:
        return "The begun answer is marked to be gone on with."
    if prefill == "kept":
        return "The begun answer is sent last, and the model goes on with it."
    return "The begun answer is sent as it is; whether the model goes on with it, its server decides."


def _of_kind(kind: Provider, asked: Asked, messages: list[Message]) -> list[str]:
    """What the form of a kind of provider asks for by itself."""
    found: list[str] = []
    told = [each for each in messages if each.get("role") in SYSTEM]
    if told and kind.system_in:
        together = ", all of it together" if len(told) > 1 else ""
        found.append(f"What the system says stands apart from the conversation, in “{kind.system_in}”{together}.")
    if kind.joins_turns and any(_follows(*pair) for pair in pairwise(messages)):
        found.append("What one side says in several messages in a row becomes one turn.")
    if asked.neutral.get("tools") and not kind.takes("chat"):
        found.append(f"Tools are told in the form of {kind.words}.")
    return found


def _follows(first: Message, second: Message) -> bool:
    sides = [each.get("role") for each in (first, second)]
    return sides[0] == sides[1] and sides[0] in ("user", "assistant")


def _visible(sign: str) -> str:
    return sign.replace("\n", "⏎")
