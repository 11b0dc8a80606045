"""The trigger that counts the catalog's editions.

The number comes from a sequence, which no rollback takes back: a number once seen never means other rows.
"""

import pgtrigger

_NEW_EDITION = """
INSERT INTO catalog_edition (id, number) VALUES (1, nextval('catalog_edition_number'))
ON CONFLICT (id) DO UPDATE SET number = EXCLUDED.number;
RETURN NULL;
"""


def new_edition() -> pgtrigger.Trigger:
    """Count a new edition after any statement that changes the table."""
    return pgtrigger.Trigger(
        name="new_edition",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        func=_NEW_EDITION,
    )
