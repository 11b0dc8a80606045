"""What changed between two texts, line by line, for the `diff` component."""

import difflib
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line: its kind, its text, and its number before and after (None where it does not exist)."""

    kind: Literal["same", "added", "removed"]
    text: str
    before: int | None
    after: int | None


def diff_lines(before: str, after: str) -> list[DiffLine]:
    """All lines of both texts in reading order; removed lines come before the added ones that replace them."""
    old, new = str(before or "").splitlines(), str(after or "").splitlines()
    lines: list[DiffLine] = []
    for tag, a0, a1, b0, b1 in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag == "equal":
            lines += [DiffLine("same", old[a0 + i], a0 + i + 1, b0 + i + 1) for i in range(a1 - a0)]
            continue
        lines += [DiffLine("removed", old[i], i + 1, None) for i in range(a0, a1)]
        lines += [DiffLine("added", new[i], None, i + 1) for i in range(b0, b1)]
    return lines
