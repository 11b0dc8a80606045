"""Find models by words: PostgreSQL full text over weighted words, forgiving with names.

Each word of the search counts by how rare it is. A name that has it (weight A) counts most, then a name that begins
with it or is a slip away, then what the model is for (B), who offers it (D) and how it is described (C). A name that
is covered whole by the search comes before one that has more to it: `gpt-4o` before `gpt-4o-mini`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from catalog import tokens
from catalog.shelf import Shelf
from catalog.typing_errors import Words

STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "best",
        "by",
        "can",
        "do",
        "does",
        "find",
        "for",
        "from",
        "get",
        "give",
        "good",
        "great",
        "has",
        "have",
        "how",
        "i",
        "in",
        "is",
        "it",
        "its",
        "like",
        "me",
        "model",
        "models",
        "most",
        "my",
        "need",
        "of",
        "on",
        "or",
        "our",
        "please",
        "some",
        "that",
        "the",
        "them",
        "they",
        "this",
        "to",
        "use",
        "used",
        "using",
        "very",
        "want",
        "was",
        "what",
        "when",
        "which",
        "who",
        "will",
        "with",
        "would",
        "you",
        "your",
        "ai",
        "llm",
    ]
)
MOST_WORDS = 10
MOST_FOUND = 400
MOST_KEPT = 1000
_EXACT, _NEAR, _PURPOSE, _OFFERED, _DESCRIBED = 1.0, 0.55, 0.6, 0.45, 0.25
_COVERAGE = 1.2
_KEEP = 0.3  # of the best score: what is weaker than that was found by a side word


@dataclass
class Vocabulary:
    """The words of one edition: names to spell by, and how many models have each word."""

    edition: int
    names: Words
    counts: dict[str, int] = field(default_factory=dict)
    read: dict[str, list[Wanted]] = field(default_factory=dict)  # searches, as they were understood


_held: list[Vocabulary] = []


def vocabulary(shelf: Shelf) -> Vocabulary:
    """The words of the shelf's edition, read once per process and edition."""
    if not (_held and _held[0].edition == shelf.edition):
        with connection.cursor() as cursor:
            cursor.execute("SELECT word, ndoc FROM ts_stat('SELECT search_vector FROM catalog_model')")
            counts: dict[str, int] = dict(cursor.fetchall())
        spelled = [word for word in {*shelf.name_words, *_plain_words(counts)} if _can_be_misspelt(word)]
        _held[:] = [Vocabulary(shelf.edition, Words(spelled), counts)]
    return _held[0]


def _can_be_misspelt(word: str) -> bool:
    """Words, and names that end in a number (`smollm2`); of `4o` or `gpt4` nobody knows what else was meant."""
    return word.isalpha() or (word.isalnum() and sum(map(str.isalpha, word)) > 4)


def corrected(shelf: Shelf, text: str) -> dict[str, str]:
    """Words of `text` that no entry has, each with the one that was looked for instead."""
    return {each.word: each.near[0] for each in read(shelf, text) if each.near}


def _plain_words(counts: dict[str, int]) -> list[str]:
    return [word for word, count in counts.items() if count > 2]


_stems: dict[str, str] = {}


def stems(words: list[str]) -> list[str]:
    """The English stem of each word, as the index has it; an empty text for a stop word. Kept for good."""
    unknown = [word for word in words if word not in _stems]
    if unknown:
        if len(_stems) > 20_000:
            _stems.clear()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT word, (ts_lexize('english_stem', word))[1] FROM unnest(%s::text[]) AS word", [unknown]
            )
            _stems.update({word: stem or "" for word, stem in cursor.fetchall()})
    return [_stems[word] for word in words]


@dataclass(frozen=True)
class Wanted:
    """One word of a search: what to look for, and how much it counts."""

    word: str
    stem: str
    near: tuple[str, ...]
    weight: float

    def in_names(self) -> str:
        return f"{tokens.quoted(self.word)}:A"

    def near_names(self) -> str:
        begun = [f"{tokens.quoted(self.word)}:*A"] if len(self.word) > 1 else []
        return " | ".join([*begun, *(f"{tokens.quoted(each)}:A" for each in self.near)]) or self.in_names()

    def in_text(self, weights: str) -> str:
        meant = [self.stem or self.word, *self.near]
        return " | ".join(f"{tokens.quoted(each)}:{weights}" for each in meant)


def read(shelf: Shelf, text: str) -> list[Wanted]:
    """The words of a search that tell something, with their spellings put right and their weight."""
    words = vocabulary(shelf)
    if text in words.read:  # one search asks several times: to find, to tell what was corrected, to weigh
        return words.read[text]
    cut = tokens.pieces(text)
    telling = [piece for piece in cut if piece not in STOP_WORDS] or cut
    once = list(dict.fromkeys(telling))[:MOST_WORDS]
    wanted = [_wanted(shelf, words, piece, stem) for piece, stem in zip(once, stems(once), strict=True)]
    if len(words.read) >= MOST_KEPT:
        words.read.clear()
    words.read[text] = wanted
    return wanted


def _wanted(shelf: Shelf, words: Vocabulary, piece: str, stemmed: str) -> Wanted:
    in_names, in_texts = shelf.name_words.get(piece, 0), words.counts.get(stemmed, 0)
    near: list[str] = []
    if not in_names and not in_texts and not words.names.begins(piece):
        near = words.names.near(piece)
        in_texts = max((words.counts.get(each, 0) for each in near), default=0)
    common = max(in_names, in_texts, 1)
    rare = math.log(1 + len(shelf.items) / common) / math.log(2 + len(shelf.items))
    return Wanted(piece, stemmed, tuple(near), max(rare, 0.05))


def find(shelf: Shelf, text: str) -> list[int]:
    """Positions on the shelf of the models found by `text`, the best first."""
    wanted = read(shelf, text)
    if not wanted:
        return []
    scores = _scores(wanted)
    asked = _name_tokens(text, wanted)
    best: list[tuple[float, int]] = []
    for key, score in scores.items():
        position = shelf.position.get(key)
        if position is not None:
            best.append((score + _coverage(shelf, position, asked), position))
    if not best:
        return []
    items = shelf.items
    best.sort(key=lambda each: (-each[0], not items[each[1]].is_current, -items[each[1]].born, items[each[1]].name))
    least = best[0][0] * _KEEP
    return [position for score, position in best if score >= least]


def named(shelf: Shelf, text: str, position: int) -> float:
    """How much of the search stands in the name of the model at `position`: 0 nothing, 1 every word that tells."""
    wanted = read(shelf, text)
    pieces = set(tokens.pieces(shelf.items[position].name))
    said = sum(each.weight for each in wanted if each.word in pieces or not pieces.isdisjoint(each.near))
    return said / sum(each.weight for each in wanted) if wanted else 0.0


def is_named(shelf: Shelf, text: str, position: int) -> bool:
    """Whether every word of the search begins a word of the model's name or maker, or is a slip of one."""
    item = shelf.items[position]
    said = {*item.name_tokens, *tokens.pieces(item.developer)}
    return all(
        not said.isdisjoint(each.near) or any(token.startswith(each.word) for token in said)
        for each in read(shelf, text)
    )


def _name_tokens(text: str, wanted: list[Wanted]) -> set[str]:
    return {*tokens.of_name(text), *(each for one in wanted for each in one.near[:1])}


def _coverage(shelf: Shelf, position: int, asked: set[str]) -> float:
    """How much of the name the search says, between 0 and `_COVERAGE`."""
    item = shelf.items[position]
    pieces = tokens.pieces(item.name)
    said = sum(1 for piece in pieces if piece in asked)
    return (
        _COVERAGE * said / len(pieces) if said > 1 or (said and len(pieces) == 1) else 0.3 * said / max(1, len(pieces))
    )


def _scores(wanted: list[Wanted]) -> dict[UUID, float]:
    """Score by key of the `MOST_FOUND` best models."""
    terms: list[str] = []
    parameters: list[Any] = []
    for each in wanted:
        looked_for = sorted(
            (
                (_EXACT, each.in_names()),
                (_NEAR, each.near_names()),
                (_PURPOSE, each.in_text("B")),
                (_OFFERED, f"{tokens.quoted(each.word)}:D"),
                (_DESCRIBED, each.in_text("C")),
            ),
            reverse=True,
        )
        cases = "WHEN search_vector @@ %s::tsquery THEN %s " * len(looked_for)  # the heaviest first: one is enough
        terms.append(f"%s * CASE {cases}ELSE 0 END")
        parameters.append(each.weight)
        for weight, query in looked_for:
            parameters += [query, weight]
    any_of = " | ".join(
        f"({each.near_names()} | {each.in_names()} | {each.in_text('BC')} | {tokens.quoted(each.word)}:D)"
        for each in wanted
    )
    statement = (
        f"SELECT id, {' + '.join(terms)} AS score FROM catalog_model "
        "WHERE search_vector @@ %s::tsquery ORDER BY score DESC, name LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*parameters, any_of, MOST_FOUND])
        return {key: float(score) for key, score in cursor.fetchall()}
