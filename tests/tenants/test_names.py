"""A name is what people see: it holds nothing that hides, and nothing that turns what is written after it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from tenants.keys import issue
from tenants.models import Tenant, User
from tests.cast import Cast
from tests.directory.service import Service
from tests.tenants.test_invitations import signed_in

pytestmark = pytest.mark.django_db
HIDDEN = [
    "Ac\u202eme",
    "Ac\u200bme",
    "Ac\u2066me",
    "Ac\u2028me",
    "Ac\x07me",
    "Acme\ue000",
    "Ac\u200dme",
    "Ac\u3164me",
    "\u2800",
]


@pytest.fixture
def olivia(cast: Cast) -> Client:
    return signed_in(cast.olivia)


def sent(client: Client, verb: str, path: str, **body: Any) -> Any:
    return client.generic(verb, path, json.dumps(body), "application/json")


def test_it_works(cast: Cast, olivia: Client) -> None:
    told = sent(olivia, "PATCH", "/api/tenants/acme/", name="Ac\u202eme")
    assert told.status_code == 422 and told.json()["field"] == "name"
    assert told.json()["detail"].startswith("U+202E (Right-to-left override) cannot be seen")
    assert Tenant.objects.get(slug="acme").name == "Acme"


WRITTEN = [
    "Société Générale\u00a0№\u202f1", "Ｆｕｌｌ", "שלום", "财务", "Crème — brûlée", "\u0645\u06cc\u200c\u062e",
    "\U0001f469\u200d\U0001f373",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "\U0001fae9",
]  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_what_people_write_is_taken(olivia: Client, name: str) -> None:
    assert sent(olivia, "PATCH", "/api/tenants/acme/", name=name).json()["name"] == name


@pytest.mark.parametrize("name", HIDDEN)
def test_it_holds_for_what_is_named_by_a_program(cast: Cast, olivia: Client, name: str) -> None:
    key = issue(environment=cast.environment("test"), name="Key", by=cast.olivia).key
    support = cast.acme.projects.get(slug="support")
    answers = [
        sent(olivia, "PATCH", f"/api/projects/{support.pk}/", name=name),
        sent(olivia, "POST", "/api/projects/", tenant="acme", slug="other", name=name),
        sent(olivia, "POST", "/api/keys/", environment="acme/support/test", name=name),
        sent(olivia, "POST", "/api/tokens/", name=name),
        sent(olivia, "POST", "/api/service-accounts/", tenant="acme", name="bot", purpose=name),
        sent(olivia, "PATCH", "/api/me/", display_name=name),
        sent(signed_in(cast.pat), "POST", "/api/tenants/", slug="other", name=name, owner="ned"),
    ]
    assert [answer.status_code for answer in answers] == [422] * len(answers)
    assert key.environment.tenant.keys.count() == 1 and not User.objects.filter(is_service=True).exists()


def test_the_wizard_refuses_it_before_anybody_reads_it(cast: Cast) -> None:
    team = {"name": HIDDEN[0], "slug": "other", "line_of_business": "x", "cost_centre": "x", "sponsor": "x"}
    told = sent(signed_in(cast.ned), "POST", "/api/onboardings/", answers={"team": team})
    assert told.status_code == 422 and "cannot be seen" in told.json()["detail"]


def test_the_page_of_ones_own_settings_says_so_beside_the_field(cast: Cast, olivia: Client) -> None:
    page = olivia.post("/accounts/settings/", {"display_name": HIDDEN[1], "time_zone": "UTC", "theme": "system"})
    assert page.status_code == 422 and "Zero width space" in page.content.decode()


def test_a_directory_is_not_refused_for_a_name_and_what_hides_in_it_is_left_out(cast: Cast) -> None:
    service = Service(None, cast.pat)
    service.user("zoe", displayName="Ann\u202eetar", name={"givenName": "\u3164", "familyName": "Ze\u200bst"})
    zoe = User.objects.get(username="zoe")
    assert (zoe.display_name, zoe.first_name, zoe.last_name) == ("Annetar", "", "Zest")
