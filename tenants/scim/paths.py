"""What a directory says of a person is tested where it lies: SQL/JSON paths (SQL:2016) on `DirectoryPerson`'s JSON.

A path is composed of names that the schemas declare, and of literals in JSON's own quotes; values are its variables.
"""

from __future__ import annotations

import json
import re
from typing import Any

from django.db.models import BooleanField, CharField, F, Func, JSONField, Q, Value
from django.db.models.functions import Coalesce
from scim2_models import Extension
from scim2_models.path import AttributeBinding, CompareOperator

from tenants.directory.attributes import folded as folded

# What the operator `pr` finds: a text that is not empty, a number, a truth value; not an object without any of these.
SOMETHING = (
    '((@.type() == "string" && @ != "") || @.type() == "boolean" || @.type() == "number" '
    '|| (@.type() == "object" && exists(@.** ? ((@.type() == "string" && @ != "") || @.type() == "boolean"))))'
)
SIGNS = {
    CompareOperator.eq: "==", CompareOperator.gt: ">", CompareOperator.ge: ">=", CompareOperator.lt: "<",
    CompareOperator.le: "<=",
}  # fmt: skip


QUERY = "jsonb_path_query_first(%(expressions)s::jsonpath) #>> '{}'"


def quoted(text: str) -> str:
    """A name or a text as a literal of a path."""
    return json.dumps(text, ensure_ascii=False)


def path_of(binding: AttributeBinding) -> str:
    """Where the attribute lies."""
    schema = getattr(binding.model, "__schema__", None)
    name = binding.urn.removeprefix(f"{schema}:") if schema else binding.urn
    parts = name.split(".", 1)
    if isinstance(binding.model, type) and issubclass(binding.model, Extension):
        parts.insert(0, str(schema))
    return "$" + "".join(f".{quoted(part)}" for part in parts)


def test(place: str, op: CompareOperator, name: str, value: Any) -> str:
    """The predicate that compares `place` with the variable `name`, whose value is known here for patterns."""
    if op in SIGNS:
        return f"{place} {SIGNS[op]} ${name}"
    if not isinstance(value, str):
        return "1 == 0"
    if op == CompareOperator.sw:
        return f"{place} starts with ${name}"
    if op == CompareOperator.co:
        return f'{place} like_regex {quoted(value)} flag "q"' if value else f'{place}.type() == "string"'
    return f"{place} like_regex {quoted(re.escape(value) + '$')}"


def matches(binding: AttributeBinding, path: str, values: dict[str, Any]) -> Q:
    """Whether `path` finds something in what is said of a person."""
    lies = "attributes" if binding.case_exact else "folded"
    found = Func(
        F(lies), Value(path), Value(values, output_field=JSONField()), Value(True),
        template="jsonb_path_exists(%(expressions)s)", output_field=BooleanField(), arg_joiner=", ",
    )  # fmt: skip
    found.source_expressions[1] = Func(Value(path), template="%(expressions)s::jsonpath", output_field=JSONField())
    return Q(Coalesce(found, Value(False)))


def first(binding: AttributeBinding) -> Any:
    """The text by which rows are sorted: of several values the primary one, else the first (RFC 7644 §3.4.2.3)."""
    place = path_of(binding)
    head, _, last = place.rpartition(".")
    tries = [f"{head}[*] ? (@.primary == true).{last}", place] if binding.is_multivalued else [place]
    return Coalesce(
        *(Func(F("folded"), Value(each), template=QUERY, output_field=CharField()) for each in tries),
        Value(None, output_field=CharField()),
    )
