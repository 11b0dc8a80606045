"""Cut model names into the pieces people type, the same for names and for searches.

`gpt-4o-mini` becomes `gpt`, `4o`, `mini`; `qwen2.5-coder-7b` also `qwen`, `2.5`; neighbours are joined as well
(`gpt4o`), so that it does not matter where somebody puts a hyphen or a blank.
"""

from __future__ import annotations

import itertools
import re

_PIECE = re.compile(r"[a-z0-9]+(?:\.[0-9]+)*", re.IGNORECASE)
_LETTERS_THEN_NUMBER = re.compile(r"^([a-z]{2,})(\d+(?:\.\d+)*)([a-z]?)$")
_QUOTED = str.maketrans({"'": "''", "\\": "\\\\"})


def pieces(text: str) -> list[str]:
    """The pieces of `text` in their order, in lower case."""
    return [piece.lower() for piece in _PIECE.findall(text)]


def of_name(text: str) -> list[str]:
    """Every token that a name may be found by, without doubles, in order."""
    found: list[str] = []
    cut = pieces(text)
    for piece in cut:
        found.append(piece)
        if split := _LETTERS_THEN_NUMBER.match(piece):
            found += [split[1], split[2] + split[3]]
    found += [before + after for before, after in itertools.pairwise(cut)]
    return list(dict.fromkeys(found))


def quoted(token: str) -> str:
    """`token` as a lexeme in the text form of a tsvector or tsquery."""
    return f"'{token.translate(_QUOTED)}'"


def vector_text(tokens: list[str], weight: str) -> str:
    """The text form of a tsvector of `tokens`, all of one weight (A to D)."""
    return " ".join(f"{quoted(token)}:{position}{weight}" for position, token in enumerate(tokens[:200], start=1))
