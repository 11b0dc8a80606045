"""What routes and deployments take of all tenants together, and how tenants weigh where calls wait."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from audit.models import Entry
from catalog.models import Route
from tenants import archiving
from tenants.changes import ChangeNote
from tenants.models import Tenant
from tests import cast as make
from tests.cast import Cast
from usage.capacity.tables import Capacity

pytestmark = pytest.mark.django_db
PAGE = "/platform/models/echo-model/limits/"


@pytest.fixture
def route() -> Route:
    return make.route()


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def put(client: Client, **given: Any) -> Any:
    return client.post("/api/capacities/", given, "application/json")


def test_it_works(cast: Cast, route: Route) -> None:
    deployment = route.targets.get().deployment
    pat = signed_in(cast.pat)
    answer = put(pat, deployment=str(deployment.pk), concurrent=60, tokens=200_000)
    assert answer.status_code == 200
    assert [(each["metric"], each["amount"]) for each in answer.json()] == [("concurrent", 60), ("tokens", 200_000)]
    assert put(pat, route="echo-model", requests=10_000).status_code == 200
    listed = pat.get("/api/capacities/", {"route": "echo-model"}).json()["results"]
    assert [(each["route"], each["deployment"], each["amount"]) for each in listed] == [("echo-model", None, 10_000)]
    assert put(pat, deployment=str(deployment.pk), tokens=None).status_code == 200
    assert Capacity.objects.get(deployment=deployment).metric == "concurrent"
    said = Entry.objects.filter(verb="capacity.changed").latest("at").facts
    assert said["before"] == {"concurrent": 60, "tokens": 200_000} and said["after"] == {"concurrent": 60}
    assert said["of"] == "echo-model at Echo"
    assert ChangeNote.objects.filter(kind="capacity", row_key=str(deployment.pk)).exists()


def test_nothing_changed_is_no_entry(cast: Cast, route: Route) -> None:
    pat = signed_in(cast.pat)
    for _ in range(2):
        put(pat, route="echo-model", requests=5)
    assert Entry.objects.filter(verb="capacity.changed").count() == 1


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"requests": 1}, 422), ({"route": "echo-model", "requests": 0}, 422),
        ({"route": "nothing", "requests": 1}, 404),
        ({"deployment": "01890000-0000-7000-8000-000000000000", "requests": 1}, 404),
        ({"route": "echo-model", "requests": 10**10}, 422), ({"route": "echo-model", "weight": 1}, 422),
    ],
)  # fmt: skip
def test_what_is_no_limit_is_refused(cast: Cast, route: Route, given: dict[str, Any], status: int) -> None:
    assert put(signed_in(cast.pat), **given).status_code == status
    assert not Capacity.objects.exists()


def test_the_page_shows_and_changes_each(cast: Cast, route: Route) -> None:
    fin, deployment = signed_in(cast.fin), route.targets.get().deployment
    put(fin, route="echo-model", requests=7)
    shown = fin.get(PAGE).content.decode()
    assert "Route echo-model" in shown and "echo-model at Echo" in shown and 'value="7"' in shown
    sent = {"subject": str(deployment.pk), f"{deployment.pk}-concurrent": "60", f"{deployment.pk}-requests": ""}
    assert fin.post(PAGE, sent).status_code == 302
    assert {(each.metric, each.amount) for each in Capacity.objects.all()} == {("requests", 7), ("concurrent", 60)}
    wrong = fin.post(PAGE, sent | {f"{deployment.pk}-concurrent": "none"})
    assert (wrong.status_code, "Enter a whole number" in wrong.content.decode()) == (422, True)
    assert fin.post(PAGE, sent | {"subject": "another"}).status_code == 404


def test_the_models_page_leads_there(cast: Cast, route: Route) -> None:
    where = "/catalog/models/echo-model/?tab=deployments"
    assert PAGE in signed_in(cast.pat).get(where).content.decode()
    assert PAGE not in signed_in(cast.dev).get(where).content.decode()


def test_the_page_asks_few_questions(cast: Cast, route: Route, django_assert_max_num_queries: Any) -> None:
    pat = signed_in(cast.pat)
    pat.get(PAGE)
    with django_assert_max_num_queries(12):
        pat.get(PAGE)


def test_a_tenant_has_a_weight(cast: Cast) -> None:
    pat, where = signed_in(cast.pat), "/api/limits/weight/"
    assert pat.get(where, {"tenant": "acme"}).json() == {"tenant": "acme", "weight": 1}
    assert pat.post(where, {"tenant": "acme", "weight": 5}, "application/json").json()["weight"] == 5
    assert signed_in(cast.vera).get(where, {"tenant": "acme"}).json()["weight"] == 5, "it is no secret in the tenant"
    page = "/tenants/acme/limits/change/?place=acme"
    assert 'name="weight"' in pat.get(page).content.decode()
    assert pat.post("/tenants/acme/limits/weight/", {"weight": "3"}).status_code == 302
    assert Tenant.objects.get(slug="acme").weight == 3
    facts = [each.facts for each in Entry.objects.filter(verb="tenant.weighed").order_by("at")]
    assert [(each["before"], each["after"]) for each in facts] == [(1, 5), (5, 3)]
    assert pat.post("/tenants/acme/limits/weight/", {"weight": "0"}).status_code == 422
    assert pat.post(where, {"tenant": "acme", "weight": 101}, "application/json").status_code == 422
    assert "the weight 3" in signed_in(cast.vera).get("/tenants/acme/limits/").content.decode()


def test_an_archived_tenants_weight_stays(cast: Cast) -> None:
    archiving.archive_tenant(tenant=cast.acme, by=cast.olivia)
    answer = signed_in(cast.pat).post("/api/limits/weight/", {"tenant": "acme", "weight": 5}, "application/json")
    assert answer.status_code == 409
