"""Put the messages of a chat as the model of a deployment takes them (`catalog.prompting`): where the system speaks,
how an answer is begun, whose turn comes first. Each difference is told in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from catalog.prompting.profile import Prompting
from gateway.asked import InvalidRequest
from gateway.prompting.messages import SYSTEM, Message, parts_of, system_of, text_of

# What a prompt is given in words, where the model has no other way to be told.
BEGIN_SO = "Begin your answer with exactly the following text, and go on from there:"
OPENING = "(The conversation begins.)"
BETWEEN = "\n\n"
MOST_WORDS = len(BEGIN_SO) + len(OPENING) + 4 * len(BETWEEN)  # bytes of such words in one prompt

IMAGES = ("image_url", "input_image", "image")
type Tell = Callable[[str], None]


def refused(neutral: dict[str, Any], prompting: Prompting) -> str:
    """Why the model cannot be asked this; empty where it can. The words go on from “… as it is asked: ”."""
    messages = neutral.get("messages") or []
    if prompting.tools == "refused" and (word := _with_tools(neutral, messages)):
        return f"its model knows no tools, and there are “{word}”. Leave them out, or ask a route whose model has tools"
    if prompting.images == "refused" and any(_is_image(part) for each in messages for part in parts_of(each)):
        return "its model sees no images. Say in words what is to be seen, or ask a route whose model sees them"
    if prompting.prefill == "refused" and is_begun(messages):
        return (
            "its model does not go on with an answer that was begun. Leave the assistant's last message out, or ask in "
            "words for such a beginning"
        )
    return ""


def is_begun(messages: list[Message]) -> bool:
    """Whether the last message is the beginning of the answer."""
    return bool(messages) and messages[-1].get("role") == "assistant" and not messages[-1].get("tool_calls")


def shaped(messages: list[Message], prompting: Prompting, tell: Tell = lambda sentence: None) -> list[Message]:
    """The messages as they are sent: the same list where nothing has to be another way. `tell` hears each difference.

    `prompting` is whole (`Prompting.whole`), and has not `refused` the prompt.
    """
    if prompting.prefill == "instruction" and is_begun(messages):
        messages = _asked_in_words(messages)
        tell("The begun answer is asked for in words, because this model does not go on with one.")
    if prompting.system == "none":
        messages = _folded(messages, tell)
    elif prompting.system:
        messages = _renamed(messages, prompting.system, tell)
    if prompting.begins_with_user:
        messages = _begun_by_user(messages, tell)
    return _merged(messages, tell) if prompting.merges else messages


def _with_tools(neutral: dict[str, Any], messages: list[Message]) -> str:
    """What of tools is in a prompt."""
    for name in ("tools", "functions"):
        if neutral.get(name):
            return name
    if any(each.get("tool_calls") for each in messages):
        return "tool_calls"
    return next((role for each in messages if (role := each.get("role")) in ("tool", "function")), "")


def _is_image(part: dict[str, Any]) -> bool:
    return part.get("type") in IMAGES


def _asked_in_words(messages: list[Message]) -> list[Message]:
    begun, before = text_of(messages[-1]).rstrip(), messages[:-1]
    asked = f"{BEGIN_SO}\n{begun}"
    if not begun:
        return before or [{"role": "user", "content": OPENING}]
    if before and before[-1].get("role") == "user":
        return [*before[:-1], before[-1] | {"content": _with_text(before[-1], "", asked)}]
    return [*before, {"role": "user", "content": asked}]


def _folded(messages: list[Message], tell: Tell) -> list[Message]:
    """What the system says goes before what the user says first, in whichever message it stood."""
    if not any(each.get("role") in SYSTEM for each in messages):
        return messages
    said = system_of(messages)
    others = [each for each in messages if each.get("role") not in SYSTEM]
    if not said:
        return others or [{"role": "user", "content": OPENING}]
    first = next((place for place, each in enumerate(others) if each.get("role") == "user"), None)
    if first is None:
        tell("The system message is sent as what the user says first, because this model has no system role.")
        return [{"role": "user", "content": said}, *others]
    tell("The system message is put before the first user message, because this model has no system role.")
    user = others[first]
    return [*others[:first], user | {"content": _with_text(user, said, "")}, *others[first + 1 :]]


def _renamed(messages: list[Message], role: str, tell: Tell) -> list[Message]:
    other = next(each for each in SYSTEM if each != role)
    if not any(each.get("role") == other for each in messages):
        return messages
    tell(f"The role “{other}” is sent as “{role}”, which this model knows.")
    return [each | {"role": role} if each.get("role") == other else each for each in messages]


def _begun_by_user(messages: list[Message], tell: Tell) -> list[Message]:
    at = next((place for place, each in enumerate(messages) if each.get("role") not in SYSTEM), len(messages))
    if at < len(messages) and messages[at].get("role") == "user":
        return messages
    tell(f"“{OPENING}” is put before it as what the user says, because with this model the user speaks first.")
    return [*messages[:at], {"role": "user", "content": OPENING}, *messages[at:]]


def _merged(messages: list[Message], tell: Tell) -> list[Message]:
    """What one side says in several messages in a row, in one. Calls of tools and their answers stay apart."""
    put: list[Message] = []
    for each in messages:
        last = put[-1] if put else None
        if last is not None and last.get("role") == each.get("role") and _is_plain(last) and _is_plain(each):
            put[-1] = {"role": each["role"], "content": _both(last, each)}
        else:
            put.append(each)
    if len(put) == len(messages):
        return messages
    tell(
        "What one side says in several messages in a row is put into one, because with this model the sides alternate."
    )
    return put


def _is_plain(message: Message) -> bool:
    return message.get("role") != "tool" and not message.get("tool_calls")


def _both(first: Message, second: Message) -> Any:
    if isinstance(first.get("content"), str) and isinstance(second.get("content"), str):
        return BETWEEN.join(filter(None, (first["content"], second["content"])))
    return [*parts_of(first), *parts_of(second)]


def _with_text(message: Message, before: str, behind: str) -> Any:
    """The content of a message with a text before or behind it."""
    content = message.get("content")
    if isinstance(content, str) or content is None:
        return BETWEEN.join(filter(None, (before, content or "", behind)))
    if not isinstance(content, list):
        raise InvalidRequest("Content must be a text or a list of parts.", field="messages")
    put = [{"type": "text", "text": text} if text else None for text in (before, behind)]
    return [*filter(None, put[:1]), *content, *filter(None, put[1:])]
