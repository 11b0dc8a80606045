"""The database is stopped and started again: people are told so, at once and in their own form, and all comes back."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from django.db import connection, transaction

from tenants.keys import issue
from tenants.models import User
from tests.browser.server import serving
from tests.cast import PASSWORD, Cast
from tests.faults.link import Link
from tests.installation import until

PAGES = ("/", "/catalog/", "/playground/", "/usage/", "/requests/", "/nothing-here/")


@pytest.fixture
def team(transactional_db: None) -> Cast:
    return Cast.create()


@pytest.fixture(scope="module")
def link() -> Iterator[Link]:
    with Link() as made:
        yield made


@pytest.fixture(scope="module")
def served(django_db_setup: None, link: Link, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A served Atrium whose wire to the database can be cut."""
    database = link.url(str(connection.settings_dict["NAME"]))
    patience = {"DATABASE_PATIENCE_S": "2.5", "DATABASE_STATEMENT_S": "4"}
    with serving("", tmp_path_factory.mktemp("outage") / "log", DATABASE_URL=database, **patience) as address:
        yield address


@pytest.fixture
def address(team: Cast, link: Link, served: str) -> Iterator[str]:
    """It, with its database before the test and after it."""
    yield served
    link.mend()
    until(lambda: httpx.get(f"{served}/readyz").status_code == 200, within_s=15, what="the database is back")


@pytest.fixture
def dev(address: str) -> Iterator[httpx.Client]:
    """Dev's browser, signed in by the form."""
    with httpx.Client(base_url=address, timeout=20, headers={"referer": address}) as browser:
        form = browser.get("/accounts/login/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        assert token is not None
        sent = {"login": "dev", "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        assert browser.post("/accounts/login/", data=sent).headers["location"] == "/"
        yield browser


def test_it_works(link: Link, dev: httpx.Client) -> None:
    assert [dev.get(path).status_code for path in PAGES] == [200] * 5 + [404]


def test_pages_say_so_while_it_lasts_and_come_back_by_themselves(link: Link, dev: httpx.Client) -> None:
    link.cut()
    first = dev.get("/catalog/")
    assert first.status_code == 503
    began = time.monotonic()
    for path in (*PAGES, "/accounts/login/"):
        told = dev.get(path)
        assert told.status_code == 503, path
        assert told.headers["retry-after"] == "5"
        assert "Atrium cannot reach its database" in told.text
        assert told.headers["content-security-policy"] == dev.get("/healthz").headers["content-security-policy"]
    assert time.monotonic() - began < 10, "only the first of them has waited"
    link.mend()
    until(lambda: dev.get("/").status_code == 200, within_s=8, what="pages are served again")
    assert [dev.get(path).status_code for path in PAGES] == [200] * 5 + [404], "and nobody had to sign in again"


def test_a_restart_of_a_second_is_waited_for(link: Link, dev: httpx.Client) -> None:
    link.cut()
    threading.Timer(1.5, link.mend).start()
    assert dev.get("/catalog/").status_code == 200


def test_a_database_that_says_nothing_is_told_like_one_that_is_away(link: Link, dev: httpx.Client) -> None:
    link.hang()
    began = time.monotonic()
    assert dev.get("/catalog/").status_code == 503
    assert time.monotonic() - began < 15, "the first of them has waited, but not for ever"
    began = time.monotonic()
    for path in PAGES:
        assert dev.get(path).status_code == 503, path
    assert time.monotonic() - began < 15
    link.mend()
    until(lambda: dev.get("/").status_code == 200, within_s=12, what="pages are served again")


def test_a_page_that_waits_for_a_lock_is_ended_and_told_so(link: Link, dev: httpx.Client, team: Cast) -> None:
    def rename() -> httpx.Response:
        form = {"display_name": "Devika", "time_zone": "UTC", "theme": "system"}
        return dev.post("/accounts/settings/", data=form | {"csrfmiddlewaretoken": dev.cookies["csrftoken"]})

    with transaction.atomic():
        User.objects.select_for_update().get(pk=team.dev.pk)
        told = rename()
    assert told.status_code == 503
    assert "This took too long" in told.text and "Nothing was changed" in told.text
    assert rename().status_code == 302


def test_programs_are_told_in_their_own_form(link: Link, dev: httpx.Client) -> None:
    link.cut()
    problem = dev.get("/api/models/")
    assert problem.status_code == 503
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["code"] == "database_unreachable"
    toast = dev.get("/catalog/", headers={"HX-Request": "true"})
    assert (toast.status_code, toast.headers["hx-reswap"]) == (503, "none")
    assert toast.json()["title"] == "Atrium cannot reach its database"
    ready = httpx.get(f"{dev.base_url}/readyz")
    assert (ready.status_code, ready.json()["database"]) == (503, "unreachable")
    assert httpx.get(f"{dev.base_url}/healthz").status_code == 200, "the process itself is well"


def test_a_form_that_was_sent_into_it_changed_nothing_and_can_be_sent_again(link: Link, dev: httpx.Client) -> None:
    def rename(name: str) -> httpx.Response:
        form = {"display_name": name, "time_zone": "UTC", "theme": "system"}
        return dev.post("/accounts/settings/", data=form | {"csrfmiddlewaretoken": dev.cookies["csrftoken"]})

    link.cut()
    told = rename("Devika")
    assert told.status_code == 503
    assert "Go back in a few seconds" in told.text
    link.mend()
    until(lambda: dev.get("/").status_code == 200, within_s=8, what="pages are served again")
    assert "Devika" not in dev.get("/accounts/settings/").text
    assert rename("Devika").status_code == 302
    assert "Devika" in dev.get("/accounts/settings/").text


def test_the_gateway_goes_on_and_a_new_key_is_known_afterwards(link: Link, dev: httpx.Client, team: Cast) -> None:
    key = issue(environment=team.environment(), name="Laptop", by=team.dev).secret
    bearer = {"authorization": f"Bearer {key}"}
    address = str(dev.base_url)
    until(lambda: httpx.get(f"{address}/v1/models", headers=bearer).status_code == 200, within_s=5, what="key known")
    link.cut()
    assert httpx.get(f"{address}/v1/models", headers=bearer).status_code == 200
    later = issue(environment=team.environment(), name="Later", by=team.dev).secret
    asked = {"authorization": f"Bearer {later}"}
    assert httpx.get(f"{address}/v1/models", headers=asked).status_code == 401
    link.mend()
    until(lambda: httpx.get(f"{address}/v1/models", headers=asked).status_code == 200, within_s=10, what="key known")
