"""People with a role, in a tenant or in one project, as the lines of a file."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

from tenants.models import Membership, ProjectRole
from ui.exporting import in_batches


def lines_of[Held: (Membership, ProjectRole)](rows: QuerySet[Held]) -> Iterator[tuple[object, ...]]:
    """User name, name, e-mail, role, since when, by whom, and whether the account is active."""
    for row in in_batches(rows):
        who = row.user
        yield who.username, str(who), who.email, row.role, row.created_at, str(row.created_by or ""), who.is_active
