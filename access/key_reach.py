"""Keys read together with the routes that their environment was granted and those that they called."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet

from access.models import Grant
from tenants.models import ApiKey
from usage.called_routes import called_by_key


def demands(key: ApiKey) -> list[tuple[str, list[str]]]:
    """As `tenants.key_reach.register_demands` asks; only of grants that demand something."""
    held = Grant.objects.in_force().filter(environment=key.environment, route__is_enabled=True).exclude(conditions={})
    return [(each.route.slug, each.demanded.sentences) for each in held.select_related("route").order_by("route__slug")]


def with_reach(keys: QuerySet[ApiKey], since: dt.date) -> QuerySet[ApiKey]:
    """As `tenants.key_reach.register_reach` asks."""
    grants: Any = Grant.objects.in_force().filter(environment=OuterRef("environment"), route__is_enabled=True)
    granted = grants.order_by().values("route__slug").distinct()
    return keys.annotate(
        granted_routes=ArraySubquery(granted), called_routes=ArraySubquery(called_by_key(OuterRef("prefix"), since))
    )
