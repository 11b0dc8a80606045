"""Says Anthropic's content blocks as the messages of a chat completion, and notes what those could not say."""

from __future__ import annotations

from typing import Any

from gateway.asked import InvalidRequest
from gateway.providers.provider import as_json

Block = dict[str, Any]


class Conversation:
    """The neutral `messages`; `lost` is why they do not say quite the same, for the first of the reasons."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.lost = ""

    def loses(self, why: str) -> None:
        self.lost = self.lost or why

    def add(self, role: str, blocks: list[Block], field: str) -> None:
        """A turn of `role`, whose content stands in `field`. Raises `InvalidRequest`."""
        if role == "system":
            self.messages.append({"role": role, "content": "\n\n".join(_text(each, field) for each in blocks)})
        elif role == "assistant":
            self._assistant(blocks, field)
        else:
            self._user(blocks, field)

    def _assistant(self, blocks: list[Block], field: str) -> None:
        texts, thoughts, calls = [], [], []
        for place, block in enumerate(blocks):
            here = f"{field}.{place}"
            match block["type"]:
                case "text":
                    texts.append(_text(block, here))
                case "thinking":
                    thoughts.append(str(block.get("thinking") or ""))
                case "redacted_thinking":
                    pass  # only who wrote it can read it
                case "tool_use":
                    function = {"name": _named(block, "name", here), "arguments": _arguments(block, here)}
                    calls.append({"id": _named(block, "id", here), "type": "function", "function": function})
                case _:
                    texts.append(self._unknown(block)["text"])
        message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or (None if calls else "")}
        if any(thoughts):
            message["reasoning_content"] = "".join(thoughts)
        if calls:
            message["tool_calls"] = calls
        self.messages.append(message)

    def _user(self, blocks: list[Block], field: str) -> None:
        """What tools answered are messages of their own, right after the calls; their images follow with the rest."""
        parts: list[Block] = []
        for place, block in enumerate(blocks):
            here = f"{field}.{place}"
            if block["type"] == "tool_result":
                self._result(block, here, parts)
            else:
                parts += self._parts(block, here)
        if len(parts) == 1 and parts[0]["type"] == "text":
            self.messages.append({"role": "user", "content": parts[0]["text"]})
        elif parts:
            self.messages.append({"role": "user", "content": parts})

    def _result(self, block: Block, field: str, beside: list[Block]) -> None:
        texts = []
        for place, inner in enumerate(blocks_of(block.get("content") or [], f"{field}.content")):
            for part in self._parts(inner, f"{field}.content.{place}"):
                if part["type"] == "text":
                    texts.append(part["text"])
                else:
                    beside.append(part)
        said = "\n".join(texts)
        content = f"Error: {said}" if block.get("is_error") else said
        self.messages.append({"role": "tool", "tool_call_id": _named(block, "tool_use_id", field), "content": content})

    def _parts(self, block: Block, field: str) -> list[Block]:
        source = block.get("source")
        match block["type"]:
            case "text":
                return [{"type": "text", "text": _text(block, field)}]
            case "image" if isinstance(source, dict):
                return [self._image(block, source)]
            case "document" if isinstance(source, dict):
                if isinstance(cites := block.get("citations"), dict) and cites.get("enabled"):
                    self.loses("it cites no documents")
                return self._document(block, source, field)
        return [self._unknown(block)]

    def _image(self, block: Block, source: Block) -> Block:
        if source.get("type") == "base64":
            url = f"data:{source.get('media_type')};base64,{source.get('data')}"
        elif source.get("type") == "url":
            url = str(source.get("url"))
        else:
            return self._unknown(block)
        return {"type": "image_url", "image_url": {"url": url}}

    def _document(self, block: Block, source: Block, field: str) -> list[Block]:
        match source.get("type"):
            case "text":
                return [{"type": "text", "text": str(source.get("data") or "")}]
            case "base64":
                data = f"data:{source.get('media_type')};base64,{source.get('data')}"
                name = str(block.get("title") or "document.pdf")
                return [{"type": "file", "file": {"filename": name, "file_data": data}}]
            case "content":
                inner = blocks_of(source.get("content"), f"{field}.source.content")
                return [part for each in inner for part in self._parts(each, f"{field}.source.content")]
        return [self._unknown(block)]

    def _unknown(self, block: Block) -> Block:
        """What a chat completion has no word for: as a text, so that it is counted, though never sent."""
        source = block.get("source")
        of = f" from “{str(source.get('type'))[:60]}”" if isinstance(source, dict) else ""
        self.loses(f"it takes no “{block['type'][:60]}”{of}")
        return {"type": block["type"], "text": as_json(block).decode()}


def blocks_of(content: Any, field: str) -> list[Block]:
    """Content as blocks; a text is one. Raises `InvalidRequest`."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise InvalidRequest("Content must be a text or a list of blocks.", field=field)
    for place, block in enumerate(content):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise InvalidRequest("Every block must be an object with a “type”.", field=f"{field}.{place}.type")
    return content


def _text(block: Block, field: str) -> str:
    text = block.get("text")
    if block["type"] != "text" or not isinstance(text, str):
        raise InvalidRequest("A block of text needs a “text”.", field=f"{field}.text")
    return text


def _named(block: Block, name: str, field: str) -> str:
    value = block.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"A block of the type “{block['type']}” needs “{name}”.", field=f"{field}.{name}")
    return value


def _arguments(block: Block, field: str) -> str:
    given = block.get("input")
    if not isinstance(given, dict):
        raise InvalidRequest("The “input” of a tool's use must be an object.", field=f"{field}.input")
    return as_json(given).decode()
