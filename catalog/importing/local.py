"""Put the model that this installation serves itself into the catalog: provider, deployment, routes, an internal price.

Its address is not written down: the gateway resolves a provider of the dialect `local` from the settings at each call.
"""

from __future__ import annotations

from decimal import Decimal

from django.utils import timezone

from audit.record import SYSTEM
from catalog.changes.telling import Kind, tell
from catalog.dialects import LOCAL
from catalog.figures import PricedOffer
from catalog.importing.drafting import local_model
from catalog.importing.writing import CURRENT
from catalog.lifecycle.moving import begin_use
from catalog.lifecycle.states import Lifecycle
from catalog.models import PLATFORM_TEAM, Deployment, Fact, Model, ModelVersion, Provider, Route, RouteTarget

LOCAL_PROVIDER = "local"
UPSTREAM = "SmolLM2-135M-Instruct"

# Three names for one deployment. A route is what is granted, limited and billed: whoever may try the model in
# development has not thereby been allowed to answer customers with it.
ROUTES = {
    "smollm2": "The local model, for trying things out.",
    "smollm2-batch": "The same local model for jobs that can wait, so that their use is granted and billed apart.",
    "smollm2-customer": "The same local model for answers that customers see; such use takes a decision of its own.",
}


def write() -> tuple[Model, PricedOffer]:
    """The local model with its routes (made when missing, otherwise left as they are) and its internal price."""
    draft = local_model()
    provider, _ = Provider.objects.get_or_create(
        slug=LOCAL_PROVIDER,
        defaults={
            "name": "This installation",
            "dialect": LOCAL,
            "base_url": "local:",
            "region": "here",
            "connected_at": timezone.now(),
        },
    )
    model, is_new = Model.objects.get_or_create(slug=draft.slug, defaults=draft.fields)
    version, _ = ModelVersion.objects.get_or_create(
        model=model, label=CURRENT, defaults={"released_on": draft.versions[0].released_on}
    )
    deployment, _ = Deployment.objects.get_or_create(
        provider=provider, upstream_name=UPSTREAM, defaults={"version": version, "region": "here"}
    )
    for fact in draft.facts:
        Fact.objects.get_or_create(
            model=model,
            name=fact.name,
            source=fact.source,
            defaults={"value": fact.value, "source_url": fact.url, "as_of": timezone.now().date()},
        )
    is_published = False
    for slug, purpose in ROUTES.items():
        route, is_new_route = Route.objects.get_or_create(slug=slug, defaults={"model": model, "purpose": purpose})
        _, is_new_target = RouteTarget.objects.get_or_create(route=route, deployment=deployment)
        is_published = is_published or is_new_route or is_new_target
    if is_new:
        tell(model=model, kind=Kind.LISTED, what="listed", source=PLATFORM_TEAM)
    if is_published and version.lifecycle != Lifecycle.RETIRED:  # what people said of its life since then stands
        begin_use([version], by=SYSTEM)
    price = PricedOffer(deployment.pk, Decimal("0.05"), Decimal("0.10"), None, None, None, PLATFORM_TEAM)
    return model, price
