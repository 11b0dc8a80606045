"""Turn text into a vector whose direction is its meaning: wordllama, whose weights come with the installed package.

Loaded on first use (some tens of milliseconds) and kept: 256 dimensions, normalised, so that cosine distance is
meaningful.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from catalog.models import EMBEDDING_DIMENSIONS
from catalog.tokenizing import folder, tokenizer

_loading = threading.Lock()
_loaded: list[Any] = []


class _Weights:
    """The rows of the weights' file, read from it as they are asked for and widened then.

    The library keeps all of them widened, 33 MB of which a search touches a few kilobytes. The form is safetensors: the
    length of a JSON head (64 bits, little-endian), the head, then one array of 16-bit floats.
    """

    def __init__(self, file: Path) -> None:
        import numpy

        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            ((_, told),) = ((name, each) for name, each in json.loads(opened.read(length)).items() if name[:2] != "__")
        if told["dtype"] != "F16":
            raise ValueError(f"{file} holds {told['dtype']}, not the 16-bit floats that are expected")
        self.shape: tuple[int, ...] = tuple(told["shape"])
        offset = 8 + length + told["data_offsets"][0]
        self._rows = numpy.memmap(file, dtype=numpy.float16, mode="r", offset=offset, shape=self.shape)

    def __getitem__(self, wanted: Any) -> Any:
        return self._rows[wanted].astype("float32")


def _model() -> Any:
    with _loading:
        if not _loaded:
            import numpy
            from wordllama.inference import WordLlamaInference

            (file,) = (folder() / "weights").glob(f"*_{EMBEDDING_DIMENSIONS}.safetensors")
            model = WordLlamaInference(numpy.empty((0, EMBEDDING_DIMENSIONS)), tokenizer())  # its own way reads it all
            model.embedding = _Weights(file)
            _loaded.append(model)
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
