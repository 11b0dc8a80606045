"""Ask every connected provider whether it answers, and note it at the deployments that serve routes."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from catalog import probing, providers
from catalog.models import Deployment, Provider
from refusals import Refusal


@dataclass(frozen=True)
class Checked:
    """How many deployments are healthy and how many fail."""

    healthy: int = 0
    failing: int = 0


def check_all() -> Checked:
    """Check the deployments behind routes, one question a provider."""
    healthy = failing = 0
    for provider in Provider.objects.exclude(base_url=""):
        found = check(provider)
        healthy, failing = healthy + found.healthy, failing + found.failing
    return Checked(healthy, failing)


def check(provider: Provider) -> Checked:
    """Check the deployments of one provider that serve routes. One that does not list its models by name is healthy."""
    serving = Deployment.objects.filter(provider=provider, targets__isnull=False).distinct()
    now = timezone.now()
    try:
        answer = probing.list_models(providers.base_url_of(provider), providers.credential_of(provider))
    except Refusal as refusal:
        count = serving.count()
        Provider.objects.filter(pk=provider.pk).update(tested_at=now, test_result=refusal.sentence[:300])
        Deployment.objects.filter(pk__in=serving.values("pk")).update(
            health=Deployment.Health.FAILING, checked_at=now, check_result=refusal.sentence[:300]
        )
        return Checked(failing=count)
    Provider.objects.filter(pk=provider.pk).update(tested_at=now, test_result=answer.sentence)
    listed = set(answer.models)
    told = Checked()
    for deployment in serving:
        is_there = not listed or deployment.upstream_name in listed or provider.dialect == Provider.Dialect.LOCAL
        deployment.health = Deployment.Health.HEALTHY if is_there else Deployment.Health.FAILING
        deployment.checked_at = now
        deployment.check_result = "" if is_there else "The provider does not list this model any more."
        told = Checked(told.healthy + is_there, told.failing + (not is_there))
        deployment.save(update_fields=["health", "checked_at", "check_result"])
    return told
