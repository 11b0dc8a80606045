"""What a project brings along to another tenant was left to the one that it leaves: where the platform decides on it in
the other, its own people do not bring it there past who decides."""

from __future__ import annotations

from access.asking import MODELS
from access.keys.capability import KEYS
from access.models import Grant
from approvals.delegation.standing import standing
from refusals.errors import Conflict
from tenants.delegation import MANAGE_TENANT
from tenants.models import ApiKey, Environment, Project, Tenant, User


class DecidedThere(Conflict):
    code = "platform_decides_there"
    title = "The platform decides there"


def refuse_undecided(project: Project, to: Tenant, by: User) -> None:
    """Raise `DecidedThere` where keys or grants of `project` were left to its tenant and are not left to `to`, unless
    `by` runs the platform."""
    if by.has_perm(MANAGE_TENANT):
        return
    environments = Environment.objects.filter(project=project)
    brought = (
        (KEYS, "keys that work", ApiKey.objects.usable().filter(environment__in=environments)),
        (MODELS.slug, "access to models", Grant.objects.in_force().filter(environment__in=environments)),
    )
    for capability, words, rows in brought:
        here, there = standing(capability, project.tenant), standing(capability, to)
        for kind in sorted(set(rows.order_by().values_list("environment__kind", flat=True))):
            measured = {"environment": kind}
            if here.leaves_to_tenant(measured) and not there.leaves_to_tenant(measured):
                raise DecidedThere(
                    f"{project} has {words} in {kind}, and {to} is not left to decide on that: {there.sentence} Revoke"
                    " them first, or have the platform team move it.",
                    field="to",
                )
