"""Say which edition of the catalog this is, so that what a process keeps in memory of it knows when it is old.

The number is written by triggers on the tables that lists show (`catalog.models`): whoever changes a row, in whatever
way, makes a new edition, and readers see it with the change itself.
"""

from __future__ import annotations

from catalog.models import Edition


def number() -> int:
    """The present edition; 0 before the first model."""
    return Edition.objects.filter(pk=1).values_list("number", flat=True).first() or 0
