"""Note what changed on a model version, and say of each kind whether a decision may rest on it.

A decision about a model was made of its version, price, licence, terms, providers, regions, card and risk as they were.
Rooms above read these rows (`since`) in the order in which they were settled, or are called with each (`when_told`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from django.db.models import BigIntegerField, Case, F, Func, Q, QuerySet, Value, When

from catalog.changes.tables import Change

Kind = Change.Kind
PRICE_PERCENT = Decimal(10)  # a dearer price matters from here on
MATTERING = frozenset({Kind.VERSION, Kind.LICENCE, Kind.TERMS, Kind.PROVIDER, Kind.REGION})
LONGEST_SOURCE = 80

# Of a statement's snapshot: what ended before the first number is settled, and the last has not begun. Whoever reads in
# a transaction of their own sees what they wrote themselves in it.
_OLDEST_AT_WORK = Func(template="pg_snapshot_xmin(pg_current_snapshot())::text::bigint", output_field=BigIntegerField())
_NEXT = Func(template="pg_snapshot_xmax(pg_current_snapshot())::text::bigint", output_field=BigIntegerField())
_OWN = Func(template="pg_current_xact_id_if_assigned()::text::bigint", output_field=BigIntegerField())
# A restored database counts from lower numbers than its rows have: those come first.
_WRITTEN = Case(
    When(transaction=_OWN, then=F("transaction")), When(transaction__gte=_NEXT, then=Value(0)), default=F("transaction")
)

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
    """What was noted after the change of that key, in an order in which nothing is put before it later; of all kinds
    where `matters` is false.

    A key is drawn when a change is written and seen when its transaction ends, which for an import is long after. So
    they come by their transactions, and only once none is at work that began before.
    """
    every = Change.objects.annotate(written=_WRITTEN)
    rows = every.filter(Q(written__lt=_OLDEST_AT_WORK) | Q(transaction=_OWN)).order_by("written", "pk")
    known = every.filter(pk__lte=key).order_by("-pk").values_list("written", "pk").first()
    if known is not None:
        rows = rows.filter(Q(written__gt=known[0]) | Q(written=known[0], pk__gt=known[1]))
    rows = rows.select_related("model", "version")
    return rows.filter(matters=True) if matters else rows


def is_dearer(before: Decimal | None, after: Decimal | None) -> bool:
    """Whether a price went up by more than `PRICE_PERCENT`; from nothing to something always."""
    if before is None or after is None:
        return False
    return after > before * (1 + PRICE_PERCENT / 100)
