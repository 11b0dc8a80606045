"""What changed between two texts, by lines and within them by words, and between two sets of facts, by their names.

For the components `diff` and `fact-changes`, and for whoever tells a difference to programs.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

# The time to compare grows with the product of both lengths, and where much is alike with more than that.
MOST_LINES = 1_000  # of a text, between the first and the last that differ; longer ones are shown as gone and come
MOST_WORDS = 4_000  # of two passages that are compared by words
MOST_PAIRS = 1_000_000  # of words in all lines of a text; once they are spent, lines are shown without pieces
FEW = 200  # until here words that are everywhere, such as spaces, are compared as all others
_word = re.compile(r"\w+|\s+|[^\w\s]")

type Kind = Literal["same", "added", "removed"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words in a row that share their kind."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line: its kind, its text, its number before and after (None where it does not exist), and of a line that
    was replaced by another its pieces, of which those are marked that the other lacks."""

    kind: Kind
    text: str
    before: int | None
    after: int | None
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class FactChange:
    """A fact that differs: its name as people read it, and its values; None where it was not stated."""

    name: str
    before: Any
    after: Any


def words(before: str, after: str) -> list[Piece]:
    """Both texts as one in reading order: what stayed, what went and what came, by whole words."""
    return list(_pieces(before, after))


def diff_lines(before: str, after: str) -> list[DiffLine]:
    """All lines of both texts in reading order; removed lines come before the added ones that replace them."""
    old, new = str(before or "").splitlines(), str(after or "").splitlines()
    lines: list[DiffLine] = []
    pairs = MOST_PAIRS
    for tag, a0, a1, b0, b1 in _opcodes(old, new):
        if tag == "equal":
            lines += [DiffLine("same", old[a0 + i], a0 + i + 1, b0 + i + 1) for i in range(a1 - a0)]
            continue
        gone, come = old[a0:a1], new[b0:b1]
        marked: list[tuple[Piece, ...]] = [()] * (len(gone) + len(come))
        if len(gone) == len(come):  # line for line; else nobody can tell which one became which
            for place, (one, other) in enumerate(zip(gone, come, strict=True)):
                if pairs <= 0:
                    break
                pairs -= len(_word.findall(one)) * len(_word.findall(other))
                pieces = words(one, other)
                if any(piece.kind == "same" and piece.text.strip() for piece in pieces):
                    marked[place] = tuple(piece for piece in pieces if piece.kind != "added")
                    marked[len(gone) + place] = tuple(piece for piece in pieces if piece.kind != "removed")
        lines += [DiffLine("removed", line, a0 + i + 1, None, marked[i]) for i, line in enumerate(gone)]
        lines += [DiffLine("added", line, None, b0 + i + 1, marked[len(gone) + i]) for i, line in enumerate(come)]
    return lines


def _opcodes(old: list[str], new: list[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """As `difflib` tells them, in bounded time."""
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    a1, b1 = len(old) - tail, len(new) - tail
    if head:
        yield "equal", 0, head, 0, head
    if max(a1, b1) - head > MOST_LINES:
        yield "replace", head, a1, head, b1
    else:
        for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(a=old[head:a1], b=new[head:b1]).get_opcodes():
            yield tag, head + i1, head + i2, head + j1, head + j2
    if tail:
        yield "equal", a1, len(old), b1, len(new)


def _alike(one: list[str], other: list[str]) -> int:
    """How many lines both begin with."""
    both = min(len(one), len(other))
    return next((place for place in range(both) if one[place] != other[place]), both)


def fact_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], names: Mapping[str, str] | None = None
) -> list[FactChange]:
    """The facts whose values differ, in the order of `after`, then those that are gone; `names` says how people read
    them."""
    keys = [*after, *(key for key in before if key not in after)]
    return [
        FactChange((names or {}).get(key, key), before.get(key), after.get(key))
        for key in keys
        if before.get(key) != after.get(key)
    ]


def _pieces(before: str, after: str) -> Iterator[Piece]:
    old, new = _word.findall(before), _word.findall(after)
    if len(old) + len(new) > MOST_WORDS:
        if before:
            yield Piece("removed", before)
        if after:
            yield Piece("added", after)
        return
    is_long = len(old) * len(new) > FEW * FEW
    for tag, a0, a1, b0, b1 in difflib.SequenceMatcher(a=old, b=new, autojunk=is_long).get_opcodes():
        if tag == "equal":
            yield Piece("same", "".join(old[a0:a1]))
            continue
        if a0 < a1:
            yield Piece("removed", "".join(old[a0:a1]))
        if b0 < b1:
            yield Piece("added", "".join(new[b0:b1]))
