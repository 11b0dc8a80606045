"""What changed in a request since the round before: field by field, word by word where it is text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from approvals.models import Request


@dataclass(frozen=True)
class Piece:
    """A run of words: `same`, `gone` or `new`."""

    kind: str
    text: str


@dataclass(frozen=True)
class Changed:
    """One field as it was and as it is; empty where there was or is none."""

    name: str
    before: str
    after: str

    @property
    def pieces(self) -> list[Piece]:
        """The words of both, in the order in which they are read."""
        return list(words_between(self.before, self.after))


def changes_of(request: Request) -> list[Changed]:
    """Against what was asked in the round before; empty in the first."""
    earlier = [each for each in request.revisions.all() if each.round <= request.round]
    if not earlier:
        return []
    # While it is being changed, that is the round which was sent back; once it is sent, the one before.
    before = max(earlier, key=lambda each: each.round)
    was = {"title": before.title, "reason": before.reason, **flat(before.facts)}
    now = {"title": request.title, "reason": request.reason, **flat(request.facts)}
    return between(was, now)


def between(was: Mapping[str, str], now: Mapping[str, str]) -> list[Changed]:
    """The fields that differ, in the order in which they are met."""
    names = dict.fromkeys([*was, *now])
    return [
        Changed(name.replace("_", " ").capitalize(), was.get(name, ""), now.get(name, ""))
        for name in names
        if was.get(name, "") != now.get(name, "")
    ]


def flat(value: Any, path: str = "") -> dict[str, str]:
    """Plain values by their path, as people read it: `{"a": {"b": [1, 2]}}` is `{"a, b": "1, 2"}`."""
    if isinstance(value, Mapping):
        found: dict[str, str] = {}
        for name, inner in value.items():
            found |= flat(inner, f"{path}, {name}" if path else str(name))
        return found
    if isinstance(value, list) and not any(isinstance(each, Mapping) for each in value):
        return {path: ", ".join(str(each) for each in value)}
    if isinstance(value, list):
        found = {}
        for place, inner in enumerate(value, start=1):
            found |= flat(inner, f"{path} {place}")
        return found
    return {path: "" if value is None else str(value)}


def words_between(before: str, after: str) -> Iterator[Piece]:
    """Both texts as one, word by word."""
    was, now = re.findall(r"\s+|[^\s]+", before), re.findall(r"\s+|[^\s]+", after)
    for kind, i, j, k, m in difflib.SequenceMatcher(a=was, b=now, autojunk=False).get_opcodes():
        if kind == "equal":
            yield Piece("same", "".join(was[i:j]))
            continue
        if i < j:
            yield Piece("gone", "".join(was[i:j]))
        if k < m:
            yield Piece("new", "".join(now[k:m]))
