"""The gate before a new key: where the platform decides on keys, one is issued with a permit that is then used up."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils import timezone

from access.keys.capability import who_decides
from access.keys.tables import KeyPermit
from refusals.errors import Forbidden
from tenants.models import ApiKey, Environment, User


class KeyNotLeft(Forbidden):
    code = "key_not_left_to_tenant"
    title = "The platform decides on this key"


def open_gate(environment: Environment, by: Any) -> Any:
    """What is to be done with the key once it is issued. Raises `KeyNotLeft` for a person without a permit."""
    if not isinstance(by, User):
        return _nothing  # an operator at the command line, or setting up
    who = who_decides(environment)
    if who is None:
        return _nothing
    permits = KeyPermit.objects.unused().filter(environment=environment, user=by)
    permit = permits.select_for_update(no_key=True).order_by("expires_at").first()
    if permit is None:
        raise KeyNotLeft(
            f"{who.means} {who.sentence} Ask for a key of {environment} first.",
            way_out=f"{reverse('access:request-key', args=[environment.tenant.slug])}?environment={environment.path}",
            field="environment",
        )

    def use(key: ApiKey) -> None:
        permit.used_at, permit.key = timezone.now(), key
        permit.save(update_fields=["used_at", "key"])

    return use


def _nothing(key: ApiKey) -> None:
    """It was issued without a permit."""
