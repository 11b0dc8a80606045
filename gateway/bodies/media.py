"""Take pictures, sound and files out of a request: what is left in their place says what was there, how large, and its
SHA-256, so that it can be told whether it was a certain one."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

MARK = "atrium_media"
_DEEPEST = 250  # what lies deeper is not written as JSON again, and so not kept
_DATA_FIELDS = ("data", "file_data", "b64_json")
_TYPE_FIELDS = ("media_type", "mime_type", "mimeType", "format")


def without_media(value: Any, depth: int = 0) -> Any:
    """`value` with a reference in place of each piece of media: of data addresses, and of base64 beside its type."""
    if isinstance(value, str):
        return _of_address(value) if value.startswith("data:") else value
    if depth >= _DEEPEST:
        return value
    if isinstance(value, list):
        return [without_media(each, depth + 1) for each in value]
    if isinstance(value, dict):
        kind = next((value[name] for name in _TYPE_FIELDS if isinstance(value.get(name), str)), "")
        return {
            name: _reference(kind, each)
            if name in _DATA_FIELDS and isinstance(each, str) and (kind or name != "data") and not _is_address(each)
            else without_media(each, depth + 1)
            for name, each in value.items()
        }
    return value


def _is_address(text: str) -> bool:
    return text.startswith(("data:", "http:", "https:"))


def _of_address(text: str) -> Any:
    """RFC 2397."""
    head, comma, content = text.partition(",")
    if not comma:
        return text
    kind, *parameters = head.removeprefix("data:").split(";")
    return _reference(kind, content) if "base64" in parameters else _told(kind, content.encode("utf-8", "replace"))


def _reference(kind: str, content: str) -> dict[str, Any]:
    try:
        return _told(kind, base64.b64decode(content, validate=False))
    except (binascii.Error, ValueError):
        return _told(kind, content.encode("utf-8", "replace"))


def _told(kind: str, content: bytes) -> dict[str, Any]:
    return {MARK: {"type": kind[:100], "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
