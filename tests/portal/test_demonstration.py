"""The demonstration: what it holds, that it is loaded once, and that nothing but the audit is left of it."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from unittest import mock

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import Sum
from django.test import Client, TestCase, override_settings

from access.models import Grant
from approvals.delegation.tables import Delegation
from approvals.models import Decision, Policy, Request, Seat
from approvals.submit import submit
from approvals.voting import vote
from audit.models import Entry
from catalog.importing import local
from portal.demonstration.calls import TRAFFIC
from portal.demonstration.loading import is_loaded
from portal.demonstration.people import PASSWORD
from tenants.models import Membership, Project, Tenant, User
from tenants.roles import TENANT_ROLES
from tenants.structure import create_tenant
from usage.models import Call, Rollup
from usage.price_import import write_prices

ACCOUNTS = [
    "platform-admin",
    "security-board",
    "legal-board",
    "risk-board",
    "tenant-owner",
    "developer",
    "viewer",
    "finops",
    "auditor",
    "newcomer",
]


def demo(*flags: str) -> str:
    said = StringIO()
    call_command("demo", *flags, stdout=said)
    return said.getvalue()


class WhereOthersDecide(TestCase):
    """An installation that leaves to its tenants what it did not as installed, and the other way round."""

    def test_it_shows_what_was_decided_as_installed(self) -> None:
        _, offer = local.write()
        write_prices([offer])
        for capability, mode in (("models", "tenant"), ("keys", "platform"), ("limits", "platform")):
            Delegation.objects.create(capability=capability, mode=mode, sentence="So it is.")
        with mock.patch("portal.demonstration.calls.TRAFFIC", ()):
            demo()
        assert is_loaded()
        assert not Request.objects.filter(subject_kind="access", policy=None).exists()
        demo("--remove")
        assert Delegation.objects.count() == 3


class TheDemonstration(TestCase):
    """Over the local model alone, with its last twenty days of calls; loaded once, every test undoes what it did."""

    said = ""

    @classmethod
    def setUpTestData(cls) -> None:
        _, offer = local.write()
        write_prices([offer])
        with mock.patch("portal.demonstration.calls.TRAFFIC", tuple(replace(t, days=20) for t in TRAFFIC)):
            cls.said = demo()

    def test_it_works(self) -> None:
        assert "26 people, 3 tenants" in self.said
        assert is_loaded()
        assert set(Tenant.objects.values_list("slug", flat=True)) == {"retail-banking", "claims", "research"}
        for tenant in Tenant.objects.all():
            roles = Membership.objects.filter(tenant=tenant).values_list("role", flat=True)
            assert set(roles) == set(TENANT_ROLES), tenant

    def test_every_account_signs_in(self) -> None:
        for username in ACCOUNTS:
            client = Client()
            client.post("/accounts/login/", {"login": username, "password": PASSWORD})
            assert client.get("/").context["user"].username == username

    def test_a_first_try_needs_no_approval(self) -> None:
        held = Grant.objects.in_force().filter(
            environment__project__slug="card-support", environment__kind="development"
        )
        assert set(held.values_list("route__slug", flat=True)) == {"smollm2", "smollm2-batch"}

    def test_calls_are_marked_and_add_up(self) -> None:
        assert not Call.objects.filter(is_demonstration=False).exists()
        calls = Call.objects.aggregate(cost=Sum("cost"), tokens=Sum("output_tokens"))
        assert calls["cost"] > 0
        assert calls == Rollup.objects.aggregate(cost=Sum("cost"), tokens=Sum("output_tokens"))

    def test_every_call_was_allowed_by_a_decision_at_its_moment(self) -> None:
        assert not Call.objects.filter(decision_id=None).exists()
        for grant in Grant.objects.all():
            calls = Call.objects.filter(grant_id=grant.pk)
            assert not calls.filter(started_at__lt=grant.granted_at).exists(), grant
            assert grant.expires_at is None or not calls.filter(started_at__gt=grant.expires_at).exists(), grant

    def test_requests_are_numbered_in_order_of_date_and_younger_than_their_teams_and_voters(self) -> None:
        sent = list(Request.objects.order_by("number").values_list("created_at", flat=True))
        assert sent == sorted(sent)
        first = min(sent)
        for rows in (Tenant.objects, Project.objects, Membership.objects, Seat.objects):
            assert rows.count()
            assert not rows.filter(created_at__gt=first).exists(), rows.model

    def test_there_are_open_and_decided_requests(self) -> None:
        assert {"in_review", "approved", "refused"} <= set(Request.objects.values_list("state", flat=True))
        assert Decision.objects.count() == Request.objects.exclude(state="in_review").count()

    def test_a_second_load_changes_nothing(self) -> None:
        before = Entry.objects.count()
        assert "loaded already" in demo()
        assert Entry.objects.count() == before
        assert json.loads(demo("--json")) == {"loaded": {}}

    def test_removal_leaves_no_trace_but_the_audit_and_what_every_installation_begins_with(self) -> None:
        client = Client()
        client.post("/accounts/login/", {"login": "developer", "password": PASSWORD})
        told = json.loads(demo("--remove", "--json"))
        assert told["removed"]["people"] == 28 and told["removed"]["calls"] > 1000
        left = {m._meta.label for m in apps.get_models() if m._default_manager.exists()}
        left = {label for label in left if not label.startswith("catalog.")}
        begins_with = {"auth.Permission", "contenttypes.ContentType", "approvals.Board", "approvals.Policy"}
        assert left - begins_with == {
            "audit.Entry", "audit.DayHead", "usage.Price", "tenants.ChangeNote",
            "approvals.Seal", "approvals.DecisionKey",  # hashes without a word, so that the chain has no gap
        }  # fmt: skip

        assert client.get("/").status_code == 302  # the session ended with its person
        assert Entry.objects.filter(verb="demonstration.removed").exists()

    def test_the_banner_is_there_as_long_as_the_data(self) -> None:
        client = Client()
        client.force_login(User.objects.create_user("real.person"))
        banner = 'aria-label="Demonstration"'
        with override_settings(DEMONSTRATION=True):
            assert banner in client.get("/account/").content.decode()
            demo("--remove")
            assert banner not in client.get("/account/").content.decode()

    def test_it_can_begin_anew(self) -> None:
        with mock.patch("portal.demonstration.calls.TRAFFIC", ()):
            assert "loaded 26 people" in demo("--reset")
        assert User.objects.filter(is_demonstration=True).count() == 28

    def test_a_person_named_in_a_real_decision_stays_as_an_account_that_nobody_can_use(self) -> None:
        real = User.objects.create_user("real.person")
        request = submit(
            subject_kind="onboarding",
            subject_key="real-team",
            title="A real team asks to become a tenant",
            reason="We are real.",
            facts={"slug": "real-team", "name": "Real team", "cost_centre": "", "project_slug": ""},
            by=real,
        )
        board = User.objects.get(username="risk-board")
        vote(review=request.reviews.get(), verdict="approve", comment="Welcome.", by=board)
        assert "1 people kept" in demo("--remove")
        board.refresh_from_db()
        assert not board.is_active
        assert not board.has_usable_password()
        cast = Decision.objects.get(request=request).record["reviews"][0]["votes"][0]
        assert cast["voter"]["username"] == "risk-board"


def test_real_names_are_not_taken(db: None) -> None:
    owner = User.objects.create_user("finops")
    create_tenant(slug="claims", name="Our claims", owner=owner, by=owner)
    with pytest.raises(CommandError, match="finops, claims"):
        demo()


@override_settings(DEMONSTRATION=False)
def test_production_takes_none(db: None) -> None:
    with pytest.raises(CommandError, match="not loaded in production"):
        demo()
    assert not Policy.objects.exists()
