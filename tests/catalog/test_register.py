"""The register: every version in use, with owner, tier, holders and gaps; searched, filtered, sorted and exported."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from access.granting import grant
from audit.models import Entry
from audit.record import SYSTEM
from catalog.cards.keeping import keep_card, keep_terms, set_owner
from catalog.lifecycle.moving import move
from catalog.models import ModelVersion
from tests.cast import Cast, route

WHOLE = """---
license: mit
---
## Intended Use
Answers.
## Out-of-Scope Use
Medicine.
## Limitations
Wrong at times.
## Training Data
The web.
## Evaluation Data
HellaSwag.
## Evaluation Results
42.
## Risks and Mitigations
None is told.
## Contact
team@example.test
"""


@pytest.fixture
def version(nothing_in_use: None, cast: Cast) -> ModelVersion:
    """Held by Acme in development, with nothing said of it."""
    held = route()
    grant(environment=cast.environment(), route=held, by=SYSTEM)
    return held.targets.get().deployment.version


@pytest.fixture
def ada(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.ada)
    return client


def rows(client: Client, **asked: str) -> list[dict[str, Any]]:
    answer = client.get("/api/model-register/", asked)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()
    return found


def test_what_is_held_stands_in_it_with_its_gaps(ada: Client, version: ModelVersion, cast: Cast) -> None:
    (row,) = rows(ada)
    assert (row["model"], row["label"], row["owner"], row["risk_tier"]) == ("echo-model", "1", None, "medium")
    assert row["held_by"] == ["acme/support/development"] and (row["tenants"], row["in_production"]) == (1, 0)
    assert {"no card", "no text of its licence", "nobody answers for it"} <= set(row["gaps"])
    assert row["places"] == ["Echo (region not stated)"]
    page = ada.get("/platform/register/").content.decode()
    assert "Echo Model" in page and "1 tenant, 1 env." in page and "Nobody answers for it" in page
    assert "SR 11-7, Section VI" in page


def test_production_without_evaluation_is_high_and_a_whole_card_lowers_it(
    ada: Client, version: ModelVersion, cast: Cast
) -> None:
    held = version.model.routes.get()
    grant(environment=cast.environment("production"), route=held, by=SYSTEM)
    (row,) = rows(ada)
    assert row["risk_tier"] == "high" and row["in_production"] == 1
    assert any("no evaluation results" in reason for reason in row["risk_reasons"])
    assert "eu-ai-act:general-purpose" in {f"{each['framework']}:{each['category']}" for each in row["maps"]}
    keep_card(version=version, text=WHOLE, why="First", by=cast.pat)
    keep_terms(version=version, kind="licence", name="MIT", text="You may.", source_url="https://x.test/", by=cast.pat)
    deployment = version.deployments.get()
    deployment.region, deployment.data_classes = "eu-central-1", ["internal"]
    deployment.save()
    set_owner(version=version, owner=cast.rita, next_review_on=timezone.now().date() + dt.timedelta(9), by=cast.pat)
    for verb in ("use", "approve"):
        move(version=version, verb=verb, reason="So", by=SYSTEM)
    (row,) = rows(ada)
    assert (row["risk_tier"], row["gaps"], row["owner"], row["card_edition"]) == ("medium", [], "rita", 1)
    assert row["risk_reasons"] == ["An environment of production holds it."] and row["last_decision"]


def test_it_is_searched_filtered_and_sorted(ada: Client, version: ModelVersion, cast: Cast) -> None:
    other = route("other-model", provider="second").targets.get().deployment.version
    move(version=other, verb="use", reason="So", by=SYSTEM)
    keep_card(version=other, text=WHOLE, why="First", by=cast.pat)
    set_owner(version=other, owner=cast.rita, next_review_on=timezone.now().date(), by=cast.pat)
    ModelVersion.objects.filter(pk=other.pk).update(next_review_on=timezone.now().date() - dt.timedelta(1))

    def names(**asked: str) -> list[str]:
        return [row["model"] for row in rows(ada, **asked)]

    def shown(sort: str) -> list[str]:
        page = ada.get(f"/platform/register/?sort={sort}").context["page"]
        return [row.version.model.slug for row in page]

    assert shown("model") == ["echo-model", "other-model"] == shown("-held")
    assert shown("-model") == ["other-model", "echo-model"]
    assert names(q="rita") == names(lifecycle="in_use") == names(review="overdue") == ["other-model"]
    assert names(gap="no card") == names(review="none") == ["echo-model"]
    assert names(category="eu-ai-act:prohibited") == []
    assert ada.get("/api/model-register/?tier=extreme").status_code == 422
    page = ada.get("/platform/register/?review=overdue").content.decode()
    assert "Other Model" in page and "Echo Model" not in page and "overdue" in page
    assert "No model fits" in ada.get("/platform/register/?q=zzzz").content.decode()


def test_it_is_a_file_that_is_noted_in_the_audit(ada: Client, version: ModelVersion) -> None:
    answer = ada.get("/platform/register/?format=csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    (line,) = csv.DictReader(io.StringIO(text))
    assert line["model"] == "echo-model" and line["held by"] == "acme/support/development"
    assert "no card" in line["gaps"] and "SR 11-7" not in line["model"]
    assert Entry.objects.filter(verb="export.taken", subject_id="model register").count() == 1


def test_the_tier_is_the_same_for_everybody_and_names_nobody(version: ModelVersion, cast: Cast) -> None:
    grant(
        environment=cast.environment("production", of=cast.foreign_project), route=version.model.routes.get(), by=SYSTEM
    )
    client = Client()
    client.force_login(cast.dev)
    told = client.get(f"/api/model-versions/{version.pk}/risk/").json()
    assert told["tier"] == "high", "production of another tenant counts"
    page = client.get("/catalog/models/echo-model/?tab=card").content.decode()
    assert "High risk" in page and "globex" not in page.lower()
    assert client.get("/platform/register/").status_code == 403


def test_the_page_asks_few_questions_of_the_database(
    ada: Client, version: ModelVersion, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        other = route(f"model-{number}", provider=f"p{number}").targets.get().deployment.version
        move(version=other, verb="use", reason="So", by=SYSTEM)
    ada.get("/platform/register/")
    with django_assert_max_num_queries(12):
        assert "model-3" in ada.get("/platform/register/?q=model&tier=medium").content.decode().lower().replace(
            " ", "-"
        )


def test_the_rules_are_read_and_filtered(ada: Client, cast: Cast) -> None:
    page = ada.get("/catalog/risk/").content.decode()
    assert "Article 6(2), Annex III points 3 to 5" in page and "Regulation (EU) 2024/1689" in page
    prohibited = ada.get("/catalog/risk/?category=eu-ai-act:prohibited").content.decode()
    assert "does what the EU AI Act prohibits" in prohibited and "Personal data is processed." not in prohibited
    found = ada.get("/api/risk-rules/?subject=model&tier=high").json()
    assert found and all((each["subject"], each["tier"]) == ("model", "high") for each in found)
    assert ada.get("/api/risk-rules/?category=nothing").status_code == 422
