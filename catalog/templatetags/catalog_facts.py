"""How the value of a fact is written: a fact may be a figure, a word, a list, or a small table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template

from catalog.vocabulary import CAPABILITIES

register = template.Library()


@dataclass(frozen=True)
class Shape:
    """A value with the way it wants to be written."""

    kind: str
    value: Any


@register.filter
def fact_shape(value: Any) -> Shape:
    """The shape of a fact's value."""
    if value is None:
        return Shape("text", "—")
    if isinstance(value, bool):
        return Shape("text", "yes" if value else "no")
    if isinstance(value, int | float):
        return Shape("number", value)
    if isinstance(value, list):
        return Shape("list", [CAPABILITIES[each].label if each in CAPABILITIES else each for each in value])
    if isinstance(value, dict):
        return Shape("table", [(name, written(inner)) for name, inner in sorted(value.items())])
    return Shape("text", value)


@register.filter
def written(value: Any) -> str:
    """A nested value on one line: `input 1.25, output 5`."""
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {written(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return "; ".join(written(inner) for inner in value)
    return str(value)
