"""Who holds a model version: asked by the catalog, answered by the floor that knows grants, which registers here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class Counts:
    """How many tenants and environments hold a version, and how many of these are of production."""

    tenants: int = 0
    environments: int = 0
    production: int = 0


@dataclass(frozen=True)
class Held:
    """Who holds it, as far as the viewer may see: paths of environments; and the last decision on it."""

    environments: tuple[str, ...] = ()
    decided_at: dt.datetime | None = None
    decision_path: str = ""


class Holdings(Protocol):
    """What the floor above answers."""

    def counts(self, versions: Sequence[UUID] | None) -> dict[UUID, Counts]: ...

    def held_by(self, viewer: object, versions: Sequence[UUID]) -> dict[UUID, Held]: ...


_registered: list[Holdings] = []


def register(holdings: Holdings) -> None:
    """Let `holdings` (a module or an object) answer from now on."""
    _registered[:] = [holdings]


def counts(versions: Sequence[UUID] | None = None) -> dict[UUID, Counts]:
    """How many hold each version (None: every one that somebody holds), whoever asks: figures, no names."""
    return _registered[0].counts(versions) if _registered else {}


def held_by(viewer: object, versions: Sequence[UUID]) -> dict[UUID, Held]:
    """Who holds each version, as far as `viewer` may see."""
    return _registered[0].held_by(viewer, versions) if _registered and versions else {}
