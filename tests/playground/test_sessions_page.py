"""`/playground/sessions/`: every session one may read, by words, by whose it is, in order, by pages and as CSV."""

from __future__ import annotations

import pytest
from django.utils import timezone

from audit.models import Entry
from tests.cast import Cast
from tests.playground.test_pages import page, said, session_of, signed_in

PATH = "/playground/sessions/"


def names(cast_member: object, query: str) -> list[str]:
    answer = signed_in(cast_member).get(f"{PATH}?format=csv&{query}")  # type: ignore[arg-type]
    return [line.split(",")[0] for line in answer.getvalue().decode().splitlines()[1:]]  # type: ignore[attr-defined]


@pytest.fixture
def sessions(cast: Cast) -> None:
    session_of(cast, cast.dev, "gpt-x", name="beta", is_pinned=True)
    session_of(cast, cast.dev, "gpt-x", name="Alpha")
    shared = session_of(cast, cast.olivia, "gpt-y", name="Claims triage", is_shared=True, is_pinned=True)
    said(shared, "Sort these letters", "Sorted")
    session_of(cast, cast.olivia, "gpt-x", name="Private to Olivia")
    foreign = cast.environment(of=cast.foreign_project)
    session_of(cast, cast.greta, "gpt-x", environment=foreign, name="Globex only", is_shared=True)


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", ["Claims triage", "Alpha", "beta"]), ("whose=mine", ["Alpha", "beta"]), ("whose=shared", ["Claims triage"]),
     ("whose=pinned", ["beta"]), ("q=letters", ["Claims triage"]), ("sort=name", ["Alpha", "beta", "Claims triage"]),
     ("sort=-name", ["Claims triage", "beta", "Alpha"]), ("sort=recent", ["beta", "Alpha", "Claims triage"]),
     ("sort=-owner&q=a", ["Claims triage", "beta", "Alpha"]),
     ("whose=odd&sort=odd", ["Claims triage", "Alpha", "beta"])],
)  # fmt: skip
def test_it_works(cast: Cast, sessions: None, query: str, expected: list[str]) -> None:
    assert names(cast.dev, query) == expected


def test_strangers_find_nothing_of_it(cast: Cast, sessions: None) -> None:
    assert names(cast.ned, "") == []
    assert names(cast.greta, "") == ["Globex only"]


def test_a_shared_session_of_somebody_else_is_listed_and_opens(cast: Cast, sessions: None) -> None:
    text = page(cast.vera, PATH)
    assert "Claims triage" in text and "Private to Olivia" not in text and "Globex only" not in text
    assert "filled-pinned" not in text  # a pin is its owner's


def test_a_blind_session_tells_no_models_until_a_vote(cast: Cast) -> None:
    blind = session_of(cast, cast.dev, "gpt-secret", is_blind=True, is_shared=True)
    assert "gpt-secret" not in page(cast.vera, PATH) and "hidden until a vote" in page(cast.dev, PATH)
    assert b"gpt-secret" not in signed_in(cast.vera).get(f"{PATH}?format=csv").getvalue()  # type: ignore[attr-defined]
    blind.revealed_at = timezone.now()
    blind.save()
    assert "gpt-secret" in page(cast.vera, PATH)


def test_pages_and_the_way_to_them(cast: Cast) -> None:
    for number in range(61):
        session_of(cast, cast.dev, "gpt-x", name=f"Number {number}")
    assert "1–50 of 61 sessions" in page(cast.dev, PATH) and "51–61 of 61" in page(cast.dev, f"{PATH}?page=2")
    side = page(cast.dev, f"{PATH}?q=number", **{"HX-Request": "true"})
    assert 'href="/playground/sessions/?whose=mine&amp;q=number"' in side


def test_an_export_leaves_a_trace(cast: Cast, sessions: None) -> None:
    names(cast.dev, "whose=mine")
    assert Entry.objects.get(verb="export.taken").facts["filters"]["whose"] == "mine"


def test_an_empty_result_offers_each_filter_to_drop(cast: Cast, sessions: None) -> None:
    text = page(cast.dev, f"{PATH}?q=zebra&whose=pinned")
    assert "No session fits" in text
    assert 'href="/playground/sessions/?whose=pinned"' in text and 'href="/playground/sessions/?q=zebra"' in text
    assert "No sessions yet" in page(cast.ned, PATH)


def test_the_page_needs_few_queries(cast: Cast, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    for number in range(50):
        session_of(cast, cast.dev, "gpt-x", name=f"Number {number}")
    client = signed_in(cast.dev)
    client.get(PATH)
    with django_assert_max_num_queries(12):
        client.get(f"{PATH}?q=number&sort=name")
