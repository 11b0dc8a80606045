"""Note what changed on a model version, and say of each kind whether a decision may rest on it.

A decision about a model was made of its version, price, licence, terms, providers, regions, card and risk as they were.
Rooms above read these rows (`since`) in the order in which they were written, or are called with each (`when_told`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from catalog.changes.tables import Change

Kind = Change.Kind
PRICE_PERCENT = Decimal(10)  # a dearer price matters from here on
MATTERING = frozenset({Kind.VERSION, Kind.LICENCE, Kind.TERMS, Kind.PROVIDER, Kind.REGION})
LONGEST_SOURCE = 80

_listeners: list[Callable[[list[Change]], None]] = []


def when_told(listener: Callable[[list[Change]], None]) -> None:
    """Call `listener` with what changed, in the transaction that wrote it."""
    if listener not in _listeners:
        _listeners.append(listener)


def tell(
    *,
    model: Any = None,
    version: Any = None,
    kind: str,
    what: str,
    before: Any = None,
    after: Any = None,
    source: str,
    matters: bool | None = None,
) -> Change:
    """Note one change of a model, or of a version of one; inside the transaction that made it. `matters` is for
    prices, cards and steps of a life, whose kind alone does not say."""
    return tell_all([change(model, version, kind, what, before, after, source, matters)])[0]


def change(
    model: Any, version: Any, kind: str, what: str, before: Any, after: Any, source: str, matters: bool | None = None
) -> Change:
    """A change that is not written yet, for `tell_all`."""
    return Change(
        model_id=model.pk if model is not None else version.model_id,
        version=version,
        kind=kind,
        what=what[:200],
        before=before,
        after=after,
        source=source[:LONGEST_SOURCE],
        matters=kind in MATTERING if matters is None else matters,
    )


def tell_all(changes: Iterable[Change]) -> list[Change]:
    """Note many."""
    written = Change.objects.bulk_create(changes, batch_size=1000)
    for listener in _listeners if written else ():
        listener(written)
    return written


def since(key: int, *, matters: bool = True) -> QuerySet[Change]:
    """What was noted after the change of that key, the oldest first; of all kinds where `matters` is false."""
    rows = Change.objects.filter(pk__gt=key).order_by("pk").select_related("model", "version")
    return rows.filter(matters=True) if matters else rows


def is_dearer(before: Decimal | None, after: Decimal | None) -> bool:
    """Whether a price went up by more than `PRICE_PERCENT`; from nothing to something always."""
    if before is None or after is None:
        return False
    return after > before * (1 + PRICE_PERCENT / 100)
