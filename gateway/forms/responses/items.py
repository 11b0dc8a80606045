"""Say the items of a response's input as the messages of a chat.

What an assistant thought, said and called one after the other is one message of a chat.
"""

from __future__ import annotations

from typing import Any

from gateway.asked import InvalidRequest
from gateway.forms.shared import lies_there

type Message = dict[str, Any]

ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
# What a chat has no word for, and whoever asks has made or run. Everything else lies or ran at a provider.
OF_CLIENTS = tuple(
    f"{kind}{end}" for kind in ("custom_tool_call", "computer_call", "local_shell_call", "apply_patch_call")
    for end in ("", "_output")
)  # fmt: skip
TEXTS = ("input_text", "output_text", "text")


def messages_of(items: list[Any], lost: list[str]) -> list[Message]:
    """The messages; what they cannot say is added to `lost`. Raises `InvalidRequest`."""
    messages: list[Message] = []
    for place, item in enumerate(items):
        field = f"input[{place}]"
        if not isinstance(item, dict):
            raise InvalidRequest("Every item of “input” must be an object.", field=field)
        _add(messages, item, field, lost)
    for message in messages:
        if "reasoning_content" in message:
            message["reasoning_content"] = "".join(message["reasoning_content"])
        if message["content"] is None and "tool_calls" not in message:
            message["content"] = ""
    return messages


def _add(messages: list[Message], item: dict[str, Any], field: str, lost: list[str]) -> None:
    kind = item.get("type") or "message"
    if kind == "message":
        _add_message(messages, item, field, lost)
    elif kind == "function_call":
        _turn(messages, but_not=()).setdefault("tool_calls", []).append(_call(item, field))
    elif kind == "function_call_output":
        content = _result(item.get("output"), f"{field}.output", lost)
        messages.append({"role": "tool", "tool_call_id": _text(item, "call_id", field), "content": content})
    elif kind == "reasoning":
        thought = _thought(item)
        if thought:
            turn = _turn(messages, but_not=("content", "tool_calls"))
            turn.setdefault("reasoning_content", []).append(thought)
        elif item.get("encrypted_content"):
            lost.append("it cannot read encrypted reasoning")
    elif kind in OF_CLIENTS:
        lost.append(f"it takes no “{str(kind)[:60]}” in “input”")
        messages.append({"role": "user", "content": [_not_sent(item, str(kind))]})
    else:
        raise lies_there(str(kind)[:60], field)


def _call(item: dict[str, Any], field: str) -> dict[str, Any]:
    """A call, with what its provider wants back of it: Google a signature. Nothing else of it is known to be small."""
    function = {name: _text(item, name, field) for name in ("name", "arguments")}
    told = {"id": _text(item, "call_id", field), "type": "function", "function": function}
    kept = item.get("extra_content")
    google = kept.get("google") if isinstance(kept, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return told | (
        {"extra_content": {"google": {"thought_signature": signature}}} if isinstance(signature, str) else {}
    )


def _add_message(messages: list[Message], item: dict[str, Any], field: str, lost: list[str]) -> None:
    role = item.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise InvalidRequest("A message's “role” must be user, assistant, system or developer.", field=f"{field}.role")
    content = _content(item.get("content"), f"{field}.content", lost)
    if role == "assistant":
        _turn(messages, but_not=("content", "tool_calls"))["content"] = content
    else:
        messages.append({"role": ROLES[role], "content": content})


def _turn(messages: list[Message], but_not: tuple[str, ...]) -> Message:
    """The assistant's message that goes on; another one where there is none, or one that has something of `but_not`."""
    last = messages[-1] if messages else {}
    if last.get("role") != "assistant" or any(last.get(name) for name in but_not):
        last = {"role": "assistant", "content": None}
        messages.append(last)
    return last


def _content(given: Any, field: str, lost: list[str]) -> Any:
    """A text where it is nothing else, as some take no list in every role."""
    if isinstance(given, str):
        return given
    if not isinstance(given, list) or not all(isinstance(part, dict) for part in given):
        raise InvalidRequest("“content” must be a text or a list of parts.", field=field)
    parts = [_part(part, f"{field}[{place}]", lost) for place, part in enumerate(given)]
    if not parts:
        return ""
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _part(part: dict[str, Any], field: str, lost: list[str]) -> dict[str, Any]:
    kind = part.get("type")
    if kind in TEXTS:
        return {"type": "text", "text": _text(part, "text", field)}
    if kind == "refusal":
        return {"type": "text", "text": _text(part, "refusal", field)}
    if kind == "input_image" and part.get("image_url"):
        detail = {"detail": part["detail"]} if part.get("detail") else {}
        return {"type": "image_url", "image_url": {"url": part["image_url"]} | detail}
    if kind == "input_file" and part.get("file_data"):
        return {"type": "file", "file": {name: part[name] for name in ("filename", "file_data") if part.get(name)}}
    if kind == "input_audio":
        return {"type": kind, "input_audio": part.get("input_audio")}
    is_far = bool(part.get("file_url"))
    lost.append("it cannot fetch what “file_url” names" if is_far else f"it takes no “{str(kind)[:60]}” in a message")
    return _not_sent(part, str(kind))


def _result(given: Any, field: str, lost: list[str]) -> Any:
    """What a function gave, which in a chat is text."""
    content = _content(given, field, lost)
    if isinstance(content, list) and any(part["type"] != "text" for part in content):
        lost.append("it takes nothing but text as the result of a function")
    return content


def says_nothing(item: dict[str, Any]) -> bool:
    """Whether a reasoning item has none of the reasoning in it, in clear or encrypted."""
    return not item.get("encrypted_content") and not _thought(item)


def _thought(item: dict[str, Any]) -> str:
    """The text of a reasoning item: all of it where it is told, else what it was summed up as."""
    for field in ("content", "summary"):
        parts = item.get(field)
        texts = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
        if told := "\n".join(text for text in texts if isinstance(text, str)):
            return told
    return ""


def _text(item: dict[str, Any], name: str, field: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"“{name}” must be a text.", field=f"{field}.{name}")
    return value


def _not_sent(given: dict[str, Any], kind: str) -> dict[str, Any]:
    """What stands for `given` where the size of a prompt is judged; who takes this form gets it as it came."""
    return {"type": kind, "text": "".join(value for value in given.values() if isinstance(value, str))}
