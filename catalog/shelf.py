"""The shelf: what lists need of every model, held in memory for one edition of the catalog.

Facets are counted on bit masks, one bit a model: a count is one `&` and one population count, so every facet can be
counted with all other filters applied, at any size the catalog will have, without asking the database. Each process
builds its own shelf when it meets a new edition (about 150 ms at 10,000 models).
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from django.utils import timezone

from catalog import edition, tokens
from catalog.lifecycle.states import ENDING
from catalog.models import Model, Provider, Route

PRICE_BANDS = {
    "free": "Free",
    "to-0.5": "up to $0.50",
    "to-3": "$0.50 to $3",
    "to-10": "$3 to $10",
    "over-10": "over $10",
    "unknown": "No token price",
}
CONTEXT_BANDS = {
    "to-32k": "under 32k",
    "to-128k": "32k to 128k",
    "to-400k": "128k to 400k",
    "over-400k": "400k and more",
    "unknown": "Not stated",
}
_FIELDS = (
    "pk", "slug", "name", "developer", "mode", "licence", "capabilities", "modalities_in", "provider_slugs",
    "input_price", "output_price", "context_tokens", "status", "is_pinned", "released_on", "listed_at", "recent_calls",
)  # fmt: skip


_NOT_LISTED = ("embedding", "search_vector", "search_text", "description")
_MODELS_HELD = 500  # some 2 MB

_KNOWN_FOR = 10  # models of a maker in the catalog, from which on people will have heard of it


@dataclass(frozen=True)
class Item:
    """A model as lists sort it."""

    pk: UUID
    slug: str
    name: str
    price: Decimal | None  # three tokens read for one written, per million
    context: int | None
    born: int  # day of release, else of listing
    calls: int
    is_pinned: bool
    is_current: bool
    developer: str
    name_tokens: frozenset[str]


@dataclass
class Shelf:
    """Every model of one edition. Position in `items` is the bit in every mask."""

    edition: int
    items: list[Item] = field(default_factory=list)
    masks: dict[str, dict[str, int]] = field(default_factory=dict)  # facet → value → models
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    _orders: dict[str, list[int]] = field(default_factory=dict)
    _read: dict[UUID, Model] = field(default_factory=dict)

    @cached_property
    def everything(self) -> int:
        return (1 << len(self.items)) - 1

    @cached_property
    def position(self) -> dict[UUID, int]:
        return {item.pk: number for number, item in enumerate(self.items)}

    @cached_property
    def name_words(self) -> dict[str, int]:
        """Every token of a name, with how many names have it."""
        counts: dict[str, int] = defaultdict(int)
        for item in self.items:
            for token in item.name_tokens:
                counts[token] += 1
        return dict(counts)

    def mask_of(self, keys: set[UUID]) -> int:
        """The mask of the models with these keys; unknown ones are passed over."""
        mask = 0
        for key in keys:
            if (number := self.position.get(key)) is not None:
                mask |= 1 << number
        return mask

    def members(self, mask: int) -> list[int]:
        """The positions in `mask`, ascending."""
        return self.among(range(len(self.items)), mask)

    def among(self, positions: Iterable[int], mask: int) -> list[int]:
        """Those of `positions` that are in `mask`, in their order."""
        if mask == self.everything:
            return list(positions)
        bits = f"{mask:b}"[::-1]
        size = len(bits)
        return [position for position in positions if position < size and bits[position] == "1"]

    def order(self, sort: str) -> list[int]:
        """Every position in the order that `sort` names; worked out once for the edition."""
        if sort not in self._orders:
            self._orders[sort] = sorted(range(len(self.items)), key=self._by(sort))
        return self._orders[sort]

    def models(self, positions: Iterable[int]) -> list[Model]:
        """The models at these positions, as a list shows them, in their order; what was read stays for the next."""
        keys = [self.items[position].pk for position in positions]
        if absent := [key for key in keys if key not in self._read]:
            present = listed(absent)
            read = self._read | present
            self._read = read if len(read) <= _MODELS_HELD else present
        else:
            read = self._read
        return [read[key] for key in keys if key in read]

    def _by(self, sort: str) -> Callable[[int], Any]:
        items = self.items
        match sort:
            case "price" | "-price":
                sign = -1 if sort == "-price" else 1
                return lambda p: (items[p].price is None, sign * (items[p].price or Decimal(0)), items[p].name)
            case "-context":
                return lambda p: (-(items[p].context or 0), items[p].name)
            case "newest":
                return lambda p: (-items[p].born, items[p].name)
            case "used":
                return lambda p: (-items[p].calls, items[p].name)
            case "name":
                return lambda p: items[p].name.lower()
            case "begin":
                served = self.masks.get("served", {}).get("yes", 0)
                return lambda p: (not served >> p & 1, -items[p].born, items[p].name)
            case _:
                return self._suggested()

    def _suggested(self) -> Callable[[int], Any]:
        """Served here first, then what is called most here, then the newest of the makers that people know; last what
        its maker has given up."""
        items, served = self.items, self.masks.get("served", {}).get("yes", 0)
        models_of = Counter(item.developer for item in items if item.developer)
        return lambda p: (
            not served >> p & 1,
            not items[p].is_pinned,
            not items[p].is_current,
            -items[p].calls,
            models_of[items[p].developer] < _KNOWN_FOR,
            -items[p].born,
            items[p].name.lower(),
        )


def listed(keys: Iterable[UUID]) -> dict[UUID, Model]:
    """The models with these keys, with what lists show of them."""
    return Model.objects.defer(*_NOT_LISTED).in_bulk(list(keys))


_building = threading.Lock()
_held: list[Shelf] = []


def present() -> Shelf:
    """The shelf of the present edition."""
    number = edition.number()
    if _held and _held[0].edition == number:
        return _held[0]
    with _building:
        if not (_held and _held[0].edition == number):
            _held[:] = [_build(number)]
        return _held[0]


def _build(number: int) -> Shelf:
    rows = [
        dict(zip(_FIELDS, row, strict=True)) for row in Model.objects.order_by("name", "slug").values_list(*_FIELDS)
    ]
    served = set(Route.objects.filter(is_enabled=True).values_list("model_id", flat=True))
    size = (len(rows) + 7) // 8
    bits: dict[str, dict[str, bytearray]] = defaultdict(lambda: defaultdict(lambda: bytearray(size)))
    shelf = Shelf(edition=number)
    for position, row in enumerate(rows):
        shelf.items.append(_item(row))
        for facet, value in _values(row, served):
            bits[facet][value][position >> 3] |= 1 << (position & 7)
    shelf.masks = {
        facet: {value: int.from_bytes(mask, "little") for value, mask in values.items()}
        for facet, values in bits.items()
    }
    shelf.labels["provider"] = dict(Provider.objects.values_list("slug", "name"))
    return shelf


def _item(row: dict[str, Any]) -> Item:
    born = row["released_on"] or row["listed_at"].date()
    return Item(
        pk=row["pk"],
        slug=row["slug"],
        name=row["name"],
        price=blended(row["input_price"], row["output_price"]),
        context=row["context_tokens"],
        born=born.toordinal() if row["released_on"] else min(born, timezone.now().date()).toordinal() - 3650,
        calls=row["recent_calls"],
        is_pinned=row["is_pinned"],
        is_current=row["status"] not in ENDING,
        developer=row["developer"],
        name_tokens=frozenset(tokens.of_name(f"{row['name']} {row['slug']}")),
    )


def _values(row: dict[str, Any], served: set[UUID]) -> list[tuple[str, str]]:
    return [
        *(("provider", slug) for slug in row["provider_slugs"]),
        *(("capability", key) for key in row["capabilities"]),
        *(("takes", key) for key in row["modalities_in"]),
        ("kind", row["mode"]),
        ("licence", row["licence"] or "unknown"),
        ("developer", row["developer"] or "unknown"),
        ("status", row["status"]),
        ("price", price_band(blended(row["input_price"], row["output_price"]))),
        ("context", context_band(row["context_tokens"])),
        *([("served", "yes")] if row["pk"] in served else []),
    ]


def blended(input_price: Decimal | None, output_price: Decimal | None) -> Decimal | None:
    """One figure to compare prices by: three tokens read for one written, per million."""
    if input_price is None or output_price is None:
        return None
    return (3 * input_price + output_price) / 4


def price_band(price: Decimal | None) -> str:
    """The band of a blended price."""
    if price is None:
        return "unknown"
    if price == 0:
        return "free"
    limits = ((Decimal("0.5"), "to-0.5"), (Decimal(3), "to-3"), (Decimal(10), "to-10"))
    return next((band for limit, band in limits if price <= limit), "over-10")


def context_band(context: int | None) -> str:
    """The band of a context window in tokens."""
    if context is None:
        return "unknown"
    limits = ((32_000, "to-32k"), (128_000, "to-128k"), (400_000, "to-400k"))
    return next((band for limit, band in limits if context < limit), "over-400k")
