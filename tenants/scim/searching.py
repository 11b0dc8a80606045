"""One page of what a search finds (RFC 7644 §3.4.2): filtered, sorted, counted and cut by the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import CharField, F, QuerySet, Value
from django.db.models.functions import Cast, Collate
from scim2_models import ResourceType, SearchRequest

from tenants.scim import paths
from tenants.scim.columns import COLUMNS
from tenants.scim.filters import condition
from tenants.scim.schema import provider


class Search:
    """A validated search over the rows of some resource types, which `of` gives by their name."""

    def __init__(
        self,
        kinds: list[ResourceType],
        asked: SearchRequest[Any],
        of: dict[str, Callable[[], QuerySet[Any]]],
    ) -> None:
        self.kinds, self.asked, self.of = kinds, asked, of

    def page(self) -> tuple[int, list[tuple[str, UUID]]]:
        """How many there are, and the kind and key of each on the page, in order."""
        rows = [self._rows(kind) for kind in self.kinds]
        total = sum(each.count() for each in rows)
        count = self.asked.count
        start = max((self.asked.start_index or 1) - 1, 0)
        if not rows or count == 0 or start >= total:
            return total, []
        found = rows[0].union(*rows[1:], all=True) if len(rows) > 1 else rows[0]
        is_down = self.asked.sort_order == SearchRequest.SortOrder.descending
        order: list[Any] = ["kind", "pk"]
        if self.asked.sort_by is not None:
            by, last = F("sorted_by"), F("pk")
            order = [by.desc(nulls_first=True), last.desc()] if is_down else [by.asc(nulls_last=True), last.asc()]
        stop = None if count is None else start + count
        return total, [(name, key) for name, key, *_ in found.order_by(*order)[start:stop]]

    def _rows(self, kind: ResourceType) -> QuerySet[Any, Any]:
        name = str(kind.name)
        model: Any = provider().model_for(kind)
        rows = self.of[name]()
        if self.asked.filter is not None:
            rows = rows.filter(condition(model, name, self.asked.filter))
        rows = rows.select_related(None).order_by().annotate(kind=Value({"User": "1 User", "Group": "2 Group"}[name]))
        return rows.annotate(sorted_by=self._by(model, name)).values_list("kind", "pk", "sorted_by")

    def _by(self, model: Any, name: str) -> Any:
        """What rows of this kind are sorted by, as text; null without it, and where they have no such attribute."""
        nothing = Value(None, output_field=CharField())
        if self.asked.sort_by is None:
            return nothing
        binding = self.asked.sort_binding(model)
        if binding is None:
            return nothing
        schema = getattr(binding.model, "__schema__", None)
        column = COLUMNS[name].get(binding.urn.removeprefix(f"{schema}:"))
        if column is not None:
            return Collate(Cast(column.expression, CharField()), "C")
        if name != "User" or binding.field_name == "groups":
            return nothing
        return Collate(paths.first(binding), "C")
