"""The step for what is kept of the calls at one place."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from access.applying.authority import Authority
from access.applying.schema import PlacePart
from access.applying.steps import Action, Change, Step
from tenants.models import Tenant
from usage.bodies.keeping import Keeping
from usage.bodies.setting import remove_retention, set_retention

if TYPE_CHECKING:
    from access.applying.places import Where


def content_steps(where: Where, wanted: PlacePart, now: PlacePart, authority: Authority) -> list[Step]:
    """One step where the file says something else than the place does."""
    if wanted.content is None:
        return []
    before = now.content if isinstance(now.content, Keeping) else None
    after = wanted.content if isinstance(wanted.content, Keeping) else None
    if before == after:
        return []
    was, becomes = told(before), told(after)
    names = [name for name in was | becomes if was.get(name) != becomes.get(name)]
    changes = tuple(Change(name, was.get(name), becomes.get(name)) for name in names)

    def perform(tenant: Tenant, by: Any) -> None:
        place = where.found(tenant)
        if after is None:
            remove_retention(place=place, by=by)
        else:
            set_retention(place=place, keeping=after, by=by)

    action: Action = "remove" if after is None else "change" if before else "create"
    return [Step(action, "content", where.name, changes, perform, authority.over_content(where.place))]


def told(keeping: Keeping | None) -> dict[str, Any]:
    """What a file says of it."""
    if keeping is None:
        return {}
    values = asdict(keeping)
    return {"keep": keeping.keep} | {name: values[name] for name in ("days", "share", "only_failed", "media")}
