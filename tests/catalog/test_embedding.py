"""Vectors of texts: what the library computes, without keeping its weights in memory."""

from __future__ import annotations

from pathlib import Path

import numpy
import wordllama

from catalog.embedding import embed

TEXTS = ["A cheap model that reads images", "Übersetzt Verträge 📄", "x " * 400, "?"]


def test_the_vectors_are_those_of_the_library() -> None:
    folder = Path(wordllama.__file__).parent
    reference = wordllama.WordLlama.load(cache_dir=folder, disable_download=True, dim=256)
    assert numpy.allclose(embed(TEXTS), reference.embed(TEXTS, norm=True), atol=1e-6)


def test_nothing_has_no_vectors() -> None:
    assert embed([]) == []
