"""What the end of a model version means for access: nobody is given a retired model, and who holds an ending one is
told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from access.models import Grant
from catalog.lifecycle.states import ENDING, Lifecycle
from catalog.models import LifecycleStep, ModelVersion, Route
from refusals.errors import Conflict
from tenants.delegation import MANAGE_MEMBERS
from tenants.models import User
from tenants.notifications import notify
from tenants.scope import everything
from tenants.scoping import members_who_may


class ModelRetired(Conflict):
    code = "model_retired"
    title = "This model is retired"


def refuse_retired(route: Route) -> None:
    """Raise `ModelRetired` where every version that `route` leads to is retired."""
    led_to = ModelVersion.objects.filter(deployments__targets__route=route, deployments__is_enabled=True)
    states = set(led_to.values_list("lifecycle", flat=True))
    if states == {Lifecycle.RETIRED}:
        raise ModelRetired(
            f"{route.model} is retired: whoever has access keeps it until it ends, nobody new is given it. "
            "Look for what takes its place in the catalog.",
            way_out=f"{route.model.get_absolute_url()}?tab=lifecycle",
        )


@everything("who holds a model that ends is told, whichever tenant's they are")
def tell_holders(steps: Sequence[LifecycleStep]) -> None:
    """Tell who runs the environments that hold a grant for a version that ends, and who asked for it: each person once
    for a tenant, with all their places."""
    ending = {step.version_id: step for step in steps if step.after in ENDING and step.after != step.before}
    if not ending:
        return
    grants = (
        Grant.objects.in_force()
        .filter(route__targets__deployment__version__in=list(ending), environment__project__archived_at=None)
        .select_related("environment__tenant", "environment__project", "route__model", "decision__request__requester")
        .order_by("pk")
        .distinct()
    )
    told: dict[tuple[UUID, User, UUID], list[Grant]] = defaultdict(list)
    for grant in grants:
        asked = [grant.decision.request.requester] if grant.decision else []
        for person in {*members_who_may(MANAGE_MEMBERS, grant.environment), *asked}:
            told[(_version_of(grant, list(ending)), person, grant.tenant_id)].append(grant)
    for (version, person, _), held in told.items():
        step, model = ending[version], held[0].route.model
        day = f" on {step.ends_on:%-d %B %Y}" if step.ends_on else ""
        is_retired = step.after == Lifecycle.RETIRED
        places = ", ".join(dict.fromkeys(str(grant.environment) for grant in held))
        notify(
            [person],
            kind="access",
            title=f"{model} is retired" if is_retired else f"{model} ends{day}",
            body=f"Access to it is held in {places}. {step.reason.rstrip('.')}. "
            f"{'Nobody new is given access.' if is_retired else 'Plan to move before.'}",
            path=f"{model.get_absolute_url()}?tab=lifecycle",
            tenant=held[0].environment.tenant,
        )


def _version_of(grant: Grant, among: list[UUID]) -> UUID:
    rows = grant.route.targets.filter(deployment__version__in=among)
    return UUID(str(rows.values_list("deployment__version_id", flat=True)[0]))
