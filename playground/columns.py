"""What a column is: a route with its system prompt and parameters, under a key that stays its own in the session.

Columns come from a page's form, from the API and from a kept session, and are checked here for all three.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import QueryDict

from playground.parameters import BY_NAME, PARAMETERS, PURPOSE, Parameter, UnacceptableParameter
from refusals.errors import Invalid

MAX_COLUMNS = 4
MAX_SYSTEM_LENGTH = 50_000
MAX_KEY = 30_000


class UnacceptableColumns(Invalid):
    code = "columns_not_acceptable"


@dataclass(frozen=True)
class Column:
    """One column. `typed` holds what was entered where it is not acceptable, `errors` why, both by parameter name."""

    key: int
    route: str = ""
    system: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    typed: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def kept(self) -> dict[str, Any]:
        """The column as a session keeps it."""
        return {"key": self.key, "route": self.route, "system": self.system, "parameters": self.parameters}

    def fields(self) -> list[tuple[Parameter, str, str]]:
        """Every parameter with what stands in its field and what is wrong with it."""
        return [
            (p, self.typed.get(p.name, p.shown(self.parameters.get(p.name))), self.errors.get(p.name, ""))
            for p in PARAMETERS
        ]

    @property
    def purpose(self) -> str:
        """What its calls are said to be for; empty where that is not said."""
        return str(self.parameters.get(PURPOSE, ""))

    @property
    def changes(self) -> int:
        """How many settings differ from the model's own."""
        return len(self.parameters) + bool(self.system)


def clean(text: str) -> str:
    """`text` without null bytes (PostgreSQL cannot keep them) and with plain line ends."""
    return text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")


def from_kept(rows: Iterable[Mapping[str, Any]]) -> list[Column]:
    """The columns of a session."""
    return [
        Column(int(row["key"]), str(row["route"]), str(row.get("system", "")), dict(row.get("parameters") or {}))
        for row in rows
    ]


def from_form(form: QueryDict) -> list[Column]:
    """The columns of the page's form, each with its errors rather than an exception; at most `MAX_COLUMNS`."""
    columns: list[Column] = []
    for text in form.getlist("column"):
        if not text.isdecimal() or not 0 < int(text) <= MAX_KEY or any(c.key == int(text) for c in columns):
            continue
        columns.append(_read(int(text), lambda name, key=text: form.get(f"c{key}-{name}", "")))
    return columns[:MAX_COLUMNS]


def _read(key: int, value_of: Any) -> Column:
    parameters: dict[str, Any] = {}
    typed: dict[str, str] = {}
    errors: dict[str, str] = {}
    for parameter in PARAMETERS:
        entered = clean(value_of(parameter.name))
        if not entered.strip():
            continue
        try:
            parameters[parameter.name] = parameter.read(entered)
        except UnacceptableParameter as refusal:
            typed[parameter.name], errors[parameter.name] = entered[:200], refusal.sentence
    system = clean(value_of("system")).strip()
    if len(system) > MAX_SYSTEM_LENGTH:
        errors["system"] = too_long("The system prompt", len(system), MAX_SYSTEM_LENGTH)
    return Column(key, clean(value_of("route")).strip()[:120], system, parameters, typed, errors)


def from_api(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Columns as the API takes them. Raises `UnacceptableColumns` or `UnacceptableParameter`."""
    if not 1 <= len(rows) <= MAX_COLUMNS:
        raise UnacceptableColumns(f"A session has one to {MAX_COLUMNS} columns.", field="columns")
    columns = []
    for key, row in enumerate(rows, start=1):
        unknown = set(row.get("parameters") or {}) - set(BY_NAME)
        if unknown:
            raise UnacceptableParameter(
                f"There is no parameter “{sorted(unknown)[0]}”. Known are {', '.join(BY_NAME)}.", field="columns"
            )
        parameters = {
            name: BY_NAME[name].read(value)
            for name, value in (row.get("parameters") or {}).items()
            if value not in (None, "", [])
        }
        system = clean(str(row.get("system") or "")).strip()
        if len(system) > MAX_SYSTEM_LENGTH:
            raise UnacceptableColumns(too_long("The system prompt", len(system), MAX_SYSTEM_LENGTH), field="columns")
        columns.append(Column(key, clean(str(row["route"])).strip(), system, parameters))
    return columns


def too_long(what: str, length: int, limit: int) -> str:
    return f"{what} has {length:,} characters; the playground takes {limit:,}. Shorten it, or call /v1 with a key."


def next_key(columns: Sequence[Column], *, used: Iterable[int] = ()) -> int:
    """A key that no column of the session has or had."""
    return max([column.key for column in columns] + list(used), default=0) + 1


def added(columns: Sequence[Column], *, key: int, copy_of: int | None = None) -> list[Column]:
    """The columns with one more: a copy right after the column `copy_of`, else an empty one at the end."""
    if len(columns) >= MAX_COLUMNS:
        raise UnacceptableColumns(f"Four columns fit side by side; remove one first (at most {MAX_COLUMNS}).")
    if copy_of is None:
        return [*columns, Column(key)]
    result: list[Column] = []
    for column in columns:
        result.append(column)
        if column.key == copy_of:
            result.append(replace(column, key=key))
    return result


def removed(columns: Sequence[Column], key: int) -> list[Column]:
    """The columns without one. Raises `UnacceptableColumns` for the last."""
    rest = [column for column in columns if column.key != key]
    if not rest:
        raise UnacceptableColumns("One column has to stay.")
    return rest
