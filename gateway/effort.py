"""How hard a model shall think: a word in OpenAI's form, in others a number of tokens.

Anthropic counts them as a part of the answer, so they are a share of its bound; others take a number whatever that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LEAST_BUDGET = 1024  # that Anthropic's models take
# The part of the longest answer that may be thought; what is left has to hold the answer itself.
SHARES: Mapping[str, float] = {"minimal": 0.1, "low": 0.25, "medium": 0.5, "high": 0.75, "xhigh": 0.9, "max": 0.9}

# The tokens themselves, for models whose thoughts are no part of the bound; where nothing is asked the model decides.
TOKENS: Mapping[str, int] = {
    "none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576,
}  # fmt: skip


def tokens_to_think(effort: Any) -> int | None:
    """The tokens that `effort` of a request means, 0 for no thoughts; None where nothing is asked that is known."""
    return TOKENS.get(effort) if isinstance(effort, str) else None


def budget_of(effort: str, longest: int) -> int | None:
    """The tokens to think with of an answer of `longest`; None where they are too few for any."""
    budget = max(LEAST_BUDGET, int(SHARES[effort] * longest))
    return budget if budget < longest else None


def effort_of(budget: int, longest: int) -> str:
    """The word that comes nearest to `budget` tokens of an answer of `longest`."""
    share = budget / max(longest, 1)
    return min(("low", "medium", "high"), key=lambda word: abs(SHARES[word] - share))
