"""Paging by cursor: stable while rows arrive, at any depth. A cursor that is not ours is refused, never a fault.

It stands on this floor because the view sets of every room above page by it.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class CursorNotOurs(NotFound):
    """A cursor that no page of this list has given."""

    default_code = "invalid_cursor"
    default_detail = "This is an invalid cursor: no page of this list has given it. Begin again without it."


class CursorPaging(CursorPagination):
    """`?cursor=…&limit=…`; newest first unless a list says otherwise by `ordering`."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 500
    ordering: Any = "-pk"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """The rows of the page. Raises `CursorNotOurs`.

        A position is a value of the column the list is ordered by, as the caller wrote it: whether it can be one is
        seen where Django or the database reads it.
        """
        if not request.query_params.get(self.cursor_query_param):
            return self.page_of(queryset, request, view)
        try:
            return self.page_of(queryset, request, view)
        except (NotFound, ValidationError, ValueError, TypeError, OverflowError, DataError) as error:
            raise CursorNotOurs from error

    def page_of(self, queryset: Any, request: Request, view: Any) -> list[Any] | None:
        """The rows of the page, for a cursor that may be anything."""
        return super().paginate_queryset(queryset, request, view)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """How the document tells a page; of OpenAPI 3.1, where what may be null is of two types."""
        told = super().get_paginated_response_schema(schema)
        link = {"type": ["string", "null"], "format": "uri"}
        told["required"] = ["next", "previous", "results"]
        told["properties"] |= {"next": link, "previous": link}
        return told
