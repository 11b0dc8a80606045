"""Addresses of the API's view sets, and what every view set of a room is given: `Once` and `AsPublished`.

A view set says by `lookup_value_converter` what a key in its addresses may be (Django's path converters). What cannot
be one is not an address, so no view sees it.
"""

from __future__ import annotations

from typing import Any

from rest_framework.routers import DefaultRouter, Route

from portal.api.once import Once
from portal.api.published import AsPublished


class Router(DefaultRouter):
    """The router of the API: what a room registers honours `Idempotency-Key` and takes only what is published."""

    include_format_suffixes = False

    def __init__(self) -> None:
        super().__init__(trailing_slash=True, use_regex_path=False)
        # What is one for every caller has no key in its address and is changed there.
        self.routes = [
            each._replace(mapping={**each.mapping, "patch": "change_all"})
            if isinstance(each, Route) and not each.detail
            else each
            for each in self.routes
        ]

    def register(self, prefix: str, viewset: type[Any], basename: str | None = None) -> None:
        facts = {"__doc__": viewset.__doc__, "__module__": viewset.__module__}
        super().register(prefix, type(viewset.__name__, (AsPublished, Once, viewset), facts), basename)
