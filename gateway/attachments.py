"""What the parts of a prompt that are no text can be counted as: images, files, sounds, films.

A part is looked for only where a form has parts. Whatever stands elsewhere, or in a way that is not known here, is
taken for text by `gateway.costing`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from gateway.providers.parts import inlined_in, inside

TOKENS_A_PART = 2000  # an image, a file: more than any provider counts for one of usual size
TOKENS_FAR_AWAY = 1_000_000  # a file that lies elsewhere: as long as a context is; the snapshot knows no model's own
MOST = 10 * TOKENS_FAR_AWAY  # more than any context is
BASE64_A_TOKEN = 3  # characters: the fewest that a token of a file takes

IMAGES = ("image", "image_url", "input_image", "computer_screenshot")
# Where a part has what it brings, in base64 or as an address.
CONTENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "image": (("source", "data"), ("source", "url")),
    "document": (("source", "data"), ("source", "url")),
    "image_url": (("image_url", "url"), ("image_url",)),
    "input_image": (("image_url",),),
    "computer_screenshot": (("image_url",),),
    "file": (("file", "file_data"), ("file", "file_url")),
    "input_file": (("file_data",), ("file_url",)),
    "input_audio": (("input_audio", "data"),),
    "audio_url": (("audio_url", "url"),),
    "video_url": (("video_url", "url"),),
}
TEXTS = (
    "text", "input_text", "output_text", "summary_text", "reasoning_text", "refusal", "thinking", "redacted_thinking",
    "tool_use", "tool_result", "server_tool_use", "web_search_tool_result", "web_search_result", "search_result",
)  # fmt: skip
_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]*:", re.IGNORECASE)


class Attached(NamedTuple):
    """`inlined` characters of base64 that are no text, and the most `tokens` that all the parts are counted as."""

    inlined: int
    tokens: int


def attached(turns: list[Any]) -> Attached:
    """What is attached to the messages, or items, of a prompt. Nobody takes so much that it is worth counting on beyond
    `MOST`."""
    inlined = tokens = 0
    for part in _parts(turns):
        found = _bound(part)
        inlined, tokens = inlined + found.inlined, tokens + found.tokens
        if tokens > MOST:
            break
    return Attached(inlined, tokens)


def parts_beside_text(messages: Any) -> int:
    """How many parts of the messages of a chat are no text, wherever they stand in them."""
    return sum(1 for _ in _parts(messages)) if isinstance(messages, list) else 0


def _parts(turns: list[Any]) -> Iterator[dict[str, Any]]:
    """Every part of `turns` that is no text, also in what tools gave back and in documents made of parts."""
    around = list(turns)
    while around:
        outer = around.pop()
        if not isinstance(outer, dict):
            continue
        source = outer.get("source")
        document = source.get("content") if isinstance(source, dict) else None
        for inner in (outer.get("content"), outer.get("output"), document):
            if not inner or isinstance(inner, str):
                continue
            for part in inner if isinstance(inner, list) else (inner,):
                if isinstance(part, dict) and (kind := part.get("type")) != "text":
                    around.append(part)
                    if kind not in TEXTS:
                        yield part


def _bound(part: dict[str, Any]) -> Attached:
    kind = part.get("type")
    content = next(_contents(part, kind), None) if isinstance(kind, str) else None
    if content is None:
        is_far = any(isinstance(value, str) and "://" in value for value in _values(part))
        return Attached(0, TOKENS_FAR_AWAY if is_far else TOKENS_A_PART)
    media_type, data = _inlined(part, kind, content)
    if media_type.startswith("image/") and kind in IMAGES:
        return Attached(len(data), TOKENS_A_PART)
    if media_type.startswith("text/"):
        return Attached(0, TOKENS_A_PART)
    if media_type:
        return Attached(len(data), max(TOKENS_A_PART, len(data) // BASE64_A_TOKEN))
    is_image = kind in IMAGES and content.startswith(("https://", "http://"))
    return Attached(0, TOKENS_FAR_AWAY if _ADDRESS.match(content) and not is_image else TOKENS_A_PART)


def _contents(part: dict[str, Any], kind: str) -> Iterator[str]:
    for path in CONTENTS.get(kind, ()):
        if isinstance(found := inside(part, *path), str):
            yield found


def _inlined(part: dict[str, Any], kind: Any, content: str) -> tuple[str, str]:
    """The media type and the base64 of what stands in the request itself; both empty for anything else."""
    if inside(part, "source", "type") == "base64":
        return str(inside(part, "source", "media_type")), content
    if kind == "input_audio":
        return "audio/", content
    return inlined_in(content) or ("", "")


def _values(part: dict[str, Any]) -> Iterator[Any]:
    for value in part.values():
        yield from value.values() if isinstance(value, dict) else (value,)
