"""What places state and how far the platform goes, as the tables hold it."""

from __future__ import annotations

from uuid import UUID

from tenants.models import Environment
from usage.bodies.keeping import NO_BOUND, Bound, Keeping
from usage.bodies.tables import RetentionBound, RetentionPolicy


def keeping_of(row: RetentionPolicy) -> Keeping:
    """What a policy wants."""
    return Keeping(row.prompts, row.answers, row.days, row.share, row.only_failed, row.media)


def stated_in(tenant: UUID) -> dict[UUID, Keeping]:
    """What is stated anywhere in a tenant, by the key of the place."""
    rows = RetentionPolicy.objects.filter(tenant=tenant)
    return {row.environment_id or row.project_id or row.tenant_id: keeping_of(row) for row in rows}


def bounds_by_kind() -> dict[str, Bound]:
    """How far the platform goes, for every kind of environment."""
    held = {row.kind: Bound(row.is_allowed, row.most_days) for row in RetentionBound.objects.all()}
    return {kind: held.get(kind, NO_BOUND) for kind in Environment.Kind.values}
