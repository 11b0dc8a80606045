"""A model version's life: only the steps of the table, each kept, in force at the gateway and for new access."""

from __future__ import annotations

import datetime as dt
from itertools import product
from typing import Any

import pytest
from django.db import Error, transaction
from django.test import Client
from django.utils import timezone

from access.granting import grant
from access.retirement import ModelRetired
from audit.models import Entry
from audit.record import SYSTEM
from catalog.lifecycle.moving import follow_sources, move
from catalog.lifecycle.states import TABLE, Lifecycle, Verb
from catalog.models import Change, Deployment, LifecycleStep, Model, ModelVersion, Provider, RouteTarget
from tenants.models import Notification
from tests.cast import Cast, route

SOON = timezone.now().date() + dt.timedelta(days=60)


@pytest.fixture
def version(nothing_in_use: None, cast: Cast) -> ModelVersion:
    return route().targets.get().deployment.version


def at(version: ModelVersion, state: str) -> ModelVersion:
    """The version brought to `state` by real steps."""
    ways: dict[str, list[Verb]] = {
        Lifecycle.PROPOSED: [],
        Lifecycle.EVALUATED: [Verb.EVALUATE],
        Lifecycle.APPROVED: [Verb.EVALUATE, Verb.APPROVE],
        Lifecycle.IN_USE: [Verb.USE],
        Lifecycle.DEPRECATED: [Verb.DEPRECATE],
        Lifecycle.RETIRED: [Verb.RETIRE],
    }
    for verb in ways[state]:
        version = move(version=version, verb=verb, reason="So", by=SYSTEM, ends_on=_day(verb))
    return version


def _day(verb: str) -> dt.date | None:
    return SOON if verb == Verb.DEPRECATE else None


def posted(client: Client, version: ModelVersion, **body: Any) -> Any:
    return client.post(f"/api/model-versions/{version.pk}/lifecycle/", body, "application/json")


@pytest.mark.parametrize("state", list(Lifecycle))
def test_only_the_steps_of_the_table_are_taken(version: ModelVersion, client: Client, cast: Cast, state: str) -> None:
    client.force_login(cast.pat)
    for verb in Verb:
        with transaction.atomic():
            at(version, state)
            day = _day(verb)
            body = {"verb": verb.value, "reason": "So", **({"ends_on": day.isoformat()} if day else {})}
            answer = posted(client, version, **body)
            transition = TABLE.get((Lifecycle(state), verb))
            assert answer.status_code == (200 if transition else 409), answer.content
            version.refresh_from_db()
            assert version.lifecycle == (transition.to if transition else state)
            assert Model.objects.get(pk=version.model_id).status == version.lifecycle
            transaction.set_rollback(True)
        version.refresh_from_db()


def test_the_database_takes_no_other_step_either(version: ModelVersion) -> None:
    allowed = {(before.value, each.to.value) for (before, _), each in TABLE.items()}
    for before, after in product(Lifecycle.values, Lifecycle.values):
        with transaction.atomic():
            at(version, before)
            try:
                with transaction.atomic():
                    ModelVersion.objects.filter(pk=version.pk).update(lifecycle=after)
                was_taken = True
            except Error:
                was_taken = False
            assert was_taken == (before == after or (before, after) in allowed), (before, after)
            transaction.set_rollback(True)
        version.refresh_from_db()
    with pytest.raises(Error), transaction.atomic():
        LifecycleStep.objects.create(
            version=version, verb="approve", before="proposed", after="approved", reason="So", by="x"
        )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"verb": "retire", "reason": " "}, "reason"),
        ({"verb": "deprecate", "reason": "So"}, "ends_on"),
        ({"verb": "deprecate", "reason": "So", "ends_on": "2001-01-01"}, "ends_on"),
        ({"verb": "retire", "reason": "So", "ends_on": "2999-01-01"}, "ends_on"),
        ({"verb": "burn", "reason": "So"}, "verb"),
    ],
)
def test_a_step_needs_a_reason_and_a_deprecation_its_day(
    version: ModelVersion, client: Client, cast: Cast, body: dict[str, str], field: str
) -> None:
    client.force_login(cast.pat)
    answer = posted(client, version, **body)
    assert answer.status_code == 422 and field in answer.content.decode()
    assert not LifecycleStep.objects.filter(version=version).exists()


def test_who_holds_access_is_told_and_the_page_says_why(version: ModelVersion, client: Client, cast: Cast) -> None:
    held = version.model.routes.get()
    for kind in ("development", "test"):
        grant(environment=cast.environment(kind), route=held, by=SYSTEM)
    client.force_login(cast.pat)
    page = client.get("/catalog/models/echo-model/?tab=lifecycle")
    assert page.status_code == 200 and "Take the step" in page.content.decode()
    said = {"verb": "deprecate", "ends_on": SOON.isoformat(), "reason": "Its successor is better"}
    assert client.post(f"/catalog/versions/{version.pk}/lifecycle/", said).status_code == 302
    note = Notification.objects.get(user=cast.olivia, title__startswith="Echo Model 1 ends on")
    assert "acme/support/development" in note.body and "acme/support/test" in note.body, "told once, with all places"
    assert "Its successor is better" in note.body
    assert not Notification.objects.filter(user=cast.greta).exists(), "Globex holds nothing"
    shown = client.get(note.path).content.decode()
    assert "Its successor is better" in shown and "This model is going away" in shown
    assert Entry.objects.filter(verb="version.deprecated").count() == 1
    assert Change.objects.filter(version=version, kind="lifecycle", matters=True, after="deprecated").count() == 1
    listed = client.get("/catalog/?status=deprecated").content.decode()
    assert "Echo Model" in listed


def test_nobody_new_is_given_a_retired_model_and_who_has_it_keeps_it(
    version: ModelVersion, client: Client, cast: Cast
) -> None:
    held = version.model.routes.get()
    kept = grant(environment=cast.environment(), route=held, by=SYSTEM)
    at(version, Lifecycle.RETIRED)
    kept.refresh_from_db()
    assert kept.is_in_force
    client.force_login(cast.greta)
    assert "data-step" not in client.get("/catalog/models/echo-model/").content.decode(), "there is nothing to ask for"
    client.force_login(cast.dev)
    said = {"environment": "acme/support/test", "route": "echo-model", "purpose": "Answer"}
    answer = client.post("/api/access-requests/", said, "application/json")
    assert answer.status_code == 409 and answer.json()["code"] == "model_retired", answer.content
    with pytest.raises(ModelRetired):
        grant(environment=cast.environment("test"), route=held, by=SYSTEM)


def test_publishing_puts_a_version_in_use(version: ModelVersion, client: Client, cast: Cast) -> None:
    held = version.model.routes.get()
    client.force_login(cast.pat)
    client.post(f"/api/routes/{held.slug}/disable/", content_type="application/json")
    assert client.post(f"/api/routes/{held.slug}/enable/", content_type="application/json").status_code == 200
    version.refresh_from_db()
    assert version.lifecycle == Lifecycle.IN_USE and version.steps.get().by == str(cast.pat)
    move(version=version, verb=Verb.APPROVE, reason="Afterwards", by=SYSTEM)
    version.refresh_from_db()
    assert version.lifecycle == Lifecycle.IN_USE, "it stays in use, and its approval is kept"
    assert version.steps.count() == 2


def test_what_is_retired_is_not_published(version: ModelVersion, client: Client, cast: Cast) -> None:
    held = version.model.routes.get()
    client.force_login(cast.pat)
    client.post(f"/api/routes/{held.slug}/disable/", content_type="application/json")
    at(version, Lifecycle.RETIRED)
    answer = client.post(f"/api/routes/{held.slug}/enable/", content_type="application/json")
    assert answer.status_code == 409 and "Propose it again" in answer.json()["detail"]
    held.refresh_from_db()
    assert not held.is_enabled


def test_sources_move_a_version_once_and_overrule_nobody(version: ModelVersion) -> None:
    def said(ending: str) -> list[LifecycleStep]:
        with transaction.atomic():
            return follow_sources({version.pk: (ending, SOON if ending else None)})

    assert [step.after for step in said("deprecated")] == ["deprecated"]
    assert said("deprecated") == []
    version.refresh_from_db()
    assert version.ends_on == SOON and version.model.status == "deprecated"
    move(version=version, verb=Verb.REOPEN, reason="We serve it ourselves", by=SYSTEM)
    assert said("deprecated") == [], "a person decided otherwise"
    assert [step.after for step in said("retired")] == ["retired"]
    assert [step.after for step in said("")] == ["proposed", "in_use"], "a route leads to it"
    version.refresh_from_db()
    assert version.ends_on is None


def test_what_ended_before_steps_were_kept_comes_back_with_its_sources(version: ModelVersion) -> None:
    ModelVersion.objects.filter(pk=version.pk).update(lifecycle="retired", sources_say="retired")
    with transaction.atomic():
        steps = follow_sources({version.pk: ("", None)})
    assert [step.after for step in steps] == ["proposed", "in_use"]


def test_the_day_of_an_end_follows_the_sources_that_brought_it_about_and_no_person(version: ModelVersion) -> None:
    def said(day: dt.date) -> dt.date | None:
        with transaction.atomic():
            follow_sources({version.pk: ("deprecated", day)})
        version.refresh_from_db()
        return version.ends_on

    later = SOON + dt.timedelta(days=30)
    assert said(SOON) == SOON and said(later) == later
    assert Model.objects.get(pk=version.model_id).deprecated_on == later
    told = Change.objects.get(version=version, kind="lifecycle", after=later.isoformat())
    assert told.before == SOON.isoformat() and told.matters
    move(version=version, verb=Verb.REOPEN, reason="Not so soon", by=SYSTEM)
    move(version=version, verb=Verb.DEPRECATE, reason="Next year", by=SYSTEM, ends_on=later)
    assert said(SOON) == later, "a person said another day"


def beside(version: ModelVersion, label: str = "2", *, is_served: bool = False) -> ModelVersion:
    """Another version of the same model, at another provider and behind the same route where it is served."""
    other = ModelVersion.objects.create(model=version.model, label=label)
    if is_served:
        provider = Provider.objects.create(slug=f"p{label}", name=f"P{label}", base_url="http://127.0.0.1:9/v1")
        deployment = Deployment.objects.create(version=other, provider=provider, upstream_name="echo-model")
        RouteTarget.objects.create(route=version.model.routes.get(), deployment=deployment)
    return other


def test_what_a_route_leads_to_ends_though_another_version_is_listed(
    version: ModelVersion, client: Client, cast: Cast
) -> None:
    beside(version)
    held = version.model.routes.get()
    at(version, Lifecycle.DEPRECATED)
    model = Model.objects.get(pk=version.model_id)
    assert (model.status, model.deprecated_on) == ("deprecated", SOON), "what is served counts first"
    at(version, Lifecycle.RETIRED)
    client.force_login(cast.greta)
    assert "data-step" not in client.get("/catalog/models/echo-model/").content.decode(), "there is nothing to ask for"
    client.force_login(cast.pat)
    client.post(f"/api/routes/{held.slug}/disable/", content_type="application/json")
    assert Model.objects.get(pk=version.model_id).status == "proposed", "nothing is served: the furthest of all"


def test_what_goes_on_beside_what_ends_is_said_by_its_version(version: ModelVersion, cast: Cast) -> None:
    beside(version, is_served=True)
    held = version.model.routes.get()
    grant(environment=cast.environment(), route=held, by=SYSTEM)
    at(version, Lifecycle.RETIRED)
    note = Notification.objects.get(user=cast.olivia, title="Echo Model 1 is retired")
    assert "goes on with another version" in note.body and "Nobody new" not in note.body
    grant(environment=cast.environment("test"), route=held, by=SYSTEM)
    assert Model.objects.get(pk=version.model_id).status == "proposed"


def test_a_deployment_that_is_off_tells_nobody(version: ModelVersion, cast: Cast) -> None:
    grant(environment=cast.environment(), route=version.model.routes.get(), by=SYSTEM)
    version.deployments.update(is_enabled=False)
    at(version, Lifecycle.RETIRED)
    assert not Notification.objects.filter(title__contains="is retired").exists()


def test_a_route_is_turned_on_while_anything_behind_it_lives(version: ModelVersion, client: Client, cast: Cast) -> None:
    other = beside(version, is_served=True)
    held = version.model.routes.get()
    client.force_login(cast.pat)
    client.post(f"/api/routes/{held.slug}/disable/", content_type="application/json")
    at(version, Lifecycle.RETIRED)
    assert client.post(f"/api/routes/{held.slug}/enable/", content_type="application/json").status_code == 200
    other.refresh_from_db()
    assert other.lifecycle == Lifecycle.IN_USE
