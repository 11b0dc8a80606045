"""Find models by meaning: the nearest vectors in pgvector."""

from __future__ import annotations

from typing import Any

from django.db import connection

from catalog.embedding import embed_query
from catalog.shelf import Shelf

MOST_FOUND = 100
_LEAST = 0.15  # cosine similarity below which two texts have nothing to say to each other
# The same where no word of the search is known: the nearest of all models to nonsense lies up to 0.34 from it (measured
# with letters by chance, filler text and other languages), to a task in other words from 0.46 on.
_LEAST_ALONE = 0.42
_KEEP = 0.55  # of the best similarity

# The index looks at 40 neighbours unless told; the settings hold for this statement, and are made before the scan
# begins because the planner evaluates a condition without columns first.
_NEAREST = """
SELECT id, embedding <=> %(meaning)s::vector AS distance FROM catalog_model
WHERE (SELECT set_config('hnsw.ef_search', '200', true)
            || set_config('hnsw.iterative_scan', 'strict_order', true)) <> ''
  {among}
ORDER BY embedding <=> %(meaning)s::vector LIMIT %(most)s
"""


def find(shelf: Shelf, text: str, *, among: int | None = None, is_alone: bool = False) -> list[int]:
    """Positions on the shelf of the models nearest to `text`; with `among`, only of that mask. `is_alone`: no word of
    it was found, so that meaning alone decides and has to be plain."""
    values: dict[str, Any] = {"meaning": str(list(embed_query(text))), "most": MOST_FOUND}
    if among is not None:
        values["keys"] = [shelf.items[position].pk for position in shelf.members(among)]
    with connection.cursor() as cursor:
        cursor.execute(_NEAREST.format(among="" if among is None else "AND id = ANY(%(keys)s::uuid[])"), values)
        nearest = [(key, 1 - distance) for key, distance in cursor.fetchall() if distance is not None]
    if not nearest:
        return []
    least = max(_LEAST_ALONE if is_alone else _LEAST, nearest[0][1] * _KEEP)
    positions = [(shelf.position.get(key), nearness) for key, nearness in nearest]
    return [position for position, nearness in positions if position is not None and nearness >= least]
