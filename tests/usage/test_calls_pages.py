"""Calls are listed newest first and found by what is known of them; a call's page spells its price out."""

from __future__ import annotations

import csv
import io
import re
import uuid
from decimal import Decimal
from html import unescape

import pytest
from django.test import Client

from access.granting import grant
from approvals.models import Decision
from tests.cast import Cast, route
from tests.usage.ledger_lines import called

pytestmark = pytest.mark.django_db


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, response.content[:500]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", response.content.decode())))


def listed(client: Client, address: str) -> list[str]:
    return re.findall(r'<tr id="call-([0-9a-f-]+)"', client.get(address).content.decode())


def test_it_works(cast: Cast, client: Client) -> None:
    first, second = called(cast.environment(), days_ago=2), called(cast.environment(), by=cast.dev)
    client.force_login(cast.vera)
    assert listed(client, "/usage/calls/") == [str(second.pk), str(first.pk)]
    assert "312" in page(client, "/usage/calls/") and "$0.00904" in page(client, "/usage/calls/")


def test_each_filter_finds_its_calls(cast: Cast, client: Client) -> None:
    plain = str(called(cast.environment()).pk)
    other = str(
        called(
            cast.environment("production"), by=cast.dev, route="other", outcome="failed", request_id="r-2", status=502
        ).pk
    )
    client.force_login(cast.vera)
    for query in (
        "route=other", "outcome=errors", "outcome=failed", "person=dev", "origin=playground", "request=r-2",
        "environment=production", "environment=acme/support/production", "tenant=acme&route=other", "key=playground",
    ):  # fmt: skip
        assert listed(client, f"/usage/calls/?{query}") == [other], query
    assert listed(client, "/usage/calls/?key=atrium_dev_0123456789ab") == [plain]
    assert listed(client, "/usage/calls/?project=acme/support") == [other, plain]
    assert listed(client, "/usage/calls/?outcome=ok&person=dev") == []
    assert "Take away" in page(client, "/usage/calls/?route=nothing")
    assert "is one of" in page(client, "/usage/calls/?outcome=nonsense")


def test_paging_shows_every_call_once_though_new_ones_arrive(cast: Cast, client: Client) -> None:
    made = [str(called(cast.environment(), days_ago=n / 100).pk) for n in range(120)]
    client.force_login(cast.vera)
    seen, address = [], "/usage/calls/"
    while True:
        content = client.get(address).content.decode()
        seen += re.findall(r'<tr id="call-([0-9a-f-]+)"', content)
        called(cast.environment())
        older = re.search(r'href="(\?[^"]*before=[^"]*)"[^>]*rel="next"', content)
        if older is None:
            break
        address = "/usage/calls/" + unescape(older[1])
    assert seen == made
    newer = re.search(r'href="(\?[^"]*after=[^"]*)"[^>]*rel="prev"', content)
    assert newer is not None
    assert listed(client, "/usage/calls/" + unescape(newer[1])) == made[50:100]


@pytest.mark.parametrize("place", ["x", "2026-01-01~1", "2026-01-01T00:00:00+00:00~x", "%00~%00"])
def test_a_place_that_cannot_be_read_shows_the_newest(cast: Cast, client: Client, place: str) -> None:
    made = called(cast.environment())
    client.force_login(cast.vera)
    assert listed(client, f"/usage/calls/?before={place}") == [str(made.pk)]


def test_the_price_is_spelled_out(cast: Cast, client: Client) -> None:
    made = called(cast.environment())
    client.force_login(cast.vera)
    shown = page(client, f"/usage/calls/{made.pk}/")
    assert "312 × $3.00/M + 540 × $15.00/M = 0.009036 USD" in shown
    assert "Until the first token" in shown and "270 tokens a second" in shown


def test_cached_tokens_have_their_own_price(cast: Cast, client: Client) -> None:
    made = called(
        cast.environment(),
        cached_input_tokens=300,
        cached_input_per_million=Decimal("0.3"),
        cost=Decimal("0.008226"),
    )
    client.force_login(cast.vera)
    assert "12 × $3.00/M + 300 × $0.30/M + 540 × $15.00/M = 0.008226 USD" in page(client, f"/usage/calls/{made.pk}/")


def test_a_call_without_a_price_says_so(cast: Cast, client: Client) -> None:
    made = called(cast.environment(), cost=None, input_per_million=None, output_per_million=None)
    client.force_login(cast.vera)
    assert "No price was known" in page(client, f"/usage/calls/{made.pk}/")


def test_an_error_comes_with_what_to_do(cast: Cast, client: Client) -> None:
    made = called(
        cast.environment(),
        outcome="failed",
        status=429,
        error_code="provider_busy",
        error_message="Echo takes no more calls <script>",
        first_token_ms=None,
    )
    client.force_login(cast.vera)
    content = client.get(f"/usage/calls/{made.pk}/").content.decode()
    assert "Send it again a little later" in content and "provider_busy" in content
    assert "<script>" not in content.split("<main")[1]


def test_a_strangers_call_does_not_exist(cast: Cast, client: Client) -> None:
    made = called(cast.environment())
    client.force_login(cast.greta)
    foreign = client.get(f"/usage/calls/{made.pk}/")
    missing = client.get(f"/usage/calls/{uuid.uuid4()}/")
    assert foreign.status_code == missing.status_code == 404
    assert listed(client, "/usage/calls/") == []


def test_my_own_call_is_mine_where_i_am_no_member(cast: Cast, client: Client) -> None:
    made = called(cast.environment(), by=cast.ned)
    client.force_login(cast.ned)
    assert listed(client, "/usage/calls/") == [str(made.pk)]
    assert client.get(f"/usage/calls/{made.pk}/").status_code == 200


def test_the_decision_that_allowed_it_is_one_link_away(cast: Cast, client: Client) -> None:
    given = grant(environment=cast.environment(), route=route(), by=cast.pat)
    made = called(cast.environment(), grant_id=given.pk, decision_id=(decision := uuid.uuid4()))
    client.force_login(cast.vera)
    assert f'href="/decisions/{decision}/"' in client.get(f"/usage/calls/{made.pk}/").content.decode()
    assert not Decision.objects.exists()


def test_watching_live_asks_again_and_only_for_the_first_page(cast: Cast, client: Client) -> None:
    called(cast.environment())
    client.force_login(cast.vera)
    assert 'hx-trigger="every 2s"' in client.get("/usage/calls/?live=1").content.decode()
    assert "hx-trigger" not in client.get("/usage/calls/").content.decode().split("<main")[1]
    part = client.get("/usage/calls/?live=1", headers={"HX-Request": "true", "HX-Target": "div#calls"})
    assert part.content.decode().strip().startswith('<div id="calls"')


def test_all_calls_as_csv(cast: Cast, client: Client) -> None:
    for number in range(2_105):
        if number % 500 == 0 or number > 2_100:
            called(cast.environment(), days_ago=number / 1000, error_message="=1+1", key_name="@x")
    client.force_login(cast.vera)
    text = b"".join(client.get("/usage/calls/export.csv?route=echo").streaming_content).decode("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert len(lines) == 9
    assert lines[0]["project"] == "support" and lines[0]["key name"] == "'@x" and lines[0]["cost"] == "0.009036000000"


def test_the_list_needs_few_queries(cast: Cast, client: Client, django_assert_max_num_queries: object) -> None:
    for number in range(60):
        called(cast.environment(("development", "test")[number % 2]), by=cast.dev)
    client.force_login(cast.vera)
    client.get("/usage/calls/")
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        client.get("/usage/calls/")


def test_a_page_leaves_out_just_the_filter_that_it_cannot_read_and_its_file_too(cast: Cast, client: Client) -> None:
    mine = str(called(cast.environment()).pk)
    called(cast.environment(of=cast.foreign_project))
    client.force_login(cast.fin)
    address = "/usage/calls/?tenant=acme&origin=bogus&outcome=bogus&period=7d"
    assert listed(client, address) == [mine]
    assert page(client, address).count("Left out:") == 2
    assert 'href="/usage/calls/export.csv?tenant=acme&amp;period=7d"' in client.get(address).content.decode()


@pytest.mark.parametrize("wrong", ["origin=bogus", "outcome=bogus", "since=yesterday", "route=%00", "by=bogus"])
def test_a_file_with_a_filter_that_cannot_be_read_is_refused(cast: Cast, client: Client, wrong: str) -> None:
    called(cast.environment(of=cast.foreign_project))
    client.force_login(cast.fin)
    for path in ("/usage/calls/export.csv", "/usage/export.csv"):
        answer = client.get(f"{path}?tenant=acme&{wrong}")
        assert answer.status_code == 422 and "Please check" in answer.content.decode(), path


def test_the_oldest_calls_come_first_on_request(cast: Cast, client: Client) -> None:
    made = [str(called(cast.environment(), days_ago=number).pk) for number in range(3)]
    client.force_login(cast.vera)
    assert listed(client, "/usage/calls/?sort=when") == made[::-1]
    assert "hx-trigger" not in client.get("/usage/calls/?sort=when&live=1").content.decode().split("<main")[1]
    lines = client.get("/usage/calls/export.csv?sort=when").getvalue().decode().splitlines()  # type: ignore[attr-defined]
    assert [line.split(",")[0] for line in lines[1:]] == made[::-1]
