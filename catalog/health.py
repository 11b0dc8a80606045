"""Ask connected providers whether they answer, and note it at them and at the deployments that serve routes.

The clock asks all of them (`check_all`), a person one (`test`), which is audited. Both note the same.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.record import record
from catalog import probing, providers
from catalog.dialects import LOCAL
from catalog.models import Deployment, Provider
from refusals.errors import Refusal

NOT_LISTED = "The provider does not list this model any more."


def check_all() -> None:
    """Check the deployments behind routes, one question a provider."""
    for provider in Provider.objects.exclude(base_url=""):
        with suppress(Refusal):  # noted; the others are asked all the same
            _check(provider)


def test(*, provider: Provider, by: Any) -> probing.Answer:
    """Ask a connected provider again. Raises the refusals of `catalog.probing`, noted as well."""
    return _check(provider, by=by)


def _check(provider: Provider, by: Any = None) -> probing.Answer:
    try:
        answer = providers.ask(provider)
    except Refusal as refusal:
        _note(provider, refusal.sentence, set(), is_up=False, by=by)
        raise
    # The local server and a loopback serve what they are called with.
    is_local = provider.dialect == LOCAL or providers.kind_of(provider).inside is not None
    _note(provider, answer.sentence, set() if is_local else set(answer.models), is_up=True, by=by)
    return answer


@transaction.atomic
def _note(provider: Provider, said: str, listed: set[str], *, is_up: bool, by: Any) -> None:
    """Write down what a provider `said`; one that is up and lists nothing by name serves whatever it is asked for."""
    said, now = said[:300], timezone.now()
    Provider.objects.filter(pk=provider.pk).update(tested_at=now, test_result=said)
    serving = Deployment.objects.filter(provider=provider, pk__in=Deployment.objects.filter(targets__isnull=False))
    if is_up:
        is_there = Q(upstream_name__in=listed) if listed else Q()
        serving.filter(is_there).update(health=Deployment.Health.HEALTHY, checked_at=now, check_result="")
        if listed:
            serving.exclude(is_there).update(health=Deployment.Health.FAILING, checked_at=now, check_result=NOT_LISTED)
    else:
        serving.update(health=Deployment.Health.FAILING, checked_at=now, check_result=said)
    if by is not None:
        record("provider.tested", by=by, subject=provider, result=said)
