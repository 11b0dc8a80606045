"""The order of a list as its address asks for it: `?sort=name` ascending, `?sort=-name` descending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import F, Model, QuerySet
from django.db.models.expressions import OrderBy


def ordered[M: Model](
    rows: QuerySet[M], wanted: str, columns: Mapping[str, str], default: str, *, then: Sequence[str] = ("pk",)
) -> tuple[QuerySet[M], str]:
    """`rows` in the order `wanted`, and the order that holds: `default` where `columns` does not know `wanted`.

    `columns` names the column of each key. Rows without a value come last either way, equal ones in the order `then`,
    which ends in a unique column so that no row is on two pages.
    """
    sort = wanted if wanted.removeprefix("-") in columns else default
    order = _order(rows, columns[sort.removeprefix("-")], is_descending=sort.startswith("-"))
    return rows.order_by(*order, *then), sort


def _order[M: Model](rows: QuerySet[M], column: str, *, is_descending: bool) -> list[str | OrderBy]:
    # Only where nulls can be: the clause keeps PostgreSQL from walking an index backwards.
    if not _may_be_null(rows, column):
        return [f"-{column}" if is_descending else column]
    return [F(column).desc(nulls_last=True) if is_descending else F(column).asc(nulls_last=True)]


def _may_be_null[M: Model](rows: QuerySet[M], column: str) -> bool:
    model: Any = rows.model
    for part in column.split("__"):
        try:
            field = model._meta.get_field(part)
        except FieldDoesNotExist:  # worked out: no index to walk either
            return True
        if getattr(field, "null", False):
            return True
        model = field.related_model
    return False
