"""Two who say different things of one route or deployment at one moment both have what they said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client

from catalog.models import Deployment, Route
from tests.approvals.test_at_once import house  # noqa: F401  # a fixture
from tests.cast import Cast, route
from tests.tenants.test_two_deeds_at_once import overlapping


def says(cast: Cast, path: str, **body: Any) -> Callable[[], None]:
    """Pat, who is signed in already, sends that, and it is taken."""
    client = Client()
    client.force_login(cast.pat)

    def deed() -> None:
        answer = client.patch(path, body, "application/json")
        assert answer.status_code == 200, answer.content

    return deed


def test_of_a_route(house: Cast) -> None:  # noqa: F811
    held = route()
    route("long-model", provider="other")
    target = held.targets.get()
    place = {"deployment": str(target.deployment_id), "tier": 3, "weight": 7}
    at = "/api/routes/echo-model/"
    told, waited = overlapping(
        says(house, at, policy="latency", targets=[place]),
        says(house, at, regions=["eu"]),
        says(house, at, fallback="long-model", idle_timeout_s=5),
    )
    assert (told, waited) == (["done"] * 3, 2), "the others had read it before the first was committed"
    found = Route.objects.select_related("fallback").get(pk=held.pk)
    assert found.fallback is not None
    assert (found.policy, found.regions, found.fallback.slug, found.idle_timeout_s) == (
        "latency", ["eu"], "long-model", 5.0,
    )  # fmt: skip
    target.refresh_from_db()
    assert (target.priority, target.weight) == (3, 7)


def test_of_a_deployment(house: Cast) -> None:  # noqa: F811
    key = route().targets.get().deployment_id
    at = f"/api/deployments/{key}/"
    told, waited = overlapping(says(house, at, region="eu-west-1"), says(house, at, context_tokens=4000))
    assert (told, waited) == (["done"] * 2, 1)
    found = Deployment.objects.get(pk=key)
    assert (found.region, found.context_tokens) == ("eu-west-1", 4000)
