"""Who decides on keys: the capability `keys`, and whether a key of an environment is left to its tenant."""

from __future__ import annotations

from approvals.delegation.capabilities import Capability, Threshold
from approvals.delegation.standing import Standing, standing
from approvals.delegation.tables import Mode
from tenants.models import Environment

KEYS = "keys"
LEVELS = (("development", "Development"), ("test", "Test"))  # with production it would be left altogether

CAPABILITY = Capability(
    slug=KEYS,
    name="Issuing keys",
    sentence="Whether a key may be issued. What a key opens is decided by its environment's grants in any case.",
    means={
        Mode.PLATFORM: "Whoever manages a tenant's keys asks for each new one; a board decides, and they issue it.",
        Mode.ABOVE: "A tenant issues keys of environments up to the threshold by itself, and asks for others.",
        Mode.TENANT: "Whoever manages a tenant's keys issues them.",
    },
    default=Mode.TENANT,
    permission="tenants.manage_keys",
    kinds=("key",),
    thresholds=(Threshold("environment", "Up to", levels=LEVELS),),
    order=30,
)


def who_decides(environment: Environment) -> Standing | None:
    """Who decides on a key of `environment`; None where it is left to the tenant."""
    who = standing(KEYS, environment.tenant)
    return None if who.leaves_to_tenant({"environment": environment.kind}) else who
