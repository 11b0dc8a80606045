"""What somebody asked a list for, as it stands in the address: text, facets, order."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.http import QueryDict

# Facets in the order of the page; of those in `ALL_OF` a model must have every value chosen, of the others any.
FACETS: dict[str, str] = {
    "kind": "Kind",
    "capability": "Capability",
    "provider": "Provider",
    "developer": "Made by",
    "price": "Price per million",
    "context": "Context",
    "takes": "Takes in",
    "licence": "Licence",
    "status": "Status",
}
ALL_OF = {"capability", "takes"}

SORTS: dict[str, str] = {
    "relevance": "Relevance",
    "name": "Name",
    "price": "Price, lowest first",
    "-price": "Price, highest first",
    "-context": "Context, largest first",
    "newest": "Newest",
    "used": "Most used here",
}
MAX_TEXT = 300


@dataclass(frozen=True)
class Filters:
    """Chosen values by facet, and two switches: granted to me, served here."""

    chosen: dict[str, tuple[str, ...]] = field(default_factory=dict)
    granted: bool = False
    served: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.chosen or self.granted or self.served)


@dataclass(frozen=True)
class Asked:
    """A whole question to the list."""

    text: str = ""
    filters: Filters = field(default_factory=Filters)
    sort: str = ""
    page: int = 1


def read(query: QueryDict) -> Asked:
    """The question in an address; what makes no sense is passed over, so that old addresses keep working."""
    chosen = {
        facet: values
        for facet in FACETS
        if (values := tuple(dict.fromkeys(value for value in query.getlist(facet) if 0 < len(value) <= 120)))
    }
    text = " ".join(query.get("q", "").replace("\x00", " ").split())[:MAX_TEXT]
    sort = query.get("sort", "")
    page = query.get("page", "1")
    return Asked(
        text=text,
        filters=Filters(chosen, granted=query.get("granted") == "1", served=query.get("served") == "1"),
        sort=sort if sort in SORTS else "",
        page=int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
    )
