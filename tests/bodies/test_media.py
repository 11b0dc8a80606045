"""What is taken for media in a request, and what is left as it was said."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from gateway.bodies.media import MARK, without_media

PICTURE = "data:image/png;base64,aGVsbG8="
HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  # SHA-256 of “hello”


def asked(*content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(content)}]}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": "data: what is it, and why?"}]},
        {"messages": [{"role": "user", "content": PICTURE}]},
        {"input": PICTURE},
        {"input": ["data:text/plain,first", "second"]},
        asked({"type": "text", "text": "data:text/plain,yes"}),
        asked({"type": "image_url", "image_url": {"url": "data: not an address, at all"}}),
        asked({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "abcd"}}),
        asked({"type": "tool_use", "name": "draw", "input": {"media_type": "x/y", "data": "abcd", "url": PICTURE}}),
        asked({"format": "csv", "data": "abcd"}),
        asked({"mime_type": "text/csv", "data": "a,b;c,d"}),
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": PICTURE}}]}]},
    ],
)
def test_what_is_said_stays(body: dict[str, Any]) -> None:
    assert without_media(copy.deepcopy(body)) == body


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"type": "image_url", "image_url": {"url": PICTURE}}, "image/png"),
        ({"type": "input_image", "image_url": PICTURE}, "image/png"),
        ({"type": "input_image", "image_url": "DATA:image/png;name=a;BASE64,aGVsbG8="}, "image/png"),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,aGVsbG8="}}, "application/pdf"),
        ({"type": "input_file", "file_data": "aGVsbG8="}, ""),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="}}, "image/png"),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGVs\nbG8="}}, "image/png"),
        ({"type": "input_audio", "input_audio": {"format": "wav", "data": "aGVsbG8="}}, "wav"),
        ({"inline_data": {"mime_type": "audio/mp3", "data": "aGVsbG8="}}, "audio/mp3"),
        ({"type": "image_url", "image_url": {"url": "data:text/plain,hello"}}, "text/plain"),
    ],
)
def test_media_become_what_they_were(part: dict[str, Any], kind: str) -> None:
    found = without_media({"messages": [{"content": [{"type": "text", "text": "Look"}, part]}]})
    told = str(found)
    assert "aGVs" not in told and str({MARK: {"type": kind, "bytes": 5, "sha256": HELLO}}) in told and "Look" in told


def test_what_claims_to_be_media_is_not_kept_if_it_cannot_be_read() -> None:
    part = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "!secret!"}}
    assert "secret" not in str(without_media(asked(part)))
