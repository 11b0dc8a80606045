"""Change one field or one part of a card and leave every other byte of it as it stands."""

from __future__ import annotations

from typing import Any

import yaml

from catalog.cards.metadata import listed
from catalog.cards.parts import BY_KEY
from catalog.cards.reading import FENCE, Card, read
from refusals.yaml_trees import tree_of


def with_field(card: Card, name: str, value: Any) -> Card:
    """The card with one value of its metadata; None or nothing takes it out. The same value changes no byte."""
    wanted = value or None
    held = card.metadata.get(name)
    if held == wanted or (isinstance(wanted, list) and listed(held) == wanted):
        return card
    said = "" if wanted is None else yaml.safe_dump({name: wanted}, allow_unicode=True, width=10_000).rstrip("\n")
    lines = card.front.split("\n") if card.front else []
    if card.metadata and tree_of(card.front).flow_style:  # all on one line: written anew
        whole = {key: each for key, each in {**card.metadata, name: wanted}.items() if each is not None}
        dumped = yaml.safe_dump(whole, allow_unicode=True, width=10_000, sort_keys=False).rstrip("\n")
        return _joined(dumped.split("\n"), card.body)
    span = _span_of(card, name)
    if span is None:
        lines = [*lines, said] if said else lines
    else:
        lines[span[0] : span[1]] = [said] if said else []
    return _joined(lines, card.body if card.front or card.text.startswith(FENCE) else f"\n{card.body}")


def with_part(card: Card, key: str, text: str) -> Card:
    """The card with `text` (Markdown) as one of its parts; a part that it lacks is added at its end."""
    wanted = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").rstrip()
    if wanted == card.part(key).rstrip():
        return card
    section, lines = card.section_of(key), list(card.lines)
    if section is None:
        lines = [*"\n".join(lines).rstrip("\n").split("\n"), "", f"## {BY_KEY[key].headings[0]}", "", wanted, ""]
    elif wanted:
        lines[section.begins : section.ends] = ["", wanted, ""]
    else:
        lines[section.heading_line : section.ends] = []
    return _joined(card.front.split("\n") if card.front else [], "\n".join(lines))


def _joined(front: list[str], body: str) -> Card:
    head = "\n".join([FENCE, *front, FENCE, ""]) if front else ""
    return read(head + (body if front else body.lstrip("\n")) or "\n")


def _span_of(card: Card, name: str) -> tuple[int, int] | None:
    """The lines of the front matter that hold a value, without comments and empty lines after it."""
    if name not in card.metadata:
        return None
    front, lines = card.front, card.front.split("\n")
    for key, value in tree_of(front).value:
        if key.value == name:
            # YAML ends lines at other characters too (U+0085, U+2028, U+2029), so its places are taken, not its lines.
            begin, last = front.count("\n", 0, key.start_mark.index), value.end_mark.index
            end = front.count("\n", 0, last) + (0 if front[last - 1 : last] == "\n" else 1)
            end = min(max(end, begin + 1), len(lines))
            while end > begin + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip()[0] == "#"):
                end -= 1
            return begin, end
    return None
