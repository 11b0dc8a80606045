"""How well search finds what people want: nDCG@10 of the hybrid beside words alone and meaning alone.

`judged.json` holds the queries, each with what its asker wants in a sentence and the entries that satisfy it: 3
exactly that, 2 good, 1 of some use. Judgements were made from names and facts of the imported catalog, before any
ranking was looked at. Gain is 2^grade - 1, discount log2(rank + 1), the ideal ranking is the judged one (Järvelin
and Kekäläinen, TOIS 2002). Run: `python -m benchmarks.search.quality` (`--worst` lists the queries the hybrid serves
worst).
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

JUDGED = Path(__file__).with_name("judged.json")
DEPTH = 10


def ndcg(ranking: list[str], relevant: dict[str, int], depth: int = DEPTH) -> float:
    """How near `ranking` comes to the best order of what is relevant, between 0 and 1."""

    def gained(grades: list[int]) -> float:
        return sum((2**grade - 1) / math.log2(place + 2) for place, grade in enumerate(grades[:depth]))

    best = gained(sorted(relevant.values(), reverse=True))
    return gained([relevant.get(slug, 0) for slug in ranking]) / best if best else 0.0


def measure() -> dict[str, list[tuple[dict[str, Any], float]]]:
    """nDCG of each judged query by ranking; needs the imported catalog in the configured database."""
    from catalog import lexical, search, semantic, shelf

    held = shelf.present()
    rankings: dict[str, Callable[[str], list[int]]] = {
        "hybrid": lambda text: search.rank(held, text),
        "words alone": lambda text: lexical.find(held, text),
        "full text of PostgreSQL as it comes": lambda text: _plain_full_text(held, text),
        "meaning alone": lambda text: semantic.find(held, text),
    }
    judged = json.loads(JUDGED.read_text(encoding="utf-8"))
    unknown = {slug for query in judged for slug in query["relevant"]} - {item.slug for item in held.items}
    if unknown:
        print(f"{len(unknown)} judged entries are not in the catalog any more, for example {sorted(unknown)[:3]}")
    return {
        name: [
            (query, ndcg([held.items[position].slug for position in rank(query["query"])], query["relevant"]))
            for query in judged
        ]
        for name, rank in rankings.items()
    }


def _plain_full_text(held: Any, text: str) -> list[int]:
    """The reference: `websearch_to_tsquery` and `ts_rank_cd` over the same column, nothing added."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM catalog_model, websearch_to_tsquery('english', %s) AS query WHERE search_vector @@ query "
            "ORDER BY ts_rank_cd(search_vector, query) DESC, name LIMIT 100",
            [text],
        )
        return [held.position[key] for (key,) in cursor.fetchall()]


def report(measured: dict[str, list[tuple[dict[str, Any], float]]], *, worst: bool = False) -> None:
    """Print the table, by kind of query and for all."""
    kinds = list(dict.fromkeys(query["kind"] for query, _ in measured["hybrid"]))
    width = max(len(name) for name in measured) + 2
    print(f"nDCG@{DEPTH} over {len(measured['hybrid'])} judged queries")
    print(" " * width + "".join(f"{kind:>12}" for kind in kinds) + f"{'all':>12}")
    for name, rows in measured.items():
        by_kind: dict[str, list[float]] = defaultdict(list)
        for query, score in rows:
            by_kind[query["kind"]].append(score)
        means = [sum(by_kind[kind]) / len(by_kind[kind]) for kind in kinds]
        total = sum(score for _, score in rows) / len(rows)
        print(f"{name:<{width}}" + "".join(f"{mean:>12.3f}" for mean in means) + f"{total:>12.3f}")
    if worst:
        others = {name: {query["query"]: score for query, score in rows} for name, rows in measured.items()}
        for query, score in sorted(measured["hybrid"], key=lambda each: each[1])[:25]:
            text = query["query"]
            words, meaning = others["words alone"][text], others["meaning alone"][text]
            print(f"{score:.2f} words {words:.2f} meaning {meaning:.2f}  {text}")


def main() -> None:
    from benchmarks.ground import embedded_database

    with embedded_database():
        from audit.record import SYSTEM
        from catalog.importing.run import import_catalog

        import_catalog(by=SYSTEM)
        report(measure(), worst="--worst" in sys.argv)


if __name__ == "__main__":
    main()
