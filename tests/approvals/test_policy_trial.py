"""A document of policies tried on past requests: counted by board, told by number, and nothing kept."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from access.asking import request_access
from approvals.boards import create_board, seat
from approvals.models import Policy, Request
from approvals.policy_documents import written_in_force
from approvals.policy_trial import BoardEffect, tried
from audit.models import Entry
from tests.cast import Cast, route

LEGAL = """
- slug: access-production
  subject_kind: access
  environment_kind: production
  sentence: Legal looks at production.
  stages:
  - {board: risk, quorum: 1}
  - {board: legal, quorum: 1, beside: true}
"""


@pytest.fixture
def past(cast: Cast) -> list[int]:
    """Three requests, two of them in production."""
    legal = create_board(slug="legal", name="Legal board", by=cast.pat)
    seat(board=legal, user=cast.ned, by=cast.pat)
    made, other = route(), route("other", provider="other")
    places = ((made, "development"), (made, "production"), (other, "production"))
    return [
        request_access(environment=cast.environment(kind), route=each, purpose="x", by=cast.dev).number
        for each, kind in places
    ]


def test_it_works(cast: Cast, past: list[int]) -> None:
    entries = Entry.objects.count()
    trial = tried(written_in_force() + LEGAL.lstrip(), by=cast.pat)
    assert (trial.count, trial.moved) == (3, 2)
    assert trial.boards == [BoardEffect("Legal board", 0, 2), BoardEffect("Risk board", 3, 3)]
    assert [(each.number, each.before, each.after) for each in trial.examples] == [
        (past[2], "1 of Risk board", "1 of Risk board and 1 of Legal board"),
        (past[1], "1 of Risk board", "1 of Risk board and 1 of Legal board"),
    ]
    assert trial.sentences == [
        "2 of 3 requests of the last year would be decided otherwise.",
        "Legal board: 2 of 3 would go there, 0 do now.",
    ]
    assert (Policy.objects.count(), Entry.objects.count()) == (1, entries)


def test_the_page_the_api_and_the_form_tell_the_same(cast: Cast, past: list[int]) -> None:
    client, text = Client(), written_in_force() + LEGAL.lstrip()
    client.force_login(cast.pat)
    told = client.post("/api/policies/trial/", {"document": text}, content_type="application/json").json()
    assert (told["count"], told["moved"], told["boards"][0]) == (
        3,
        2,
        {"board": "Legal board", "before": 0, "after": 2},
    )
    page = client.post("/platform/policies/yaml/", {"document": text, "do": "try"}).content.decode()
    assert "Legal board: 2 of 3 would go there, 0 do now." in page and f"/requests/{past[2]}/" in page
    wrong = client.post("/api/policies/trial/", {"document": "a: ["}, content_type="application/json")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "document_not_understood")


def test_without_a_difference_or_a_history_it_says_so(cast: Cast) -> None:
    assert "no history" in tried(written_in_force(), by=cast.pat).sentences[0]
    request_access(environment=cast.environment(), route=route(), purpose="x", by=cast.dev)
    assert tried(written_in_force(), by=cast.pat).sentences == [
        "Every request of the last year would have gone where it goes now."
    ]


def test_ten_thousand_requests_are_asked_for_in_a_few_statements(
    cast: Cast, past: list[int], django_assert_max_num_queries: Any
) -> None:
    first = Request.objects.get(number=past[1])
    facts = first.facts | {"expected_cost": str(Decimal(1))}
    Request.objects.bulk_create(
        Request(
            number=number, subject_kind="access", subject_key=f"k{number}", title="x", reason="x", facts=facts,
            tenant=first.tenant, environment=first.environment, requester=first.requester, policy=first.policy,
            state="submitted", sent_at=timezone.now(),
        )
        for number in range(100, 2100)
    )  # fmt: skip
    with django_assert_max_num_queries(30):
        trial = tried(written_in_force() + LEGAL.lstrip(), by=cast.pat)
    assert (trial.count, trial.moved) == (2003, 2002)
    assert len(trial.examples) == 50
