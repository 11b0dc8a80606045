"""Who decides: the platform, the platform above a threshold, or the tenant; and how that itself is changed."""

from __future__ import annotations

from typing import Any

import pytest

from access.asking import request_access
from access.models import Grant
from approvals.delegation.asking import AS_ALL, SameAlready, UnknownMode, propose, tried
from approvals.delegation.capabilities import ThresholdNotUnderstood, UnknownCapability
from approvals.delegation.standing import standing, standings
from approvals.delegation.tables import Delegation
from approvals.listing import turn_of
from approvals.models import Decision, Policy, Request, Vote
from approvals.next_step import next_step
from approvals.submit import OpenRequestExists
from approvals.voting import NotSeated, OwnRequest, vote
from audit.models import Entry
from refusals.errors import Forbidden, Invalid
from tenants.archiving import TenantArchived, archive_tenant
from tenants.memberships import add_member
from tenants.models import Notification, Tenant, User
from tests.cast import Cast, person, route

BOUNDS = {"requests": "600", "tokens": "10000", "concurrent": "20", "spend": "500"}


@pytest.fixture
def governed(cast: Cast) -> Cast:
    """The cast, with a policy that says who decides on who decides."""
    Policy.objects.create(
        slug="delegation",
        subject_kind="delegation",
        sentence="The risk board decides.",
        stages=[{"board": "risk", "quorum": 1}],
    )
    return cast


def decided(
    cast: Cast, capability: str, mode: str, *, tenant: Tenant | None = None, verdict: str = "approve", **threshold: str
) -> Request:
    """Pat asks for the change, Rita decides."""
    sent = propose(
        capability=capability, mode=mode, threshold=threshold, tenant=tenant, sentence="We trust them.", by=cast.pat
    )
    vote(review=sent.reviews.get(), verdict=verdict, comment="Yes or no.", by=cast.rita)
    sent.refresh_from_db()
    return sent


def ask(cast: Cast, by: User, kind: str = "development", slug: str = "echo-model") -> Request:
    from catalog.models import Route

    wanted = Route.objects.filter(slug=slug).first() or route(slug)
    return request_access(environment=cast.environment(kind), route=wanted, purpose="Answer customers faster", by=by)


def test_it_works(governed: Cast) -> None:
    assert standing("models", governed.acme).words == "The platform"
    sent = decided(governed, "models", "tenant", tenant=governed.acme)
    assert sent.title == "Who decides on access to models in Acme: The tenant"
    assert standing("models", governed.acme).words == "The tenant"
    assert standing("models", governed.globex).words == "The platform"
    asked = ask(governed, governed.dev)
    assert asked.policy is None
    assert next_step(asked, governed.dev).sentence == "Acme itself decides next: one approval needed."
    assert list(turn_of(governed.olivia)) == [asked]
    vote(review=asked.reviews.get(), verdict="approve", comment="Go on.", by=governed.olivia)
    assert Grant.objects.in_force().get().environment == governed.environment()


def test_nothing_changes_before_the_change_is_approved(governed: Cast) -> None:
    propose(capability="keys", mode="platform", threshold={}, sentence="Too many keys.", by=governed.pat)
    assert standing("keys", governed.acme).mode == "tenant"
    assert not Delegation.objects.exists()


def test_a_refused_change_leaves_all_as_it_is(governed: Cast) -> None:
    decided(governed, "keys", "platform", verdict="refuse")
    assert standing("keys", governed.acme).mode == "tenant"
    assert not Delegation.objects.exists()


def test_the_audit_and_the_decision_tell_of_the_change_and_of_who_gains_and_loses(governed: Cast) -> None:
    sent = decided(governed, "models", "tenant", tenant=governed.acme)
    entry = Entry.objects.get(verb="delegation.changed")
    assert (entry.tenant, entry.facts["mode"], entry.facts["before"]["mode"]) == ("acme", "tenant", "platform")
    evidence = {fact["name"]: fact["value"] for fact in Decision.objects.get(request=sent).record["evidence"]}
    assert evidence["Gains: Acme"] == "Olivia"
    assert evidence["Loses: Risk board"] == "Rita, Rob"


def test_asked_by_who_decides_it_is_decided(governed: Cast) -> None:
    decided(governed, "models", "tenant")
    asked = ask(governed, governed.olivia)
    assert asked.state == "approved"
    assert not Vote.objects.filter(review__request=asked).exists()
    assert Grant.objects.in_force().filter(environment=governed.environment()).exists()
    record = asked.decision.record
    assert (record["policy"], record["decided_under"]["mode"], record["reviews"]) == (None, "tenant", [])


def test_above_the_threshold_boards_decide(governed: Cast) -> None:
    decided(governed, "models", "above", environment="test")
    below, above = ask(governed, governed.dev, "test"), ask(governed, governed.dev, "production")
    assert below.reviews.get().decider == "Acme itself"
    assert above.reviews.get().decider == "Risk board"
    assert above.policy is not None


def test_who_may_vote_is_asked_when_they_vote(governed: Cast) -> None:
    decided(governed, "models", "tenant")
    review = ask(governed, governed.dev).reviews.get()
    with pytest.raises(OwnRequest):
        vote(review=review, verdict="approve", comment="Mine.", by=governed.dev)
    with pytest.raises(NotSeated):
        vote(review=review, verdict="approve", comment="I only look.", by=governed.vera)
    with pytest.raises(NotSeated):  # above tenants one may manage the tenant, and decides nothing for it
        vote(review=review, verdict="approve", comment="I run the platform.", by=governed.pat)
    add_member(tenant=governed.acme, user=governed.vera, role="owner", by=governed.olivia)
    vote(review=review, verdict="approve", comment="Now I may.", by=User.objects.get(pk=governed.vera.pk))


def test_a_foreign_owner_neither_sees_nor_decides(governed: Cast, client: Any) -> None:
    decided(governed, "models", "tenant")
    asked = ask(governed, governed.dev)
    assert not turn_of(governed.greta).exists()
    client.force_login(governed.greta)
    assert client.get(asked.get_absolute_url()).status_code == 404


def test_those_whose_turn_it_is_are_told(governed: Cast) -> None:
    decided(governed, "models", "tenant")
    asked = ask(governed, governed.dev)
    assert [n.user.username for n in Notification.objects.filter(path=asked.get_absolute_url())] == ["olivia"]


def test_a_request_under_way_keeps_who_decides(governed: Cast) -> None:
    asked = ask(governed, governed.dev)
    decided(governed, "models", "tenant")
    assert asked.reviews.get().decider == "Risk board"
    vote(review=asked.reviews.get(), verdict="approve", comment="Fits.", by=governed.rob)
    asked.refresh_from_db()
    assert asked.state == "approved"


def test_an_exception_holds_whatever_is_decided_for_all_and_can_be_ended(governed: Cast) -> None:
    decided(governed, "models", "tenant", tenant=governed.acme)
    decided(governed, "models", "above", environment="development")
    assert standing("models", governed.acme).words == "The tenant"
    assert standing("models", governed.globex).mode == "above"
    decided(governed, "models", AS_ALL, tenant=governed.acme)
    assert standing("models", governed.acme).mode == "above"
    assert [row.version for row in Delegation.objects.filter(tenant=governed.acme).order_by("version")] == [1, 2]


def test_only_who_may_change_policies_proposes(governed: Cast) -> None:
    for somebody in (governed.olivia, governed.fin, governed.rita):
        with pytest.raises(Forbidden):
            propose(capability="keys", mode="platform", threshold={}, sentence="So that.", by=somebody)


def test_nobody_decides_on_the_change_they_asked_for(governed: Cast) -> None:
    from approvals.boards import seat

    seat(board=governed.risk, user=governed.pat, by=governed.pat)
    sent = propose(capability="keys", mode="platform", threshold={}, sentence="So that.", by=governed.pat)
    with pytest.raises(OwnRequest):
        vote(review=sent.reviews.get(), verdict="approve", comment="Mine.", by=governed.pat)


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"capability": "weather", "mode": "tenant"}, UnknownCapability),
        ({"capability": "models", "mode": "everybody"}, UnknownMode),
        ({"capability": "models", "mode": AS_ALL}, UnknownMode),  # for all there is nothing to be like
        ({"capability": "models", "mode": "above"}, ThresholdNotUnderstood),
        ({"capability": "models", "mode": "above", "threshold": {"environment": "production"}}, ThresholdNotUnderstood),
        ({"capability": "limits", "mode": "above", "threshold": {"requests": "NaN"}}, ThresholdNotUnderstood),
        ({"capability": "limits", "mode": "above", "threshold": {"requests": "-1"}}, ThresholdNotUnderstood),
        (
            {"capability": "limits", "mode": "above", "threshold": BOUNDS | {"requests": "1e-999999"}},
            ThresholdNotUnderstood,
        ),
        (
            {"capability": "limits", "mode": "above", "threshold": BOUNDS | {"requests": "1e999999"}},
            ThresholdNotUnderstood,
        ),
        ({"capability": "prices", "mode": "tenant"}, UnknownMode),
        ({"capability": "guardrails", "mode": "tenant"}, UnknownMode),
        ({"capability": "models", "mode": "platform"}, SameAlready),
        ({"capability": "models", "mode": "tenant", "sentence": "  "}, Invalid),
        ({"capability": "models", "mode": "tenant", "sentence": "x" * 301}, Invalid),
    ],
)
def test_bad_input_is_refused_and_nothing_is_sent(governed: Cast, asked: dict[str, Any], refusal: Any) -> None:
    with pytest.raises(refusal):
        propose(**({"threshold": {}, "sentence": "So that."} | asked), by=governed.pat)
    assert not Request.objects.exists()


def test_one_change_of_a_capability_at_a_time(governed: Cast) -> None:
    propose(capability="keys", mode="platform", threshold={}, sentence="So that.", by=governed.pat)
    with pytest.raises(OpenRequestExists):
        propose(capability="keys", mode="above", threshold={"environment": "test"}, sentence="So.", by=governed.pat)
    propose(
        capability="keys", mode="platform", threshold={}, tenant=governed.acme, sentence="There too.", by=governed.pat
    )


def test_an_archived_tenant_is_left_alone(governed: Cast) -> None:
    archived = archive_tenant(tenant=governed.acme, by=governed.olivia)
    with pytest.raises(TenantArchived):
        propose(capability="keys", mode="platform", threshold={}, tenant=archived, sentence="So.", by=governed.pat)


def test_the_preview_counts_where_past_requests_would_have_gone(governed: Cast) -> None:
    ask(governed, governed.dev, "development")
    ask(governed, governed.dev, "production")
    told = tried(capability="models", mode="above", threshold={"environment": "test"}, tenant=None)
    assert (told.past, told.before_platform, told.after_platform) == (2, 2, 1)
    assert told.words == "Tenants decide more, in 2 tenants."
    assert {(side.who, side.names) for side in told.gains} == {("Acme", "Olivia"), ("Globex", "Greta")}
    assert [side.who for side in told.loses] == ["Risk board"]
    assert not Delegation.objects.exists()


def test_the_preview_leaves_out_tenants_with_an_exception(governed: Cast) -> None:
    decided(governed, "models", "tenant", tenant=governed.acme)
    told = tried(capability="models", mode="tenant", threshold={}, tenant=None)
    assert (told.tenants, [side.who for side in told.gains]) == (1, ["Globex"])


def test_every_capability_says_what_each_of_its_modes_comes_to(governed: Cast) -> None:
    shown = standings(None)
    assert [each.capability.slug for each in shown] == [
        "onboarding",
        "models",
        "keys",
        "limits",
        "prices",
        "guardrails",
    ]
    for each in shown:
        assert each.capability.default in each.capability.means
        assert all(sentence.endswith(".") for sentence in each.capability.means.values())


def test_what_cannot_be_left_to_tenants_is_shown_with_the_reason(governed: Cast, client: Any) -> None:
    client.force_login(governed.pat)
    page = client.get("/platform/delegation/").content.decode()
    assert "There are none yet: prompts and answers pass as they are." in page
    assert "/platform/delegation/guardrails/" not in page and "There is nothing to set yet" in page
    client.force_login(governed.vera)
    assert "Guardrails" in client.get("/tenants/acme/roles/").content.decode()


def test_on_screen_it_is_tried_first_and_then_asked_for(governed: Cast, client: Any) -> None:
    client.force_login(governed.pat)
    page = "/platform/delegation/models/?tenant=acme"
    change = {"mode": "tenant", "environment": "development", "sentence": "Acme has its own board."}
    shown = client.post(page, change | {"do": "try"}).content.decode()
    assert "Gains: Acme" in shown
    assert "Loses: Risk board" in shown
    assert not Request.objects.exists()
    sent = client.post(page, change | {"do": "send"})
    assert sent["Location"] == Request.objects.get().get_absolute_url()
    assert "R-1" in client.get("/platform/delegation/").content.decode()
    vote(review=Request.objects.get().reviews.get(), verdict="approve", comment="Yes.", by=governed.rita)
    assert "Acme has its own board." in client.get("/platform/delegation/").content.decode()
    client.force_login(governed.vera)
    assert "Acme has its own board." in client.get("/tenants/acme/roles/").content.decode()
    client.force_login(governed.greta)
    assert "Acme has its own board." not in client.get("/tenants/globex/roles/").content.decode()


def test_only_readers_see_the_page_and_only_who_may_changes(governed: Cast, client: Any) -> None:
    for somebody, reads, changes in ((governed.ada, 200, 403), (governed.olivia, 403, 403), (governed.pat, 200, 200)):
        client.force_login(somebody)
        assert client.get("/platform/delegation/").status_code == reads
        assert client.get("/platform/delegation/keys/").status_code == changes
    assert client.get("/platform/delegation/weather/").status_code == 404
    assert client.get("/platform/delegation/keys/?tenant=nowhere").status_code == 404


def test_in_the_api_with_the_same_verbs(governed: Cast, client: Any) -> None:
    client.force_login(governed.pat)
    change = {
        "capability": "keys",
        "mode": "above",
        "threshold": {"environment": "test"},
        "sentence": "Production counts.",
    }
    told = client.post("/api/delegations/preview/", change, content_type="application/json")
    assert told.json()["words"] == "The platform decides more, in 2 tenants."
    assert not Request.objects.exists()
    sent = client.post("/api/delegations/", change, content_type="application/json")
    assert (sent.status_code, sent.json()["subject_kind"]) == (201, "delegation")
    vote(review=Request.objects.get().reviews.get(), verdict="approve", comment="Yes.", by=governed.rita)
    client.force_login(governed.vera)
    stands = {each["capability"]: each for each in client.get("/api/delegations/standing/?tenant=acme").json()}
    assert stands["keys"]["words"] == "The tenant up to test; the platform above"
    assert client.get("/api/delegations/standing/?tenant=globex").status_code == 404
    assert client.post("/api/delegations/", change, content_type="application/json").status_code == 403
    assert [row["version"] for row in client.get("/api/delegations/?in_force=true").json()["results"]] == [1]


def test_exceptions_of_foreign_tenants_are_not_listed(governed: Cast, client: Any) -> None:
    decided(governed, "models", "tenant", tenant=governed.globex)
    client.force_login(governed.olivia)
    assert client.get("/api/delegations/").json()["results"] == []
    assert client.get("/api/delegations/?tenant=globex").status_code == 404


def test_a_new_team_is_set_up_at_once_where_its_risk_is_left(governed: Cast) -> None:
    from approvals.submit import submit

    decided(governed, "onboarding", "above", risk_tier="low")
    Policy.objects.create(
        slug="onboarding", subject_kind="onboarding", sentence="Risk.", stages=[{"board": "risk", "quorum": 1}]
    )
    ned = person("nina")
    facts = {"name": "Claims", "slug": "claims", "cost_centre": "", "project_name": "", "project_slug": ""}
    for slug, tier, state in (
        ("claims", "low", "approved"),
        ("cards", "medium", "in_review"),
        ("loans", None, "in_review"),
    ):
        sent = submit(
            subject_kind="onboarding",
            subject_key=slug,
            title=f"A team {slug}",
            reason="We begin.",
            facts=facts | {"slug": slug, "name": slug.title(), **({"risk_tier": tier} if tier else {})},
            by=ned,
        )
        assert sent.state == state, slug
    assert Tenant.objects.filter(slug="claims").exists()
    assert not Tenant.objects.filter(slug__in=("cards", "loans")).exists()
