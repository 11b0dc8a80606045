"""Take pictures, sound and files out of a request: what is left in their place says what was there, how large, and its
SHA-256, so that it can be told whether it was a certain one.

Only what stands where the forms of the API have media is taken for it: a data address (RFC 2397) or base64 in a field
of media. What people and tools write stays, whatever it looks like.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any

MARK = "atrium_media"
_DEEPEST = 250  # what lies deeper is not written as JSON again, and so not kept
_DATA_FIELDS = frozenset(("data", "file_data", "b64_json"))
_ADDRESS_FIELDS = _DATA_FIELDS | {"url", "image", "image_url", "images", "audio_url", "video_url", "file_url"}
_TYPE_FIELDS = ("media_type", "mime_type", "mimeType")
_ADDRESS = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[^;,]*)*),", re.ASCII | re.IGNORECASE)
_ELSEWHERE = re.compile(r"(?:data|https?):", re.IGNORECASE)
_LINES = str.maketrans("", "", "\r\n")
# What a model or a client's own tool writes, in a shape of theirs: nothing in it is a field of the API.
_FREE = {"tool_use": "input", "server_tool_use": "input", "mcp_tool_use": "input", "text": "text"}


def without_media(value: Any, field: str = "", depth: int = 0) -> Any:
    """`value`, which stands in `field`, with a reference in place of each piece of media in it."""
    if isinstance(value, str):
        return _of_address(value) if field in _ADDRESS_FIELDS else value
    if depth >= _DEEPEST:
        return value
    if isinstance(value, list):
        return [without_media(each, field, depth + 1) for each in value]
    if isinstance(value, dict):
        return _of_object(value, field, depth)
    return value


def _of_object(value: dict[str, Any], field: str, depth: int) -> dict[str, Any]:
    shape = value.get("type")
    if shape == "text" and field == "source":  # a document of Anthropic's form that is text
        return value
    free = _FREE.get(shape) if isinstance(shape, str) else None
    types = (*_TYPE_FIELDS, "format") if field == "input_audio" else _TYPE_FIELDS
    kind = next((value[name] for name in types if isinstance(value.get(name), str)), "")
    is_media = field == "input_audio" or (field == "source" and shape == "base64")
    found = {}
    for name, each in value.items():
        if name == free:
            found[name] = each
        elif name not in _DATA_FIELDS or not isinstance(each, str) or _ELSEWHERE.match(each):
            found[name] = without_media(each, name, depth + 1)
        elif name == "data" and not (kind or is_media):
            found[name] = each
        else:
            content = _base64(each)
            found[name] = each if content is None and not is_media else _told(kind, content or _bytes(each))
    return found


def _of_address(text: str) -> Any:
    head = _ADDRESS.match(text)
    if head is None:
        return text
    kind, parameters, content = head[1] or "", head[2].lower().split(";"), text[head.end() :]
    decoded = _base64(content) if "base64" in parameters else None
    return _told(kind, _bytes(content) if decoded is None else decoded)


def _base64(text: str) -> bytes | None:
    """What is encoded in `text`; None: it is not base64."""
    try:
        return base64.b64decode(text.translate(_LINES), validate=True)
    except (binascii.Error, ValueError):
        return None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _told(kind: str, content: bytes) -> dict[str, Any]:
    return {MARK: {"type": kind[:100], "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
