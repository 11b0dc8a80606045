"""Where a route's calls go is changed by the platform team alone, as a whole or in part, and never into a circle."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from audit.models import Entry
from catalog.models import Route
from tenants.changes import ChangeNote
from tests.cast import Cast, route


def patch(client: Client, path: str, **body: Any) -> Any:
    return client.patch(path, body, "application/json")


def test_what_is_left_out_stays(cast: Cast, client: Client) -> None:
    held = route()
    target = held.targets.get()
    client.force_login(cast.pat)
    place = {"deployment": str(target.deployment_id), "tier": 3, "weight": 7}
    answer = patch(client, "/api/routes/echo-model/", policy="latency", targets=[place])
    assert answer.status_code == 200, answer.content
    assert (answer.json()["policy"], answer.json()["targets"]) == ("latency", [place])
    answer = patch(client, "/api/routes/echo-model/", regions=["EU", "eu"], idle_timeout_s=5)
    told = answer.json()
    assert (told["policy"], told["regions"], told["idle_timeout_s"], told["fallback"]) == ("latency", ["eu"], 5.0, "")
    assert told["targets"] == [place]
    entry = Entry.objects.filter(verb="route.steered").latest("sequence")
    assert entry.actor_label == str(cast.pat)
    assert ChangeNote.objects.filter(kind="route").exists()


def test_the_same_again_changes_nothing(cast: Cast, client: Client) -> None:
    route()
    client.force_login(cast.pat)
    notes = ChangeNote.objects.count()
    assert patch(client, "/api/routes/echo-model/", policy="weight").status_code == 200
    assert not Entry.objects.filter(verb="route.steered").exists() and ChangeNote.objects.count() == notes


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"policy": "chance"}, "policy"),
        ({"first_token_timeout_s": 0}, "first_token_timeout_s"),
        ({"idle_timeout_s": 1e9}, "idle_timeout_s"),
        ({"fallback": "nowhere"}, "fallback"),
        ({"fallback": "echo-model"}, "fallback"),
        ({"regions": ["x" * 61]}, "regions"),
        ({"targets": [{"deployment": "00000000-0000-7000-8000-000000000000", "tier": 1, "weight": 1}]}, "places"),
        ({"targets": [{"deployment": "00000000-0000-7000-8000-000000000000", "tier": 0, "weight": 1}]}, "targets"),
        ({"weights": 1}, "weights"),
    ],
)
def test_what_cannot_be_is_refused_and_says_where(cast: Cast, client: Client, body: Any, field: str) -> None:
    route()
    client.force_login(cast.pat)
    answer = patch(client, "/api/routes/echo-model/", **body)
    assert answer.status_code == 422 and field in answer.content.decode()


def test_fallbacks_never_lead_back(cast: Cast, client: Client) -> None:
    route()
    route("second", provider="second")
    route("third", provider="third")
    client.force_login(cast.pat)
    assert patch(client, "/api/routes/echo-model/", fallback="second").status_code == 200
    assert patch(client, "/api/routes/second/", fallback="third").status_code == 200
    answer = patch(client, "/api/routes/third/", fallback="echo-model")
    assert answer.status_code == 422 and "leads back" in answer.content.decode()
    assert Route.objects.get(slug="third").fallback is None


def test_drained_twice_is_drained_once(cast: Cast, client: Client) -> None:
    held = route().targets.get().deployment_id
    client.force_login(cast.pat)
    for verb in ("drain", "drain", "probe", "resume", "resume"):
        assert client.post(f"/api/deployments/{held}/{verb}/", {}, "application/json").status_code == 200
    verbs = Entry.objects.filter(subject_id=str(held)).values_list("verb", flat=True)
    assert sorted(verbs) == ["deployment.drained", "deployment.probe_asked", "deployment.resumed"]
    answer = patch(client, f"/api/deployments/{held}/", context_tokens=4000)
    assert (answer.json()["context_tokens"], answer.json()["region"]) == (4000, "")


def test_of_two_forms_the_second_is_told_and_keeps_what_was_typed(cast: Cast, client: Client) -> None:
    held = route()
    target = held.targets.get().deployment_id.hex
    client.force_login(cast.pat)
    page = client.get("/platform/routing/echo-model/").content.decode()
    (seen,) = re.findall(r'name="seen" value="([0-9a-f]+)"', page)
    typed = {"seen": seen, "policy": "weight", f"tier-{target}": "1", f"weight-{target}": "70"}
    assert client.post("/platform/routing/echo-model/", typed | {"regions": "eu"}).status_code == 302
    told = client.post("/platform/routing/echo-model/", typed | {"regions": "us", f"weight-{target}": "55"})
    text = told.content.decode()
    assert told.status_code == 422 and "Somebody else changed where calls of “echo-model” go" in text
    assert 'value="us"' in text and 'value="55"' in text
    assert Route.objects.get(slug="echo-model").regions == ["eu"], "nothing was written over"
    typed |= {"regions": "us", f"weight-{target}": "55", "seen": marked(text)}
    assert client.post("/platform/routing/echo-model/", typed).status_code == 302, "who was told may save again"
    assert Route.objects.get(slug="echo-model").regions == ["us"]


def marked(page: str) -> str:
    """What a page's form carries of what it was shown."""
    (seen,) = re.findall(r'name="seen" value="([0-9a-f]+)"', page)
    return str(seen)


def test_what_another_has_ticked_at_a_provider_is_not_written_over(cast: Cast, client: Client) -> None:
    provider = route().targets.get().deployment.provider
    client.force_login(cast.pat)
    at = "/platform/providers/echo/"
    seen = marked(client.get(at).content.decode())
    patch(client, "/api/providers/echo/", data_classes=["public"])
    told = client.post(f"{at}facts/", {"seen": seen, "region": "eu"})
    text = told.content.decode()
    assert told.status_code == 422 and "Somebody else changed what is said of" in text and 'value="eu"' in text
    provider.refresh_from_db()
    assert (provider.region, provider.data_classes) == ("", ["public"])
    assert client.post(f"{at}facts/", {"region": "eu"}).status_code == 422
    again = {"seen": marked(text), "region": "eu", "data_classes": ["public"]}
    assert client.post(f"{at}facts/", again).status_code == 302
    provider.refresh_from_db()
    assert (provider.region, provider.data_classes) == ("eu", ["public"])


def test_what_another_has_said_of_a_deployment_is_not_written_over(cast: Cast, client: Client) -> None:
    held = route().targets.get().deployment
    client.force_login(cast.pat)
    at = f"/platform/deployments/{held.pk}/"
    seen = marked(client.get(at).content.decode())
    patch(client, f"/api/deployments/{held.pk}/", data_classes=["public"])
    told = client.post(at, {"seen": seen, "context_tokens": "4000"})
    text = told.content.decode()
    assert told.status_code == 422 and "Somebody else changed what is said of" in text and 'value="4000"' in text
    held.refresh_from_db()
    assert (held.context_tokens, held.data_classes) == (None, ["public"])
    assert client.post(at, {"seen": marked(text), "context_tokens": "4000"}).status_code == 302
    held.refresh_from_db()
    assert (held.context_tokens, held.data_classes) == (4000, [])


def test_a_deployment_may_see_what_its_provider_may_too(cast: Cast, client: Client) -> None:
    held = route().targets.get().deployment
    client.force_login(cast.pat)
    at, page = f"/api/deployments/{held.pk}/", f"/platform/deployments/{held.pk}/"
    assert patch(client, at, region="").json()["may_see"] is None
    assert "It may see any data." in client.get(page).content.decode()
    patch(client, "/api/providers/echo/", data_classes=["public", "internal"])
    assert patch(client, at, region="").json()["may_see"] == ["public", "internal"]
    assert patch(client, at, data_classes=["internal", "personal"]).json()["may_see"] == ["internal"]
    assert "It may see internal data only." in client.get(page).content.decode()
    assert patch(client, at, data_classes=["personal"]).json()["may_see"] == []
    assert "It may see no data" in client.get(page).content.decode()


def test_what_a_provider_and_a_deployment_may_see(cast: Cast, client: Client) -> None:
    held = route().targets.get().deployment
    client.force_login(cast.pat)
    told = patch(client, "/api/providers/echo/", data_classes=["personal", "public"], region="eu")
    assert (told.json()["data_classes"], told.json()["region"]) == (["public", "personal"], "eu")
    told = patch(client, f"/api/deployments/{held.pk}/", data_classes=["secret"])
    assert told.status_code == 422 and "is no class of data" in told.content.decode()
    page = f"/platform/deployments/{held.pk}/"
    seen = marked(client.get(page).content.decode())
    assert client.post(page, {"seen": seen, "region": "", "data_classes": ["internal"]}).status_code == 302
    held.refresh_from_db()
    assert held.data_classes == ["internal"]
    seen = marked(client.get("/platform/providers/echo/").content.decode())
    assert client.post("/platform/providers/echo/facts/", {"seen": seen, "region": "eu"}).status_code == 302
    held.provider.refresh_from_db()
    assert held.provider.data_classes == []
    assert Entry.objects.filter(verb="provider.described").count() == 2
    assert ChangeNote.objects.filter(kind="provider").exists()
