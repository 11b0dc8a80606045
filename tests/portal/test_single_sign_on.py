"""An organisation's own sign-in service (OpenID Connect), configured by the environment, tried against a real one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from oidc_provider_mock import User as Vouched
from oidc_provider_mock import run_server_in_thread

from portal import oidc
from tenants.directory.rules import make_rule
from tenants.models import Membership, Notification, User
from tests.browser.server import serving
from tests.cast import Cast
from tests.installation import free_port

START = "/accounts/oidc/staff/login/"


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return Cast.create()


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The address of a sign-in service that knows three people."""
    people = [
        Vouched(sub="s-1", claims={"email": "sam@example.test", "email_verified": True, "name": "Sam Staff"}),
        Vouched(sub="s-2", claims={"email": "dev@example.test", "email_verified": True, "name": "Dev"}),
        Vouched(sub="s-3", claims={"email": "olivia@example.test", "email_verified": False, "name": "Mallory"}),
    ]
    with run_server_in_thread(user_claims=people) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def grouped() -> Iterator[str]:
    """The address of a sign-in service that claims groups; whose claims can be set anew."""
    with run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


def claim(server: str, subject: str, **claims: Any) -> None:
    told = {"email": f"{subject}@example.test", "email_verified": True, "name": subject.title(), **claims}
    httpx.put(f"{server}/users/{subject}", json=told).raise_for_status()


def atrium(folder: Path, server_url: str) -> Iterator[str]:
    variables = {
        "ATRIUM_OIDC_STAFF_SERVER_URL": server_url,
        "ATRIUM_OIDC_STAFF_CLIENT_ID": "atrium",
        "ATRIUM_OIDC_STAFF_CLIENT_SECRET": "a secret of both",
        "ATRIUM_OIDC_STAFF_LABEL": "Example staff",
    }
    with serving(str(connection.settings_dict["NAME"]), folder / "log", **variables) as address:
        yield address


@pytest.fixture(scope="module")
def address(django_db_setup: None, service: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from atrium(tmp_path_factory.mktemp("sign-on"), service)


@pytest.fixture
def browser(cast: Cast, address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, follow_redirects=True, timeout=20) as made:
        yield made


def sign_on(browser: httpx.Client, subject: str) -> httpx.Response:
    """The whole way: our button, the service's form, and back."""
    there = browser.get(START)
    assert there.url.path == "/oauth2/authorize", there.text
    return browser.post(there.url, data={"sub": subject})


def test_the_button_carries_the_label_and_leads_to_the_service(browser: httpx.Client) -> None:
    page = browser.get("/accounts/login/").text
    assert "Sign in with Example staff" in page
    assert START in page
    asked = browser.get(START).url.params
    assert asked["client_id"] == "atrium"
    assert asked["code_challenge_method"] == "S256"
    assert set(asked["scope"].split()) == {"openid", "profile", "email"}


def test_a_newcomer_gets_an_account_with_name_and_address_and_the_second_time_the_same(browser: httpx.Client) -> None:
    assert sign_on(browser, "s-1").url.path == "/"
    sam = User.objects.get(email="sam@example.test")
    assert (sam.display_name, sam.has_usable_password()) == ("Sam Staff", False)
    browser.cookies.clear()
    assert sign_on(browser, "s-1").url.path == "/"
    assert User.objects.filter(email="sam@example.test").count() == 1


def test_an_address_that_the_service_has_verified_leads_to_the_account_that_has_it(browser: httpx.Client) -> None:
    landed = sign_on(browser, "s-2")
    assert landed.url.path == "/"
    assert 'data-user="dev"' in landed.text


def test_an_address_that_nobody_verified_takes_over_no_account(browser: httpx.Client) -> None:
    landed = sign_on(browser, "s-3")
    assert landed.status_code == 200
    assert 'data-user="olivia"' not in landed.text
    assert browser.get("/catalog/").url.path == "/accounts/login/"


def test_who_changes_their_mind_at_the_service_is_told_so(browser: httpx.Client) -> None:
    there = browser.get(START)
    landed = browser.post(there.url, data={"action": "deny"})
    assert landed.url.host == "127.0.0.1"
    assert landed.status_code < 500
    assert "/accounts/login/" in landed.text


def test_a_service_that_is_away_is_told_in_words(cast: Cast, tmp_path: Path) -> None:
    for address in atrium(tmp_path, f"http://localhost:{free_port()}"):
        told = httpx.get(f"{address}{START}", follow_redirects=True, timeout=20)
        assert told.status_code == 502
        assert "sign-in service does not answer" in told.text
        assert 'href="/accounts/login/"' in told.text


def test_what_is_missing_in_the_environment_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match="lacks ATRIUM_OIDC_STAFF_CLIENT_SECRET"):
        oidc.providers({"ATRIUM_OIDC_STAFF_SERVER_URL": "https://login.test", "ATRIUM_OIDC_STAFF_CLIENT_ID": "a"})


def test_two_services_may_stand_side_by_side() -> None:
    variables = {
        f"ATRIUM_OIDC_{name}_{part}": f"{name}-{part}"
        for name in ("STAFF", "PARTNERS_EU")
        for part in ("SERVER_URL", "CLIENT_ID", "CLIENT_SECRET")
    }
    apps = oidc.providers(variables)["openid_connect"]["APPS"]
    assert [(app["provider_id"], app["name"]) for app in apps] == [("partners-eu", "Partners Eu"), ("staff", "Staff")]


def test_two_services_with_one_client_id_are_refused() -> None:
    variables = {
        f"ATRIUM_OIDC_{name}_{part}": text
        for name in ("STAFF", "PARTNERS")
        for part, text in (("SERVER_URL", f"https://{name}.test"), ("CLIENT_ID", "atrium"), ("CLIENT_SECRET", "x"))
    }
    with pytest.raises(ImproperlyConfigured, match="“partners” and “staff” have the same CLIENT_ID"):
        oidc.providers(variables)


def test_somebody_without_an_address_is_asked_for_one(browser: httpx.Client) -> None:
    asked = sign_on(browser, "nobody-special")
    assert (asked.status_code, asked.url.path) == (200, "/accounts/3rdparty/signup/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', asked.text)
    assert token is not None
    sent = {"email": "special@example.test", "username": "special", "csrfmiddlewaretoken": token[1]}
    landed = browser.post(asked.url, data=sent, headers={"referer": str(asked.url)})
    assert landed.url.path == "/"
    assert User.objects.get(username="special").email == "special@example.test"


def test_groups_that_the_service_claims_give_memberships_by_the_rules_and_take_them_again(
    cast: Cast, grouped: str, tmp_path: Path
) -> None:
    for name, role in (("Builders", "developer"), ("Lookers", "viewer")):
        make_rule(tenant=cast.acme, of_platform=True, group_name=name, role=role, by=cast.pat)

    def role_of(name: str) -> str | None:
        return Membership.objects.filter(user__username=name, tenant=cast.acme).values_list("role", flat=True).first()

    many = [f"group {number}" for number in range(5_000)]
    for address in atrium(tmp_path, grouped):
        with httpx.Client(base_url=address, follow_redirects=True, timeout=20) as browser:
            for groups, role in (
                ([*many, "builders"], "developer"), ([*many, "LOOKERS"], "viewer"), (None, "viewer"), (many, None),
                ("Builders", "developer"), ([7, {"a": 1}, None, "x" * 300], None), ([], None),
            ):  # fmt: skip
                claim(grouped, "sam", **({} if groups is None else {"groups": groups}))
                before = role_of("sam")
                browser.cookies.clear()
                assert sign_on(browser, "sam").url.path == "/"
                assert role_of("sam") == role, groups
                assert (browser.get("/tenants/acme/").status_code == 200) is (role is not None)
                told = browser.get("/notifications/?state=unread").text
                assert ("No group of yours at your organisation" in told) is (role is None and before is not None)
                Notification.objects.all().delete()
            claim(grouped, "olivia", groups=["Lookers"])
            browser.cookies.clear()
            sign_on(browser, "olivia")
            assert role_of("olivia") == "owner"  # given by hand
