"""Who calls: a key's environment, or a person in the playground."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a call belongs and what is written down about who made it. `environment_path` is `tenant/project/kind`.

    `routes` are the only ones that its key may call; None: every one that the environment was granted.
    """

    tenant_id: UUID
    project_id: UUID
    environment_id: UUID
    environment_path: str
    origin: str  # a value of `usage.models.Call.Origin`
    key_prefix: str = ""
    key_name: str = ""
    user_id: UUID | None = None
    user_label: str = ""
    routes: frozenset[str] | None = None
