"""The tokenizer that comes with `wordllama`: the search reads a question with it, the gateway counts with it."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from tokenizers import Tokenizer


def folder() -> Path:
    """Where `wordllama` keeps its files, found without importing it (90 ms and 28 MB the first time)."""
    found = importlib.util.find_spec("wordllama")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("wordllama")
    return Path(found.origin).parent


@cache
def tokenizer() -> Tokenizer:
    """The one tokenizer of this process (14 MB); it pads where it is given several texts at once."""
    loaded = Tokenizer.from_file(str(folder() / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    loaded.enable_padding()
    loaded.no_truncation()
    return loaded
