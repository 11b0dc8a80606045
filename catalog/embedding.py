"""Turn text into a vector whose direction is its meaning: wordllama, whose weights come with the installed package.

Loaded on first use (some tens of milliseconds) and kept: 256 dimensions, normalised, so that cosine distance is
meaningful.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from catalog.models import EMBEDDING_DIMENSIONS

_loading = threading.Lock()
_loaded: list[Any] = []


def _model() -> Any:
    with _loading:
        if not _loaded:
            import wordllama

            folder = Path(wordllama.__file__).parent
            _loaded.append(wordllama.WordLlama.load(cache_dir=folder, disable_download=True, dim=EMBEDDING_DIMENSIONS))
        return _loaded[0]


def embed(texts: Sequence[str]) -> list[list[float]]:
    """A unit vector for each text."""
    if not texts:
        return []
    return [[float(x) for x in row] for row in _model().embed(list(texts), norm=True)]


@lru_cache(maxsize=2048)
def embed_query(text: str) -> tuple[float, ...]:
    """The vector of one search text; repeated searches cost nothing."""
    return tuple(embed([text])[0])
