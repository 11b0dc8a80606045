"""What a chat template may do with values: which methods and filters, and how large what it makes of them may be."""

from __future__ import annotations

import json
import operator as op
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import BuiltinMethodType
from typing import Any

from jinja2 import Undefined
from jinja2.utils import Namespace

MOST_CHARACTERS = 4_000_000  # of a prompt, and of anything on the way to it
MOST_VALUES = 100_000  # within one value
LARGEST_NUMBER = 2**53
DEEPEST = 100

# What a template may call of texts, objects and lists. Nothing of it changes anything, or makes much of little.
METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset((
        "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "partition", "rpartition", "startswith",
        "endswith", "upper", "lower", "title", "capitalize", "replace", "join", "find", "rfind", "index", "count",
        "removeprefix", "removesuffix", "isdigit", "isalpha", "isspace", "isalnum", "isupper", "islower",
    )),
    dict: frozenset(("items", "keys", "values", "get")),
    list: frozenset(("index", "count")),
    tuple: frozenset(("index", "count")),
}  # fmt: skip
# Jinja's filters that make nothing larger than what they are given.
FILTERS_OF_JINJA = (
    "trim", "length", "count", "list", "default", "d", "first", "last", "upper", "lower", "capitalize", "title", "int",
    "float", "abs", "map", "select", "selectattr", "reject", "rejectattr", "items", "dictsort", "reverse", "sort",
    "unique", "min", "max", "round", "attr",
)  # fmt: skip


class Misused(Exception):
    """A template does what it may not; the sentence says what."""


class Beyond(Exception):
    """A template goes beyond a bound; the words go on from “The chat template”."""


class Held(Namespace):
    """`namespace(…)`. What it holds is weighed, and it is in nothing itself: it could be put into itself."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        for each in kwargs.values():
            weigh(each)
        Namespace.__init__(*args, **kwargs)

    def __setitem__(self, name: str, value: Any) -> None:
        weigh(value)
        super().__setitem__(name, value)


def weigh(value: Any) -> int:
    """How many values are within `value`, itself among them, each as often as it is found. Raises `Beyond`."""
    if value is None or isinstance(value, str | int | float | Undefined):
        _check(value)
        return 1
    characters, count, waiting = 0, 0, [(value, 0)]
    while waiting:
        each, depth = waiting.pop()
        count += 1
        if isinstance(each, str):
            characters += len(each)
        elif isinstance(each, dict):
            waiting += ((inner, depth + 1) for pair in each.items() for inner in pair)
        elif isinstance(each, list | tuple):
            waiting += ((inner, depth + 1) for inner in each)
        elif isinstance(each, Namespace) and depth:
            raise Misused("a namespace cannot stand in another value")
        if characters > MOST_CHARACTERS:
            raise Beyond(f"makes a value of more than {MOST_CHARACTERS:,} characters")
        if count + len(waiting) > MOST_VALUES or depth > DEEPEST:
            raise Beyond(f"makes a value of more than {MOST_VALUES:,} values, or one nested deeper than {DEEPEST}")
    return count


def _check(value: Any) -> None:
    if isinstance(value, str) and len(value) > MOST_CHARACTERS:
        raise Beyond(f"makes a text of more than {MOST_CHARACTERS:,} characters")
    if isinstance(value, int | float) and not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
        raise Beyond("makes a number that is too large")


def as_text(value: Any) -> str:
    """A value as it is written. Raises `Misused` for what is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, Undefined):
        return str(value)
    if not isinstance(value, int | float | list | tuple | dict | None):
        raise Misused(f"a {type(value).__name__} cannot be written")
    weigh(value)
    return str(value)


def together(pieces: Sequence[str]) -> str:
    """All of them, one behind another. Raises `Beyond`."""
    if sum(map(len, pieces)) > MOST_CHARACTERS:
        raise Beyond(f"makes a text of more than {MOST_CHARACTERS:,} characters")
    return "".join(pieces)


_NUMBERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": op.add, "-": op.sub, "*": op.mul, "/": op.truediv, "//": op.floordiv, "%": op.mod,
}  # fmt: skip


def reckoned(operator: str, left: Any, right: Any) -> Any:
    """What an operator makes of two values: numbers with numbers; texts and lists are added to their like."""
    if isinstance(left, int | float) and isinstance(right, int | float) and operator in _NUMBERS:
        made = _NUMBERS[operator](left, right)
        _check(made)
        return made
    if operator == "+" and isinstance(left, str) and isinstance(right, str):
        return together([left, right])
    if operator == "+" and type(left) is type(right) and isinstance(left, list | tuple):
        made = left + right
        weigh(made)
        return made
    raise Misused(f"“{operator}” is not for a {_named(left)} and a {_named(right)}")


def _named(value: Any) -> str:
    return "value that is not there" if isinstance(value, Undefined) else type(value).__name__


def bounded(called: Any, given: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    """What is called in the place of a method. Raises `Misused` for one that a template may not call, `Beyond` where it
    would make too much."""
    if isinstance(called, Undefined):
        raise Misused(f"what is not there is called ({called._undefined_name})")
    owner = called.__self__ if isinstance(called, BuiltinMethodType) else None
    allowed = next((names for kind, names in METHODS.items() if isinstance(owner, kind)), frozenset())
    name = getattr(called, "__name__", type(called).__name__)
    if name not in allowed:
        raise Misused(f"“{name}” cannot be called")
    if name == "replace":
        _check_replacing(owner, *given, **named)
    elif name == "join":
        return partial(_joined_by, str(owner))  # which bounds it as it goes: what it is given may be gone through once
    return called


def _joined_by(between: str, found: Iterable[Any]) -> str:
    return _join(found, between)


def _check_replacing(text: Any, old: Any = "", new: Any = "", count: Any = None, **_: Any) -> None:
    if isinstance(text, str) and isinstance(old, str) and isinstance(new, str):
        found = text.count(old) if old else len(text) + 1
        if len(text) + found * len(new) > MOST_CHARACTERS:
            raise Beyond(f"makes a text of more than {MOST_CHARACTERS:,} characters")


def _replace(text: Any, old: str, new: str, count: int | None = None) -> str:
    said = as_text(text)
    _check_replacing(said, old, new)
    return said.replace(old, new, -1 if count is None else count)


def _join(found: Iterable[Any], between: str = "", attribute: str | int | None = None) -> str:
    pieces: list[str] = []
    left = MOST_CHARACTERS
    for place, each in enumerate(found):
        said = each if attribute is None else each[attribute]
        text = (as_text(between) if place else "") + as_text(said)
        left -= len(text)
        if left < 0:
            raise Beyond(f"makes a text of more than {MOST_CHARACTERS:,} characters")
        pieces.append(text)
    return "".join(pieces)


def _indent(text: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    before = width if isinstance(width, str) else " " * _small(width)
    lines = as_text(text).splitlines()
    if len(lines) * len(before) > MOST_CHARACTERS:
        raise Beyond(f"makes a text of more than {MOST_CHARACTERS:,} characters")
    return "\n".join(
        before + line if (line or blank) and (place or first) else line for place, line in enumerate(lines)
    )


def _tojson(
    value: Any, indent: int | None = None, ensure_ascii: bool = False, separators: Any = None, sort_keys: bool = False,
) -> str:  # fmt: skip
    """As Hugging Face has it: signs of HTML stay as they are."""
    weigh(value)
    spaces = None if indent is None else _small(indent)
    pair = tuple(separators) if isinstance(separators, list | tuple) else None
    if pair is not None and (len(pair) != 2 or any(len(as_text(each)) > 8 for each in pair)):
        raise Misused("“separators” are two short texts")
    return json.dumps(value, indent=spaces, ensure_ascii=ensure_ascii, separators=pair, sort_keys=sort_keys)


def _small(width: Any) -> int:
    if not isinstance(width, int) or not 0 <= width <= 16:
        raise Misused("a text is indented by 0 to 16 signs")
    return width


FILTERS: Mapping[str, Callable[..., Any]] = {
    "string": as_text, "replace": _replace, "join": _join, "indent": _indent, "tojson": _tojson, "safe": as_text,
}  # fmt: skip
