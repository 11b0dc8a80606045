"""Triggers of what must never be lost, for the tables of every room."""

import pgtrigger


def never_truncated() -> pgtrigger.Trigger:
    """A trigger that refuses TRUNCATE, which row-level protection lets pass."""
    return pgtrigger.Trigger(
        name="never_truncated",
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func="RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;",
    )
