"""Lists of the API in the orders of the pages (`?sort=name`, `?sort=-name`), still by cursor.

A place in such a list is a value and a key, so that rows of equal value, and those without one, are neither lost nor
doubled between two pages. As on the pages (`ui.sorting`), rows without a value come last either way.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Model, Q, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from tenants.api.paging import CursorNotOurs, CursorPaging
from tenants.api.reading import one_of


@dataclass(frozen=True)
class Place:
    """Where a page begins: after the row with this value and key, or before it (`is_back`)."""

    value: Any
    key: str
    is_back: bool

    def written(self) -> str:
        text = json.dumps([self.value, self.key, self.is_back], default=str)
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def sort_parameter(sorts: Mapping[str, str]) -> OpenApiParameter:
    """How the document tells about the orders of a list."""
    return OpenApiParameter("sort", str, enum=_both_ways(sorts), description="By a column; with a minus turned round.")


class SortedPaging(CursorPaging):
    """Newest first, or in an order of `sorts` of the view: names in addresses and their columns."""

    _links: tuple[str | None, str | None] | None = None

    def page_of(self, queryset: Any, request: Request, view: Any) -> list[Any] | None:
        sort = one_of(request, "sort", _both_ways(view.sorts))
        if not sort:
            return super().page_of(queryset, request, view)
        limit = self.get_page_size(request) or self.page_size
        rows = queryset.annotate(sorted_by=F(view.sorts[sort.removeprefix("-")]))
        place = _read(request.query_params.get(self.cursor_query_param, ""))
        is_back = place is not None and place.is_back
        downwards = sort.startswith("-") != is_back
        found = list(_ordered(rows, place, downwards=downwards, is_back=is_back)[: limit + 1])
        is_more, shown = len(found) > limit, found[:limit]
        if is_back:
            shown.reverse()
        self._links = (
            self._link(request, shown[0], is_back=True) if shown and (is_more if is_back else place) else None,
            self._link(request, shown[-1], is_back=False) if shown and (is_back or is_more) else None,
        )
        return shown

    def get_paginated_response(self, data: Any) -> Response:
        if self._links is None:
            return super().get_paginated_response(data)
        previous, following = self._links
        return Response({"next": following, "previous": previous, "results": data})

    def _link(self, request: Request, row: Model, *, is_back: bool) -> str:
        place = Place(vars(row)["sorted_by"], str(row.pk), is_back)
        return replace_query_param(request.build_absolute_uri(), self.cursor_query_param, place.written())


def _ordered(rows: QuerySet[Any], place: Place | None, *, downwards: bool, is_back: bool) -> QuerySet[Any]:
    """From `place` on; walked back, rows without a value come first."""
    if place is not None:
        side = "lt" if downwards else "gt"
        beside = Q(**{f"pk__{side}": place.key})
        if place.value is None:
            rest = Q(sorted_by__isnull=True) & beside
            beyond = rest | Q(sorted_by__isnull=False) if is_back else rest
        else:
            beyond = Q(**{f"sorted_by__{side}": place.value}) | (Q(sorted_by=place.value) & beside)
            if not is_back:
                beyond |= Q(sorted_by__isnull=True)
        rows = rows.filter(beyond)
    empty: dict[str, bool] = {"nulls_first" if is_back else "nulls_last": True}
    column = F("sorted_by").desc(**empty) if downwards else F("sorted_by").asc(**empty)
    return rows.order_by(column, "-pk" if downwards else "pk")


def _read(text: str) -> Place | None:
    if not text:
        return None
    try:
        value, key, is_back = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError, RecursionError) as error:
        raise CursorNotOurs from error
    if not isinstance(value, str | int | float | None) or not isinstance(key, str):
        raise CursorNotOurs
    return Place(value, key, bool(is_back))


def _both_ways(sorts: Mapping[str, str]) -> list[str]:
    return [*sorts, *(f"-{name}" for name in sorts)]
