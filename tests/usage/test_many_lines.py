"""A breakdown into more lines than are read still adds up: the largest by name, the rest together, all in the file."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from django.test import Client

from tests.cast import Cast
from tests.usage.ledger_lines import called
from usage import overview_page, totals

pytestmark = pytest.mark.django_db
LINES = 12


@pytest.fixture
def many(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Cast:
    """`LINES` keys, of which the one that was made first costs most; fewer than that are read at once."""
    monkeypatch.setattr(totals.by_value, "__kwdefaults__", {"most": 5})
    for number in range(LINES):
        called(cast.environment(), key_prefix=f"atrium_dev_{number:02}", cost=Decimal(LINES - number), days_ago=number)
    return cast


@pytest.mark.parametrize("query", ["by=key", "by=key&all=1", "by=key&sort=name"])
def test_what_the_page_leaves_out_stands_in_a_line_of_its_own(many: Cast, client: Client, query: str) -> None:
    client.force_login(many.vera)
    context = client.get(f"/usage/?{query}").context
    shown = [shown.line for shown in context["lines"]]
    assert {line.now.cost for line in shown} == {12, 11, 10, 9, 8}
    assert (context["rest"].count, context["rest"].now.cost, context["rest"].now.calls) == (7, 28, 7)
    assert "7 more together" in client.get(f"/usage/?{query}").content.decode()


def test_all_pages_together_and_what_is_told_after_them_add_up_to_the_whole(
    many: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview_page, "SHOWN", 2)
    client.force_login(many.fin)
    for by in ("key", "day"):
        address, told = f"/usage/?by={by}&period=7d&tenant=acme", Decimal(0)
        pages = client.get(address).context["page"].paginator.page_range
        for number in pages:
            context = client.get(f"{address}&page={number}").context
            told += sum(shown.line.now.cost for shown in context["lines"])
        assert len(pages) > 1
        assert told + (context["rest"].now.cost if context["rest"] else 0) == context["told"].now.cost, by


def test_the_file_holds_every_line_largest_first(many: Cast, client: Client) -> None:
    client.force_login(many.vera)
    text = b"".join(client.get("/usage/export.csv?by=key").streaming_content).decode("utf-8-sig")
    costs = [Decimal(line["cost"]) for line in csv.DictReader(io.StringIO(text))]
    assert costs == [Decimal(number) for number in range(LINES, 0, -1)]


def test_the_api_tells_the_rest(many: Cast, client: Client) -> None:
    client.force_login(many.vera)
    answer = client.get("/api/usage/figures/?by=key").json()
    listed = sum(Decimal(line["now"]["cost"]) for line in answer["lines"])
    assert (answer["line_count"], len(answer["lines"])) == (LINES, 5)
    assert listed + Decimal(answer["rest"]["cost"]) == Decimal(answer["now"]["cost"])
