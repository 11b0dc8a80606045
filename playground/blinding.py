"""Blind sessions: which model wrote what stays hidden, in the answer of every address, until a vote.

The columns are shuffled and get new keys when the first prompt is sent, so that neither their place nor their key tells
what was chosen where. What is hidden is left out on the server; style never hides anything.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from playground.columns import Column

HIDDEN_REASON = "This column could not answer. The reason is shown after the vote."
LETTERS = "ABCD"


def shuffled(columns: Sequence[Column]) -> list[Column]:
    """The columns in an order by chance, with keys that follow the new order."""
    order = random.SystemRandom().sample(list(columns), len(columns))
    first = max(column.key for column in columns) + 1
    return [replace(column, key=first + place) for place, column in enumerate(order)]


def letter(place: int) -> str:
    """`Model A` for the first column."""
    return f"Model {LETTERS[place]}"
