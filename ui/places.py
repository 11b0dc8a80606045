"""What rooms contribute to the shell: hits of the palette and cards of the home page.

Rooms register in their `apps.py`; `portal` composes. A contribution is asked for one person and must scope what it
answers to that person itself.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Hit:
    """One line of the palette: what it is called, where it leads, its icon, a quiet hint."""

    name: str
    href: str
    icon: str = "arrow-right"
    hint: str = ""


HitProvider = Callable[[HttpRequest, str], Iterable[Hit]]


Part = Literal["waiting", "work", "new", "figures"]


@dataclass(frozen=True, slots=True)
class Card:
    """A card of the home page.

    `context` answers the template's variables for a request, or None to leave the card out (nothing to say). `order`
    follows PAGES: 10 waiting for me, 20 recent work, 30 new for me, 40 spend, 50 board, 60 platform. What waits for
    an answer comes with the page, the other `part`s are asked for beside it.
    """

    key: str
    order: int
    template: str
    context: Callable[[HttpRequest], dict[str, Any] | None]
    wide: bool = False
    part: Part = "waiting"


_providers: dict[str, tuple[int, HitProvider]] = {}
_cards: dict[str, Card] = {}


def register_hits(group: str, provider: HitProvider, *, order: int = 50) -> None:
    """Let `provider` answer for the palette under the heading `group`; registering a group again replaces it."""
    _providers[group] = (order, provider)


def register_card(card: Card) -> None:
    """Put a card on the home page; registering a key again replaces it."""
    _cards[card.key] = card


def hit_providers() -> list[tuple[str, HitProvider]]:
    """Headings and their providers in order."""
    ordered = sorted(_providers.items(), key=lambda item: item[1][0])
    return [(group, provider) for group, (_, provider) in ordered]


def cards(part: str) -> list[Card]:
    """The cards of one part of the page, in order."""
    return sorted((card for card in _cards.values() if card.part == part), key=lambda card: card.order)
