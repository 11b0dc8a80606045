"""Who may open which page of a tenant: members by permission, people above tenants, strangers never."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tenants import keys
from tenants.models import User
from tests.cast import Cast

BACKEND = "tenants.backends.AccountBackend"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, BACKEND)
    return client


# page → who gets which status; whoever is not named gets 404
PAGES = {
    "tenants:overview": {"olivia": 200, "dev": 200, "vera": 200, "pat": 200, "fin": 200, "ada": 200},
    "tenants:members": {"olivia": 200, "dev": 200, "vera": 200, "pat": 200, "fin": 200, "ada": 200},
    "tenants:projects": {"olivia": 200, "dev": 200, "vera": 200, "pat": 200, "fin": 200, "ada": 200},
    "tenants:keys": {"olivia": 200, "dev": 200, "vera": 200, "pat": 200, "fin": 200, "ada": 200},
    "tenants:roles": {"olivia": 200, "dev": 200, "vera": 200, "pat": 200, "fin": 200, "ada": 200},
    "tenants:issue-key": {"olivia": 200, "dev": 200, "vera": 403, "pat": 403, "fin": 403, "ada": 403},
    "tenants:settings": {"olivia": 200, "dev": 403, "vera": 403, "pat": 200, "fin": 403, "ada": 403},
    "tenants:audit": {"olivia": 200, "dev": 403, "vera": 403, "pat": 200, "fin": 403, "ada": 200},
}


@pytest.mark.parametrize("page", PAGES)
def test_each_page_opens_for_whom_it_should(cast: Cast, page: str) -> None:
    answers = {}
    for name in ("olivia", "dev", "vera", "pat", "fin", "ada", "greta", "rita", "ned"):
        answers[name] = signed_in(getattr(cast, name)).get(reverse(page, args=["acme"])).status_code
    assert answers == PAGES[page] | {"greta": 404, "rita": 404, "ned": 404}


@pytest.mark.parametrize("page", PAGES)
def test_a_foreign_tenant_looks_like_a_missing_one(cast: Cast, page: str) -> None:
    client = signed_in(cast.greta)
    foreign, missing = (client.get(reverse(page, args=[slug])) for slug in ("acme", "nomad"))
    assert foreign.status_code == missing.status_code == 404
    assert "Acme" not in foreign.content.decode()


def test_nobody_is_sent_to_sign_in(cast: Cast) -> None:
    answer = Client().get(reverse("tenants:keys", args=["acme"]))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


def test_tabs_show_only_what_may_be_opened(cast: Cast) -> None:
    of_owner = signed_in(cast.olivia).get("/tenants/acme/").content.decode()
    of_viewer = signed_in(cast.vera).get("/tenants/acme/").content.decode()
    for path in ("/tenants/acme/settings/", "/tenants/acme/audit/"):
        assert f'href="{path}"' in of_owner
        assert f'href="{path}"' not in of_viewer
    assert 'href="/tenants/acme/members/"' in of_viewer


def test_a_key_of_another_tenant_is_not_reached_through_ones_own(cast: Cast) -> None:
    foreign = keys.issue(environment=cast.environment(of=cast.foreign_project), name="theirs", by=cast.greta).key
    client = signed_in(cast.olivia)
    assert client.get(f"/tenants/acme/keys/{foreign.pk}/").status_code == 404
    assert client.post(f"/tenants/acme/keys/{foreign.pk}/revoke/").status_code == 404
    foreign.refresh_from_db()
    assert foreign.revoked_at is None
