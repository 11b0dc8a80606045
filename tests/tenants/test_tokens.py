"""A person's tokens: what they open, and what is known of their use."""

import datetime as dt

from django.test import Client
from django.utils import timezone

from audit.models import Entry
from tenants import tokens
from tenants.models import PersonalToken
from tests.cast import Cast


def test_a_token_tells_when_it_was_last_used_and_is_not_written_at_each_use(cast: Cast) -> None:
    token, text = tokens.issue(user=cast.dev, name="Laptop", by=cast.dev)
    bearer = {"authorization": f"Bearer {text}"}
    assert Client(headers=bearer).get("/api/tenants/").status_code == 200
    token.refresh_from_db()
    assert token.last_used_at is not None
    first = token.last_used_at
    Client(headers=bearer).get("/api/tenants/")
    token.refresh_from_db()
    assert token.last_used_at == first
    PersonalToken.objects.update(last_used_at=timezone.now() - dt.timedelta(hours=1))
    Client(headers=bearer).get("/api/tenants/")
    token.refresh_from_db()
    assert token.last_used_at > first


def test_a_token_whose_secret_is_wrong_counts_as_unused(cast: Cast) -> None:
    token, text = tokens.issue(user=cast.dev, name="Laptop", by=cast.dev)
    assert tokens.recognise(text[:-1] + ("a" if text[-1] != "a" else "b")) is None
    token.refresh_from_db()
    assert token.last_used_at is None


def _names(client: Client, query: str) -> list[str]:
    answer = client.get(f"/account/tokens/?format=csv&{query}")
    return [line.split(",")[1] for line in answer.getvalue().decode().splitlines()[1:]]  # type: ignore[attr-defined]


def test_the_list_is_searched_filtered_sorted_and_exported_alike_on_the_api(cast: Cast) -> None:
    now = timezone.now()
    day = dt.timedelta(days=1)
    for name, expires in (("laptop", None), ("old", now + day), ("export", now + 9 * day)):
        tokens.issue(user=cast.dev, name=name, by=cast.dev, expires_at=expires)
    gone, _ = tokens.issue(user=cast.dev, name="gone laptop", by=cast.dev)
    tokens.revoke(token=gone, by=cast.dev)
    PersonalToken.objects.filter(name="old").update(expires_at=now - dt.timedelta(days=1))
    tokens.issue(user=cast.vera, name="laptop of Vera", by=cast.vera)
    client = Client()
    client.force_login(cast.dev)
    for query, expected in (
        ("", ["gone laptop", "export", "old", "laptop"]), ("state=active", ["export", "laptop"]),
        ("state=expired", ["old"]), ("state=revoked", ["gone laptop"]), ("q=laptop", ["gone laptop", "laptop"]),
        ("sort=name&state=active", ["export", "laptop"]), ("sort=-name&state=active", ["laptop", "export"]),
        ("sort=-expires_at&state=active", ["export", "laptop"]),
        ("state=odd&q=laptop&sort=created_at", ["laptop", "gone laptop"]),
    ):  # fmt: skip
        assert _names(client, query) == expected, query
        if "odd" not in query:
            found = client.get(f"/api/tokens/?{query}").json()["results"]
            assert [row["name"] for row in found] == expected, query
    assert Entry.objects.filter(verb="export.taken", subject_id="tokens").count() == 9
    page = client.get("/account/tokens/?q=zebra&state=expired").content.decode()
    assert "No token fits" in page
    assert 'href="/account/tokens/?q=zebra"' in page and 'href="/account/tokens/?state=expired"' in page


def test_every_token_is_reached_page_by_page_in_few_queries(cast: Cast, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    for number in range(51):
        tokens.issue(user=cast.dev, name=f"Number {number}", by=cast.dev)
    client = Client()
    client.force_login(cast.dev)
    assert "51–51 of 51 tokens" in client.get("/account/tokens/?page=2").content.decode()
    with django_assert_max_num_queries(12):
        client.get("/account/tokens/")
