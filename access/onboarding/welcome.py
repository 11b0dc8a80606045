"""The five things that a new tenant does next, each with whether it is done."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from access.models import Grant
from tenants.models import ApiKey, Environment, Membership, Tenant, User
from tenants.scoping import held
from usage.models import Call


@dataclass(frozen=True)
class Next:
    """One thing to do: what, why, where, the words on its button, and whether somebody has done it."""

    title: str
    text: str
    path: str
    verb: str
    icon: str
    is_done: bool
    may: bool = True


def next_things(tenant: Tenant, viewer: User) -> list[Next]:
    """In the order in which they make sense; those that `viewer` may not do say so."""
    may = held(viewer, tenant)
    environments = Environment.objects.filter(tenant=tenant, kind="development").select_related("tenant", "project")
    first = environments.order_by("created_at").first()
    where = first.path if first else ""
    members = Membership.objects.filter(tenant=tenant).count()
    has_key = ApiKey.objects.filter(tenant=tenant).exists()
    has_called = Call.objects.filter(tenant=tenant).exists()
    routes = (
        Grant.objects.in_force()
        .filter(tenant=tenant)
        .values_list("route__slug", flat=True)
        .distinct()
        .order_by("route__slug")
    )
    granted = list(routes[:4])
    of_tenant = [tenant.slug]
    return [
        Next(
            "Collect your first key",
            "It is shown once, with code that calls a model right away. Each environment has keys of its own.",
            f"{reverse('tenants:issue-key', args=of_tenant)}?environment={where}",
            "Collect a key", "key", has_key, "tenants.manage_keys" in may,
        ),
        Next(
            "Make the first call",
            "With the key, from the code that was shown; or without one, in the playground.",
            "/playground/" + (f"?m={'&m='.join(granted)}" if granted else ""),
            "Open the playground", "player-play", has_called, "tenants.use_models" in may,
        ),
        Next(
            "Bring the others in",
            "Everybody in a role: developers issue keys, analysts try models, billing sees what it costs.",
            reverse("tenants:members", args=of_tenant),
            "See the members", "users", members > 1, "tenants.manage_members" in may,
        ),
        Next(
            "See what you may call",
            f"{', '.join(granted)}{' and more' if len(granted) == 4 else ''}." if granted
            else "Nothing yet. Find a model and ask for it on its page.",
            reverse("access:grants", args=of_tenant) if granted else reverse("catalog:list"),
            "See the grants" if granted else "Find a model", "circle-check", bool(granted),
        ),
        Next(
            "Follow what it costs",
            "Every call is a row with its arithmetic, within seconds of its end.",
            f"{reverse('usage:overview')}?tenant={tenant.slug}",
            "Open usage", "chart-bar", has_called, "tenants.view_usage" in may,
        ),
    ]  # fmt: skip
