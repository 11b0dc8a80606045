"""What an approval of access approves: the model, what serves it at which price, and what is demanded of every call."""

from __future__ import annotations

from access.evidence import deployments_of
from access.imposing import together
from approvals.models import Request
from catalog.models import Route
from usage.prices import in_force


def fingerprint(request: Request) -> dict[str, str]:
    """The route that is asked for as it is now, by name; a changed value is what changed since."""
    route = Route.objects.select_related("model").filter(pk=request.subject_key.partition(":")[2]).first()
    if route is None:
        return {"route": "removed"}
    model = route.model
    fields = {
        "route": route.slug,
        "route switched on": "yes" if route.is_enabled else "no",
        "model": model.slug,
        "made by": model.developer,
        "licence": model.licence,
        "life cycle": str(model.get_status_display()),
        "deprecated on": model.deprecated_on.isoformat() if model.deprecated_on else "",
        "context": str(model.context_tokens or ""),
        "capabilities": ", ".join(sorted(model.capabilities)),
        "conditions": "; ".join(together(request).sentences),
    }
    deployments = deployments_of(route)
    for deployment in deployments:
        at = f"{deployment.provider.slug}, {deployment.upstream_name}"
        fields[f"version at {at}"] = deployment.version.label
        fields[f"region at {at}"] = deployment.region or deployment.provider.region
        fields[f"data allowed at {at}"] = ", ".join(sorted(deployment.provider.data_classes)) or "any"
    for price in in_force().filter(deployment__in=deployments).select_related("deployment__provider"):
        at = f"{price.deployment.provider.slug}, {price.deployment.upstream_name}"
        figures = f"{price.input_per_million.normalize():f} in, {price.output_per_million.normalize():f} out"
        fields[f"price at {at}"] = f"{figures}, {price.currency} per million tokens"
    return fields
