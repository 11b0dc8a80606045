"""Who decides on guardrails: the platform, and there is nothing to set yet. Stated, so that nobody looks in vain."""

from __future__ import annotations

from approvals.delegation.capabilities import Capability
from approvals.delegation.tables import Mode

CAPABILITY = Capability(
    slug="guardrails",
    name="Guardrails",
    sentence="What is looked for in what goes to a model and comes back.",
    means={Mode.PLATFORM: "The platform decides. There are none yet: prompts and answers pass as they are."},
    default=Mode.PLATFORM,
    lacks="There is nothing to set yet, so nothing can be left to a tenant.",
    order=70,
)
