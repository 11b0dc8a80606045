"""Find the words that somebody may have meant: one slip in a word of four letters or more, two from eight on.

Slips are a letter too many, too few, wrong, or two changed places (after Damerau). Candidates come from words with
letters left out (the "symmetric delete" index), so a look-up touches a few entries instead of every word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

_SHORTEST = 4
_LONG = 8


class Words:
    """A vocabulary that can be asked for what is near a word."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = {word for word in words if word.isascii()}
        self._by_shortened: dict[str, list[str]] = defaultdict(list)
        for word in self._words:
            if len(word) >= _SHORTEST and any(letter.isalpha() for letter in word):
                for shortened in _shortened(word, _allowed(word)):
                    self._by_shortened[shortened].append(word)

    def __contains__(self, word: str) -> bool:
        return word in self._words

    def begins(self, beginning: str) -> bool:
        """Whether some word begins so."""
        return any(word.startswith(beginning) for word in self._words)

    def near(self, word: str, most: int = 3) -> list[str]:
        """The nearest words within the allowed slips, the nearest first; nothing for short words and numbers."""
        if len(word) < _SHORTEST or not any(letter.isalpha() for letter in word):
            return []
        candidates = {found for cut in _shortened(word, _allowed(word)) for found in self._by_shortened.get(cut, ())}
        measured = sorted((distance(word, found), found) for found in candidates)
        return [found for slips, found in measured if slips <= _allowed(word) and _same_digits(word, found)][:most]


def _same_digits(word: str, other: str) -> bool:
    """A number is never a slip: `gpt-4` is not `gpt-5`."""
    return [c for c in word if c.isdigit()] == [c for c in other if c.isdigit()]


def _allowed(word: str) -> int:
    return 2 if len(word) >= _LONG else 1


def _shortened(word: str, letters: int) -> set[str]:
    """`word` and it with up to `letters` letters left out."""
    found, last = {word}, {word}
    for _ in range(letters):
        last = {each[:place] + each[place + 1 :] for each in last for place in range(len(each))}
        found |= last
    return found


def distance(one: str, other: str) -> int:
    """How many slips lead from one word to the other (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        previous, row = row, [i]
        for j, there in enumerate(other, start=1):
            cost = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (letter != there))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == there:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before = previous
    return row[-1]
