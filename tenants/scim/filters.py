"""A SCIM filter (RFC 7644 §3.4.2.2) as a condition of a query, so that the database finds and counts the rows.

What has a column is compared there (`tenants.scim.columns`), what is a row of its own (groups of a person, members of a
group) by a sub-query, and whatever else a directory says by an SQL/JSON path (`tenants.scim.paths`).
"""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, Q
from scim2_models import InvalidFilterException, Resource, ScimFilter
from scim2_models.path import (
    AttributeBinding,
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
    coerce_value,
)

from tenants.scim import paths
from tenants.scim.columns import COLUMNS, ROWS, Column, compared, is_present

NEVER = Q(pk__in=[])
DEEPEST, MOST_TERMS = 30, 200  # how deep terms may nest, and how many there may be


def condition(model: type[Resource[Any]], kind: str, text: ScimFilter[Any]) -> Q:
    """The condition on rows of `kind` (“User”, “Group”). Raises `InvalidFilterException`.

    An attribute that this kind does not have matches none (RFC 7644 §3.4.2.1).
    """
    if "\x00" in text:
        raise InvalidFilterException(detail="A filter holds no null characters.")
    bound: Any = ScimFilter[model](str(text))  # type: ignore[valid-type]  # the model is known at run time alone
    return _Condition(bound, kind).visit(bound.ast)


class _Condition(FilterVisitor[Q]):
    def __init__(self, bound: Any, kind: str) -> None:
        self.bound, self.columns, self.rows = bound, COLUMNS[kind], ROWS[kind]
        self.depth = self.terms = 0

    def visit(self, node: FilterNode) -> Q:
        self.depth, self.terms = self.depth + 1, self.terms + 1
        if self.depth > DEEPEST or self.terms > MOST_TERMS:
            raise InvalidFilterException(detail=f"A filter nests {DEEPEST} deep and has {MOST_TERMS} terms at most.")
        found = super().visit(node)
        self.depth -= 1
        return found

    def visit_not(self, node: Not) -> Q:
        return ~self.visit(node.expr)

    def visit_logical_expr(self, node: LogicalExpr) -> Q:
        terms = [self.visit(term) for term in node.terms]
        found = terms[0]
        for term in terms[1:]:
            found = found & term if node.op == LogicalOperator.and_ else found | term
        return found

    def visit_present(self, node: Present) -> Q:
        binding = self.bound.resolve(node.attr_path, strict=False)
        if binding is None:
            return NEVER
        name = _name(binding)
        if column := self.columns.get(name):
            return is_present(column)
        if rows := self.rows.get(binding.field_name):
            return Q(Exists(rows.of()))
        return paths.matches(binding, f"{paths.path_of(binding)} ? ({paths.SOMETHING})", {})

    def visit_comparison(self, node: Comparison) -> Q:
        binding = self.bound.resolve_comparison(node.attr_path, strict=False)
        if binding is None:
            return NEVER
        value = coerce_value(binding, node.value, node.op)
        if column := self.columns.get(_name(binding)):
            return compared(column, node.op, value)
        if rows := self.rows.get(binding.field_name):
            part = _part(rows.parts, binding.sub_field_name or "value")
            if node.op == CompareOperator.ne:
                return ~Q(Exists(rows.of().filter(compared(part, CompareOperator.eq, value))))
            return Q(Exists(rows.of().filter(compared(part, node.op, value))))
        return self._in_json(binding, node.op, value)

    def visit_value_path(self, node: ValuePath) -> Q:
        binding = self.bound.resolve(node.attr_path, strict=False)
        if binding is None:
            return NEVER
        if rows := self.rows.get(binding.field_name):
            return Q(Exists(rows.of().filter(_OfRow(rows.parts).visit(node.val_filter))))
        inner = _OfItem(self.bound, node.attr_path)
        predicate = inner.visit(node.val_filter)
        return paths.matches(binding, f"{paths.path_of(binding)}[*] ? ({predicate})", inner.values)

    def _in_json(self, binding: AttributeBinding, op: CompareOperator, value: Any) -> Q:
        found = paths.path_of(binding)
        if value is None:  # null is what is not there
            there = paths.matches(binding, found, {})
            return {CompareOperator.eq: ~there, CompareOperator.ne: there}.get(op, NEVER)
        wanted = value if binding.case_exact else paths.folded(value)
        if op == CompareOperator.ne:
            return ~paths.matches(binding, f"{found} ? (@ == $v)", {"v": wanted})
        test = paths.test("@", op, "v", wanted)
        return paths.matches(binding, f"{found} ? ({test})", {"v": wanted})


class _OfRow(FilterVisitor[Q]):
    """The filter within brackets, for what is a row of its own."""

    def __init__(self, parts: dict[str, Column]) -> None:
        self.parts = parts

    def visit_not(self, node: Not) -> Q:
        return ~self.visit(node.expr)

    def visit_logical_expr(self, node: LogicalExpr) -> Q:
        terms = [self.visit(term) for term in node.terms]
        found = terms[0]
        for term in terms[1:]:
            found = found & term if node.op == LogicalOperator.and_ else found | term
        return found

    def visit_present(self, node: Present) -> Q:
        return is_present(_part(self.parts, node.attr_path.attr))

    def visit_comparison(self, node: Comparison) -> Q:
        return compared(_part(self.parts, node.attr_path.attr), node.op, node.value)

    def visit_value_path(self, node: ValuePath) -> Q:
        raise InvalidFilterException(detail="Brackets do not stand within brackets.")


class _OfItem(FilterVisitor[str]):
    """The filter within brackets, for what lies in JSON: a predicate of an SQL/JSON path, with its values."""

    def __init__(self, bound: Any, above: AttrPath) -> None:
        self.bound, self.above = bound, above
        self.values: dict[str, Any] = {}

    def visit_not(self, node: Not) -> str:
        return f"!({self.visit(node.expr)})"

    def visit_logical_expr(self, node: LogicalExpr) -> str:
        sign = " && " if node.op == LogicalOperator.and_ else " || "
        return "(" + sign.join(self.visit(term) for term in node.terms) + ")"

    def visit_present(self, node: Present) -> str:
        return f"exists({self._of(self._binding(node.attr_path))} ? ({paths.SOMETHING}))"

    def visit_comparison(self, node: Comparison) -> str:
        binding = self._binding(node.attr_path)
        place, value = self._of(binding), coerce_value(binding, node.value, node.op)
        if value is None:
            there = f"exists({place})"
            return f"!({there})" if node.op == CompareOperator.eq else there
        name = f"v{len(self.values)}"
        self.values[name] = paths.folded(value)
        if node.op == CompareOperator.ne:
            return f"!({place} == ${name})"
        return paths.test(place, node.op, name, self.values[name])

    def visit_value_path(self, node: ValuePath) -> str:
        raise InvalidFilterException(detail="Brackets do not stand within brackets.")

    def _binding(self, inner: AttrPath) -> AttributeBinding:
        found: AttributeBinding = self.bound.resolve(AttrPath(self.above.attr, inner.attr, self.above.uri), strict=True)
        return found

    def _of(self, binding: AttributeBinding) -> str:
        return f"@.{paths.quoted(_name(binding).rpartition('.')[2])}"


def _name(binding: AttributeBinding) -> str:
    """The attribute as the schema spells it, without the schema (`emails.value`)."""
    schema = getattr(binding.model, "__schema__", None)
    return binding.urn.removeprefix(f"{schema}:") if schema else binding.urn


def _part(parts: dict[str, Column], name: str) -> Column:
    found = parts.get(name.lower())
    if found is None:
        raise InvalidFilterException(detail=f"“{name[:80]}” cannot be filtered by here; known are {', '.join(parts)}.")
    return found
