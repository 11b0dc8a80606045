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
    key_id: UUID | None = None

    @property
    def places(self) -> tuple[UUID, ...]:
        """Where limits and budgets may hold this call: its key, environment, project and tenant."""
        around = (self.environment_id, self.project_id, self.tenant_id)
        return around if self.key_id is None else (self.key_id, *around)
