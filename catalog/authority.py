"""Who may change the catalog: asked by permission, in one place."""

from __future__ import annotations

from typing import Any

from refusals.errors import Forbidden

PERMISSION = "catalog.manage_catalog"


def require_manager(person: Any) -> None:
    """Raise `Forbidden` unless `person` may publish models, connect providers and change routes."""
    if not person.has_perm(PERMISSION):
        raise Forbidden(
            "This needs the permission “Publish models, connect providers, change routes”. The platform team has it.",
            permission=PERMISSION,
        )
