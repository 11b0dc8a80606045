"""Setting up: each step once, whatever dies in between; what stops is told, tried again or taken back."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from access.models import Grant, Onboarding
from access.onboarding import provisioning
from access.onboarding.parts import Part
from access.onboarding.provisioning import NotFailed
from access.onboarding.sending import send
from access.onboarding.taking_back import InUse
from approvals.models import Policy, Request
from approvals.voting import vote
from audit.models import Entry
from audit.verify import verify
from refusals.errors import Conflict
from tenants.arrivals import Invitation
from tenants.keys import issue
from tenants.models import Environment, Membership, Notification, Project, Tenant, User
from tests.access.teams import draft
from tests.approvals.test_pages import signed_in
from tests.cast import Cast, route
from tests.killing import killed_everywhere
from usage.limits.asking import request_limits
from usage.limits.places import of_project


@pytest.fixture
def approved(cast: Cast) -> Onboarding:
    """A team that a board admitted and no worker has touched."""
    route()
    Policy.objects.create(
        slug="onboarding", subject_kind="onboarding", sentence="Risk.", stages=[{"board": "risk", "quorum": 1}]
    )
    onboarding = draft(cast.ned)
    request = send(onboarding=onboarding, by=cast.ned)
    vote(review=request.reviews.get(), verdict="approve", comment="Welcome.", by=cast.rita)
    onboarding.refresh_from_db()
    return onboarding


def admitted(cast: Cast, number: int) -> Onboarding:
    """One of several teams that a board admitted, alike but for the name."""
    Policy.objects.get_or_create(
        slug="onboarding",
        subject_kind="onboarding",
        defaults={"sentence": "Risk.", "stages": [{"board": "risk", "quorum": 1}]},
    )
    name = NUMBERS[number]
    onboarding = draft(cast.ned, team={"name": name.title(), "slug": name})
    request = send(onboarding=onboarding, by=cast.ned)
    vote(review=request.reviews.get(), verdict="approve", comment="Welcome.", by=cast.rita)
    onboarding.refresh_from_db()
    return onboarding


def made(slug: str = "treasury") -> dict[str, int]:
    """What a setting up makes, counted."""
    tenant = Tenant.objects.get(slug=slug)
    return {
        "projects": Project.objects.filter(tenant=tenant).count(),
        "environments": Environment.objects.filter(tenant=tenant).count(),
        "members": Membership.objects.filter(tenant=tenant).count(),
        "invited": Invitation.objects.filter(tenant=tenant).count(),
        "grants": Grant.objects.filter(tenant=tenant).count(),
        "told": Notification.objects.filter(title=f"{slug.title()} is ready").count(),
        "audit": Entry.objects.filter(tenant=slug, verb__in=["project.created", "onboarding.ready"]).count(),
    }


NUMBERS = ("north", "south", "east", "west", "uphill", "seaside", "lowland", "island", "harbour", "forest")
# The mail server has taken a mail, and nobody wrote it down: then it is sent once more.
NOT_NOTED = {f'{when} parts: UPDATE of "tenants_invitation", 2' for when in ("provisioning after 3", "ready after 7")}
WHOLE = {"projects": 1, "environments": 3, "members": 2, "invited": 1, "grants": 2, "told": 1, "audit": 2}


def failing(monkeypatch: pytest.MonkeyPatch, slug: str, error: Exception) -> None:
    def stop(*_: Any) -> str:
        raise error

    parts = [Part(p.slug, p.title, stop if p.slug == slug else p.do) for p in provisioning.PARTS]
    monkeypatch.setattr(provisioning, "PARTS", tuple(parts))


class TestOnce:
    pytestmark = pytest.mark.django_db

    def test_it_works_and_a_second_time_changes_nothing(self, approved: Onboarding) -> None:
        assert approved.state == "provisioning"
        done = provisioning.run(approved.pk)
        assert done is not None and done.state == "ready"
        assert made() == WHOLE
        assert provisioning.run(approved.pk) is None
        assert made() == WHOLE

    def test_who_has_no_account_is_invited_and_it_can_be_read(self, cast: Cast, approved: Onboarding) -> None:
        provisioning.run(approved.pk)
        page = signed_in(cast.ned).get(approved.get_absolute_url()).content.decode()
        assert "invited new@example.test" in page and "added Dev" in page
        invitation = Invitation.objects.get()
        assert (invitation.email, invitation.role, invitation.created_by) == ("new@example.test", "viewer", cast.ned)

    def test_who_has_no_account_any_more_is_named_as_left_out(self, cast: Cast, approved: Onboarding) -> None:
        User.objects.filter(pk=cast.dev.pk).update(is_active=False)
        provisioning.run(approved.pk)
        approved.refresh_from_db()
        assert "left out: dev" in next(line["words"] for line in approved.progress if line["step"] == "people")

    def test_its_progress_is_on_its_page_and_on_the_requests(self, cast: Cast, approved: Onboarding) -> None:
        ned = signed_in(cast.ned)
        page = ned.get(approved.get_absolute_url(), HTTP_HX_REQUEST="true").content.decode()
        assert "every 1s" in page and "1 of 7" in page and "<html" not in page
        assert Request.objects.get().tenant == Tenant.objects.get(slug="treasury")

    def test_what_a_dead_worker_left_is_sent_again_after_a_minute(self, approved: Onboarding) -> None:
        assert provisioning.left_behind() == []
        Onboarding.objects.update(changed_at=timezone.now() - dt.timedelta(minutes=2))
        assert provisioning.left_behind() == [approved]
        Onboarding.objects.update(heard_at=timezone.now())
        assert provisioning.left_behind() == []


class TestFailing:
    pytestmark = pytest.mark.django_db

    def test_what_stops_is_told_and_tried_again(
        self, cast: Cast, approved: Onboarding, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            failing(patched, "people", Conflict("The directory is away."))
            stopped = provisioning.run(approved.pk)
        assert stopped is not None and stopped.state == "failed"
        ned = signed_in(cast.ned)
        page = ned.get(approved.get_absolute_url()).content.decode()
        assert "The directory is away." in page and "Try again" in page and "Take it back" in page
        told = Notification.objects.filter(title="Setting up Treasury stopped").values_list("user__username", flat=True)
        assert set(told) == {"ned", "pat"}
        ned.post(f"{approved.get_absolute_url()}retry/")
        done = provisioning.run(approved.pk)
        assert done is not None and done.state == "ready" and made() == WHOLE

    def test_a_mistake_of_ours_is_raised_and_told_too(
        self, approved: Onboarding, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failing(monkeypatch, "access", ValueError("no such thing"))
        with pytest.raises(ValueError, match="no such thing"):
            provisioning.run(approved.pk)
        approved.refresh_from_db()
        assert (approved.state, approved.error) == ("failed", "ValueError: no such thing")

    def test_taken_back_nothing_is_left_and_the_answers_are_sent_again(
        self, cast: Cast, approved: Onboarding, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tenant = Tenant.objects.get(slug="treasury")
        with monkeypatch.context() as patched:
            failing(patched, "keys", Conflict("No."))
            provisioning.run(approved.pk)
        assert User.objects.get(pk=cast.dev.pk).has_perm("tenants.view_tenant", tenant)
        ned = signed_in(cast.ned)
        assert ned.post(f"{approved.get_absolute_url()}take-back/")["Location"] == approved.get_absolute_url()
        assert not Tenant.objects.filter(slug="treasury").exists()
        assert not User.objects.get(pk=cast.dev.pk).has_perm("tenants.view_tenant", tenant)
        assert Request.objects.get().state == "approved", "the decision stays on record"
        approved.refresh_from_db()
        again = send(onboarding=approved, by=cast.ned)
        vote(review=again.reviews.get(), verdict="approve", comment="Again.", by=cast.rita)
        done = provisioning.run(approved.pk)
        assert done is not None and done.state == "ready" and made() == WHOLE | {"audit": 3}

    def test_what_was_asked_in_it_meanwhile_is_withdrawn(
        self, cast: Cast, approved: Onboarding, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody could decide on it any more: who decides for the tenant goes with it."""
        failing(monkeypatch, "keys", Conflict("No."))
        provisioning.run(approved.pk)
        project = Project.objects.get(tenant__slug="treasury")
        asked = request_limits(place=of_project(project), amounts={"requests": 5}, reason="For tests.", by=cast.dev)
        assert asked.reviews.get().decider == "Treasury itself"
        assert signed_in(cast.pat).post(f"{approved.get_absolute_url()}take-back/").status_code == 302
        asked.refresh_from_db()
        assert (asked.state, asked.reviews.get().outcome) == ("withdrawn", "closed")
        assert Entry.objects.filter(verb="request.withdrawn", subject_id=str(asked.pk)).exists()
        assert "the tenant itself" in signed_in(cast.dev).get(asked.get_absolute_url()).content.decode()
        assert Request.objects.get(subject_kind="onboarding").state == "approved"

    def test_what_is_used_already_is_not_taken_back(
        self, cast: Cast, approved: Onboarding, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failing(monkeypatch, "keys", Conflict("No."))
        provisioning.run(approved.pk)
        environment = Environment.objects.filter(tenant__slug="treasury").first()
        assert environment is not None
        issue(environment=environment, name="First", by=cast.ned)
        told = signed_in(cast.pat).post(f"{approved.get_absolute_url()}take-back/")
        assert told.status_code == InUse.status and Tenant.objects.filter(slug="treasury").exists()

    def test_only_what_stopped_is_tried_again(self, cast: Cast, approved: Onboarding) -> None:
        for verb in ("retry", "take-back"):
            told = signed_in(cast.ned).post(f"{approved.get_absolute_url()}{verb}/")
            assert told.status_code == NotFailed.status


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_at_any_step_is_followed_by_one_that_ends_it_once(cast: Cast, tmp_path: Path) -> None:
    """At every statement, commit, mail and anchor of the audit, over one team after the other."""
    route()
    done = killed_everywhere("tests.access.at_work:SETTING_UP", tmp_path, lambda number: admitted(cast, number).pk)
    sites = [site for killed in done for site in killed.sites]
    for part in range(1, len(provisioning.PARTS)):
        assert {f"provisioning after {part} parts: {moment} a commit, 1" for moment in ("before", "after")} <= {*sites}
    assert len(sites) > 60 and {*sites} >= NOT_NOTED
    mails = "".join(file.read_text() for file in (tmp_path / "mails").iterdir())
    for number, killed in enumerate(done):
        assert made(NUMBERS[number]) == WHOLE, killed
        left = mails.count(f"Subject: Ned invites you to {NUMBERS[number].title()}\n")
        assert left == (2 if NOT_NOTED & {*killed.sites} else 1), (left, killed)
    assert verify().is_intact, [finding.sentence for finding in verify().findings]
