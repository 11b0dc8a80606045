"""`/platform/audit/verifications/`: every verification is reached, found, sorted and exported."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry, Verification
from tests.cast import Cast

LIST = "/platform/audit/verifications/"


@pytest.fixture
def ada(cast: Cast) -> Client:
    now = timezone.now()
    for number, (by, state) in enumerate((("Ada", "verified"), ("Pat", "broken"), ("Ada", "cancelled"))):
        ended = None if state == "cancelled" else now
        Verification.objects.create(
            asked_by=by, state=state, checked=number, finished_at=ended, asked_at=now - dt.timedelta(days=number)
        )
    client = Client()
    client.force_login(cast.ada)
    return client


def states(client: Client, query: str) -> list[str]:
    answer: Any = client.get(f"{LIST}?format=csv&{query}")
    return [line.split(",")[1] for line in answer.getvalue().decode().splitlines()[1:]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", "verified broken cancelled"), ("sort=asked", "cancelled broken verified"), ("state=broken", "broken"),
     ("q=ada", "verified cancelled"), ("sort=-entries", "cancelled broken verified"),
     ("sort=state", "broken cancelled verified"), ("state=odd&sort=odd", "verified broken cancelled")],
)  # fmt: skip
def test_it_works(ada: Client, query: str, expected: str) -> None:
    assert states(ada, query) == expected.split()
    assert ada.get(f"{LIST}?{query}").status_code == 200
    assert Entry.objects.get(verb="export.taken").subject_id == "verifications"


def test_the_api_narrows_alike(ada: Client) -> None:
    found = ada.get("/api/audit/verifications/?q=ada&state=cancelled").json()["results"]
    assert [row["state"] for row in found] == ["cancelled"]
    assert ada.get("/api/audit/verifications/?state=odd").status_code == 422


def test_all_are_reached_in_few_queries(ada: Client, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    Verification.objects.bulk_create(Verification(asked_by="Ada", state="verified") for _ in range(60))
    assert "51–63 of 63 verifications" in ada.get(f"{LIST}?page=2").content.decode()
    with django_assert_max_num_queries(12):
        ada.get(LIST)


def test_an_empty_result_offers_each_filter_to_drop(ada: Client) -> None:
    page = ada.get(f"{LIST}?q=zebra&state=broken").content.decode()
    assert "No verification fits" in page and f'href="{LIST}?q=zebra"' in page and f'href="{LIST}?state=broken"' in page


def test_nobody_else_reads_or_exports_them(cast: Cast, ada: Client) -> None:
    client = Client()
    client.force_login(cast.olivia)
    assert client.get(LIST).status_code == client.get(f"{LIST}?format=csv").status_code == 403
