"""Paging by cursor: stable while rows arrive, at any depth."""

from rest_framework.pagination import CursorPagination


class CursorPaging(CursorPagination):
    """`?cursor=…&limit=…`; newest first unless the view says otherwise by `ordering`."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 500
    ordering = "-pk"
