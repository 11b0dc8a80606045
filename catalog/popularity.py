"""Keep how much each model was called in the last 30 days beside it, so that lists can sort by it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from catalog import figures
from catalog.models import Model, Route


def refresh() -> int:
    """Write the calls of the last 30 days of every model whose figure changed; returns how many."""
    calls: dict[Any, int] = defaultdict(int)
    told = figures.recent_calls()
    for slug, model_id in Route.objects.filter(slug__in=told).values_list("slug", "model_id"):
        calls[model_id] += told[slug]
    changed = []
    for model in Model.objects.only("recent_calls"):
        if model.recent_calls != calls.get(model.pk, 0):
            model.recent_calls = calls.get(model.pk, 0)
            changed.append(model)
    Model.objects.bulk_update(changed, ["recent_calls"], batch_size=500)
    return len(changed)
