"""Parts of statements that are put together once for a model.

The ORM puts a statement together anew each time, which takes several times as long as carrying a small one out. That
matters for what every verb writes, and for what is done once for each of ten thousand people; nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import (
    AutoField,
    BooleanField,
    CharField,
    EmailField,
    Field,
    ForeignKey,
    Model,
    OneToOneField,
    SlugField,
    TextField,
    UUIDField,
)

# A value of this very type is sent as it is: Django's preparing would give it back after some calls of its own.
_SENT_AS_IT_IS: dict[type, type] = {
    CharField: str, EmailField: str, SlugField: str, TextField: str,
    BooleanField: bool,
    UUIDField: UUID, ForeignKey: UUID, OneToOneField: UUID,
}  # fmt: skip


def selection(model: type[Model], alias: str) -> str:
    """The columns of `model`'s table, which is called `alias` in the statement, for `taken`."""
    return ", ".join(f'{alias}."{field.column}"' for field in model._meta.concrete_fields)


def taken[M: Model](model: type[M], values: Iterator[Any]) -> M | None:
    """The row that the next of `values` are, as `selection` named them; None where an outer join found none."""
    names = [field.attname for field in model._meta.concrete_fields]
    own = dict(zip(names, values, strict=False))
    if own[model._meta.pk.attname] is None:
        return None
    return model.from_db(connection.alias, names, list(own.values()))


@cache
def insertion(model: type[Model]) -> str:
    """INSERT of one row of `model`, with the parameters of `parameters`."""
    fields = _written(model)
    columns = ", ".join(f'"{field.column}"' for field in fields)
    return f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({", ".join(["%s"] * len(fields))})'


def parameters(row: Model) -> list[Any]:
    """The values of a new `row`."""
    held = vars(row)
    return [
        held[field.attname]
        if type(held[field.attname]) is as_it_is
        else field.get_db_prep_save(field.pre_save(row, add=True), connection)
        for field, as_it_is in _prepared(type(row))
    ]


def mark_as_kept(row: Model) -> None:
    """Let `row` know that it is in the database."""
    row._state.adding, row._state.db = False, connection.alias


@cache
def _written(model: type[Model]) -> tuple[Field[Any, Any], ...]:
    """The fields that an INSERT names: not the number that the database gives."""
    return tuple(field for field in model._meta.concrete_fields if not isinstance(field, AutoField))


@cache
def _prepared(model: type[Model]) -> tuple[tuple[Field[Any, Any], type | None], ...]:
    """The same fields, each with the type of those values that need no preparing."""
    return tuple((field, _SENT_AS_IT_IS.get(type(field))) for field in _written(model))
