"""End the account of a gateway process that is gone: the calls that it had opened in the database are kept as the
interrupted ones which their openings describe, and its slices of budgets are free again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction

from usage.limits.leasing import end_leases
from usage.openings import Holder, Opening

Row = dict[str, Any]


@transaction.atomic
def take_over(name: str, keep: Callable[[list[Row]], None]) -> int:
    """`keep` the openings of `name`, whose journal has been read or will never be; how many there were.

    Whoever comes second finds nothing.
    """
    rows: list[Row] = []
    if Holder.objects.select_for_update().filter(pk=name).exists():
        rows = list(
            Opening.objects.select_for_update().filter(holder=name).order_by("pk").values_list("row", flat=True)
        )
        if rows:
            keep(rows)
        Opening.objects.filter(holder=name).delete()
        Holder.objects.filter(pk=name).delete()
    end_leases(name)
    return len(rows)


@transaction.atomic
def take_over_silent(name: str, beats: int, keep: Callable[[list[Row]], None]) -> int:
    """The same for a process that has said nothing since it had said `beats` times that it lives; else nothing is done.

    Somebody else who does it at this moment is not waited for.
    """
    silent = Holder.objects.select_for_update(skip_locked=True).filter(pk=name, beats=beats).first()
    return 0 if silent is None else take_over(name, keep)
