"""A key is narrowed to routes and networks: when it is issued, later, on the page and by the API alike."""

from __future__ import annotations

from typing import Any

import pytest

from access.models import Grant
from audit.models import Entry
from tenants import once
from tenants.key_scope import KeyIsOver, RouteNotGranted, narrow
from tenants.keys import issue, revoke
from tenants.models import ApiKey, Environment
from tenants.networks import MOST_NETWORKS, NetworkNotUnderstood, TooMany
from tests.approvals.test_pages import signed_in
from tests.cast import Cast, route
from tests.portal.test_api import Caller, ok, refused

HERE = "acme/support/development"


@pytest.fixture
def key(cast: Cast) -> ApiKey:
    """A key of an environment that was granted `echo-model`."""
    Grant.objects.create(tenant=cast.acme, environment=cast.environment(), route=route(), purpose="Try")
    return issue(environment=cast.environment(), name="Job", by=cast.dev).key


def test_it_works(cast: Cast, key: ApiKey) -> None:
    narrow(key=key, by=cast.dev, allowed_routes=["echo-model"], allowed_networks=["10.0.0.0/8", "2001:DB8::/32"])
    key.refresh_from_db()
    assert (key.allowed_routes, key.allowed_networks) == (["echo-model"], ["10.0.0.0/8", "2001:db8::/32"])
    entry = Entry.objects.get(verb="key.narrowed")
    assert (entry.actor_label, entry.tenant) == ("Dev", "acme")
    assert entry.facts["before"] == {"allowed_routes": [], "allowed_networks": []}
    assert entry.facts["after"]["allowed_networks"] == ["10.0.0.0/8", "2001:db8::/32"]


def test_the_same_again_changes_nothing_and_an_empty_list_lifts_it(cast: Cast, key: ApiKey) -> None:
    for _ in range(2):
        narrow(key=key, by=cast.dev, allowed_networks=["10.0.0.0/8"])
    assert Entry.objects.filter(verb="key.narrowed").count() == 1
    assert narrow(key=key, by=cast.dev, allowed_networks=[]).allowed_networks == []


def test_what_is_left_out_stays(cast: Cast, key: ApiKey) -> None:
    narrow(key=key, by=cast.dev, allowed_routes=["echo-model"])
    assert narrow(key=key, by=cast.dev, allowed_networks=["192.0.2.7"]).allowed_routes == ["echo-model"]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        (" 2001:0db8:0::/48 ", "2001:db8::/48"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_networks_are_kept_in_one_form(cast: Cast, key: ApiKey, typed: str, kept: str) -> None:
    assert narrow(key=key, by=cast.dev, allowed_networks=[typed, typed]).allowed_networks == [kept]


@pytest.mark.parametrize(
    "typed",
    [
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0",
        "10",
        "example.org",
        "fe80::1%eth0",
        "2001:db8::/129",
        "::1/0",
        "1\0",
        "٣.٣.٣.٣",
    ],
)
def test_what_is_no_network_is_told_and_changes_nothing(cast: Cast, key: ApiKey, typed: str) -> None:
    with pytest.raises(NetworkNotUnderstood) as told:
        narrow(key=key, by=cast.dev, allowed_networks=["10.0.0.0/8", typed])
    assert told.value.field == "allowed_networks"
    key.refresh_from_db()
    assert key.allowed_networks == []


def test_an_address_within_a_network_is_told_the_network(cast: Cast, key: ApiKey) -> None:
    with pytest.raises(NetworkNotUnderstood, match=r"Write 10\.0\.0\.0/8 for the network"):
        narrow(key=key, by=cast.dev, allowed_networks=["10.1.2.3/8"])


def test_a_route_that_was_not_granted_is_refused_unless_the_key_names_it_already(cast: Cast, key: ApiKey) -> None:
    with pytest.raises(RouteNotGranted, match="It may call echo-model"):
        narrow(key=key, by=cast.dev, allowed_routes=["nothing"])
    narrow(key=key, by=cast.dev, allowed_routes=["echo-model"])
    Grant.objects.all().delete()
    assert narrow(key=key, by=cast.dev, allowed_routes=["echo-model"]).allowed_routes == ["echo-model"]


def test_there_is_a_most(cast: Cast, key: ApiKey) -> None:
    with pytest.raises(TooMany):
        narrow(key=key, by=cast.dev, allowed_networks=[f"10.0.{i}.0/24" for i in range(MOST_NETWORKS + 1)])


def test_a_revoked_key_stays_as_it_was(cast: Cast, key: ApiKey) -> None:
    revoke(key=key, by=cast.dev)
    with pytest.raises(KeyIsOver):
        narrow(key=key, by=cast.dev, allowed_networks=["10.0.0.0/8"])


def test_a_key_is_issued_narrowed_on_the_page(cast: Cast, key: ApiKey) -> None:
    form: dict[str, Any] = {"environment": cast.environment().pk, "name": "Narrow", "expiry": "90"}
    form |= {"allowed_routes": "echo-model", "allowed_networks": "10.0.0.0/8, 192.0.2.7\n2001:db8::/32"}
    client, page = signed_in(cast.dev), "/tenants/acme/keys/issue/"
    for wrong, told in (
        ({"allowed_routes": ["echo-model", "nothing"]}, "“nothing” is no route that this environment may call."),
        ({"allowed_networks": "10.0.0.0/8 10.0.0.1/8"}, "10.0.0.0/8 10.0.0.1/8"),
    ):
        answer = client.post(page, form | wrong | {"once": once.new_token()})
        assert answer.status_code == 422
        text = answer.content.decode()
        assert "aria-invalid" in text and told in text and "checked" in text, "what was chosen is still there"
    assert client.post(page, form | {"once": once.new_token()}).status_code == 200
    made = ApiKey.objects.get(name="Narrow")
    assert made.allowed_routes == ["echo-model"]
    assert made.allowed_networks == ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]


def test_the_routes_to_choose_from_are_those_of_the_environment(cast: Cast, key: ApiKey) -> None:
    client, page = signed_in(cast.dev), "/tenants/acme/keys/issue/"
    test = cast.environment("test")
    assert 'value="echo-model"' in client.get(f"{page}?environment=acme/support/development").content.decode()
    assert 'value="echo-model"' not in client.get(f"{page}?environment=acme/support/test").content.decode()
    by_htmx: dict[str, str] = {"HX-Request": "true"}
    part = client.get(page, {"environment": cast.environment().pk}, headers=by_htmx).content.decode()
    assert part.strip().startswith('<div id="routes">') and 'value="echo-model"' in part
    part = client.get(page, {"environment": test.pk}, headers=by_htmx).content.decode()
    assert "Support · Test was granted no route yet" in part
    foreign = Environment.objects.filter(tenant=cast.globex).first()
    for nothing in ("nonsense", foreign.pk if foreign else "", "globex/x/test"):
        part = client.get(page, {"environment": nothing}, headers=by_htmx).content.decode()
        assert part.strip() == '<div id="routes"></div>'
    form = {
        "environment": test.pk,
        "name": "x",
        "expiry": "90",
        "once": once.new_token(),
        "allowed_routes": "echo-model",
    }
    assert client.post(page, form).status_code == 422, "what another environment may call"


def test_its_page_tells_the_scope_and_changes_it(cast: Cast, key: ApiKey) -> None:
    client, page = signed_in(cast.dev), f"/tenants/acme/keys/{key.pk}/scope/"
    assert "echo-model" in client.get(page).content.decode()
    wrong = client.post(page, {"allowed_routes": ["nothing"], "allowed_networks": "10.0.0.1/8"})
    assert wrong.status_code == 422 and "10.0.0.1/8" in wrong.content.decode()
    sent = client.post(page, {"allowed_routes": ["echo-model"], "allowed_networks": "10.0.0.0/8"})
    assert sent.status_code == 302
    shown = client.get(f"/tenants/acme/keys/{key.pk}/").content.decode()
    assert "<code>echo-model</code>" in shown and "<code>10.0.0.0/8</code>" in shown


def test_the_api_issues_shows_and_changes_it(cast: Cast, key: ApiKey) -> None:
    dev = Caller(cast.dev)
    scope = {"allowed_routes": ["echo-model"], "allowed_networks": ["10.0.0.0/8"]}
    made = ok(dev.post("keys/", environment=HERE, name="Narrow", **scope), 201)
    assert made | scope == made
    assert ok(dev.patch(f"keys/{made['id']}/", allowed_networks=[]))["allowed_routes"] == ["echo-model"]
    assert dev.get(f"keys/{made['id']}/")["allowed_networks"] == []
    problem = refused(dev.patch(f"keys/{made['id']}/", allowed_networks=["10.0.0.1/8"]), 422, "network_not_understood")
    assert problem["field"] == "allowed_networks"
    problem = refused(dev.post("keys/", environment=HERE, name="x", allowed_routes=["no"]), 422, "unknown_route")
    assert problem["field"] == "allowed_routes"
    assert "allowed_routes" in refused(dev.patch(f"keys/{made['id']}/", allowed_routes="echo-model"), 422)["errors"]
    assert "tenant" in refused(dev.patch(f"keys/{made['id']}/", tenant="globex"), 422)["errors"]


def test_which_keys_open_all_of_production_from_anywhere_is_a_filter_with_the_mend_beside_it(cast: Cast) -> None:
    wide = issue(environment=cast.environment("production"), name="wide", by=cast.olivia).key
    issue(environment=cast.environment("development"), name="harmless", by=cast.olivia)
    issue(environment=cast.environment("production"), name="narrow", by=cast.olivia, allowed_networks=["10.0.0.0/8"])
    client = signed_in(cast.olivia)
    page = client.get("/tenants/acme/keys/?state=powerful").content.decode()
    assert "1–1 of 1" in page and "wide" in page and "harmless" not in page
    assert f"/keys/{wide.pk}/scope/" in page
    assert [key["name"] for key in client.get("/api/keys/?state=powerful").json()["results"]] == ["wide"]
    narrow(key=wide, by=cast.olivia, allowed_networks=["10.0.0.0/8"])
    assert client.get("/api/keys/?state=powerful").json()["results"] == []


def test_without_scripts_one_begins_with_the_environment_to_choose_routes(cast: Cast) -> None:
    page = signed_in(cast.olivia).get("/tenants/acme/keys/issue/?environment=acme/gone/test").content.decode()
    assert '<a href="?environment=acme/support/production">' in page
