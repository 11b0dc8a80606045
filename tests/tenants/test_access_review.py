"""The access review: each quarter owners confirm who still needs to be a member; who is not is none any more."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from tenants import archiving, reviewing
from tenants.access_reviews import AccessReview
from tenants.assigning import give_role
from tenants.memberships import add_member
from tenants.models import Membership, Notification, ProjectRole, Tenant
from tenants.tasks import review_access
from tests.approvals.test_at_once import at_once, house  # noqa: F401  # a fixture
from tests.cast import Cast
from tests.tenants.test_invitations import signed_in

PAGE = "/tenants/acme/access-review/"


@pytest.fixture
def olivia(cast: Cast) -> Client:
    return signed_in(cast.olivia)


@pytest.fixture
def review(cast: Cast) -> AccessReview:
    return reviewing.begin(tenant=cast.acme, by=cast.olivia)


def key(cast: Cast, who: str) -> str:
    return str(Membership.objects.get(tenant=cast.acme, user__username=who).pk)


def members(tenant: Tenant) -> list[str]:
    return sorted(Membership.objects.filter(tenant=tenant).values_list("user__username", flat=True))


def passes(days: float) -> None:
    """Time goes by, as far as reviews know."""
    for each in AccessReview.objects.all():
        each.began_at -= dt.timedelta(days=days)
        each.due_at -= dt.timedelta(days=days)
        each.save()
    Membership.objects.update(created_at=timezone.now() - dt.timedelta(days=400))


def test_it_works(cast: Cast, olivia: Client) -> None:
    assert PAGE in olivia.get("/tenants/acme/members/").content.decode()
    assert "Begin one now" in olivia.get(PAGE).content.decode()
    assert olivia.post(f"{PAGE}begin/").status_code == 302
    page = olivia.get(PAGE).content.decode()
    assert "Their keys end with the membership" in page, "decision 20"
    assert "Confirm all shown" in page and page.count('name="membership"') == 6, "each alone, and all at once"
    olivia.post(f"{PAGE}confirm/", {"membership": key(cast, "dev")})
    page = olivia.get(PAGE).content.decode()
    assert 'Confirm<span class="visually-hidden"> Dev' not in page
    assert "confirmed by Olivia" in olivia.get(f"{PAGE}?show=all").content.decode()
    passes(22)
    review_access()
    assert members(cast.acme) == ["dev", "olivia"], "Vera's lapsed, and the last owner stays"
    assert Notification.objects.get(user=cast.vera).title == "You are no member of Acme any more"
    assert signed_in(cast.vera).get("/tenants/acme/").status_code == 404
    page = olivia.get(PAGE).content.decode()
    assert "Earlier reviews" in page and "vera" in page
    verbs = Entry.objects.filter(tenant="acme", verb__startswith="members.").order_by("pk").values_list("verb")
    assert [verb.partition(".")[2] for (verb,) in verbs] == ["review_begun", "confirmed", "review_concluded"]


def test_all_that_are_shown_are_confirmed_at_once(cast: Cast, olivia: Client, review: AccessReview) -> None:
    olivia.post(f"{PAGE}confirm/", {"membership": [key(cast, who) for who in ("dev", "vera", "olivia")]})
    assert "Everybody is confirmed" in olivia.get(PAGE).content.decode()
    passes(22)
    review_access()
    assert members(cast.acme) == ["dev", "olivia", "vera"]


def test_the_list_is_sorted_and_taken_away_as_csv(cast: Cast, olivia: Client, review: AccessReview) -> None:
    olivia.post(f"{PAGE}confirm/", {"membership": key(cast, "dev")})
    told = b"".join(olivia.get(f"{PAGE}?format=csv&sort=username")).decode("utf-8-sig").splitlines()  # type: ignore[arg-type]
    assert [line.split(",")[0] for line in told] == ["user name", "dev", "olivia", "vera"]
    assert "olivia" in told[1] and told[3].endswith(",,"), "by whom, and nobody yet"


def test_the_api_does_the_same(cast: Cast, olivia: Client) -> None:
    made = olivia.post("/api/access-reviews/", {"tenant": "acme"}, "application/json").json()
    assert made["state"] == "open" and made["confirmed"] == 0
    place = f"/api/access-reviews/{made['id']}/"
    rows = olivia.get(f"{place}unconfirmed/").json()["results"]
    assert sorted(row["user"] for row in rows) == ["dev", "olivia", "vera"]
    done = olivia.post(f"{place}confirm/", {"memberships": [rows[0]["id"]]}, "application/json").json()
    assert done["confirmed"] == 1
    again = olivia.post("/api/access-reviews/", {"tenant": "acme"}, "application/json")
    assert again.status_code == 409 and again.json()["code"] == "access_review_open"
    assert signed_in(cast.dev).get("/api/access-reviews/").json()["results"] == []


def test_what_is_foreign_is_passed_over(cast: Cast, olivia: Client, review: AccessReview) -> None:
    foreign = Membership.objects.get(tenant=cast.globex)
    told = olivia.post(f"{PAGE}confirm/", {"membership": [str(foreign.pk), "nonsense"]}, follow=True).content.decode()
    assert "Nobody was confirmed" in told and not review.confirmations.exists()


def test_it_begins_by_itself_each_quarter_and_reminds_once(cast: Cast) -> None:
    review_access()
    assert not AccessReview.objects.exists(), "the tenants are new"
    Tenant.objects.filter(slug="acme").update(created_at=timezone.now() - dt.timedelta(days=92))
    review_access()
    review_access()
    made = AccessReview.objects.get()
    assert made.tenant == cast.acme and made.began_by is None
    told = Notification.objects.filter(user=cast.olivia, path=PAGE)
    assert told.count() == 1 and not Notification.objects.filter(user=cast.dev, path=PAGE).exists()
    passes(15)
    review_access()
    review_access()
    assert told.order_by("-created_at")[0].title == "3 of Acme are not confirmed yet" and told.count() == 2
    passes(7)
    review_access()
    assert AccessReview.objects.get().state == "closed" and members(cast.acme) == ["olivia"]
    passes(70)
    review_access()
    assert AccessReview.objects.filter(tenant=cast.acme).count() == 2


def test_of_several_owners_who_are_not_confirmed_one_stays(cast: Cast, review: AccessReview) -> None:
    add_member(tenant=cast.acme, user=cast.dev, role="owner", by=cast.olivia)
    passes(22)
    review_access()
    assert Membership.objects.filter(tenant=cast.acme, role="owner").count() == 1


def test_who_came_after_it_began_is_not_asked_about(cast: Cast, review: AccessReview) -> None:
    add_member(tenant=cast.acme, user=cast.ned, role="viewer", by=cast.olivia)
    assert "ned" not in reviewing.unconfirmed(review).values_list("user__username", flat=True)


def test_nobody_lapses_while_it_is_archived(cast: Cast, olivia: Client, review: AccessReview) -> None:
    archiving.archive_tenant(tenant=cast.acme, by=cast.olivia)
    passes(22)
    review_access()
    assert members(cast.acme) == ["dev", "olivia", "vera"]
    archiving.restore_tenant(tenant=cast.acme, by=cast.olivia)
    review_access()
    assert members(cast.acme) == ["dev", "olivia", "vera"], "there is time again"
    review.refresh_from_db()
    assert review.due_at > timezone.now() + dt.timedelta(days=20)


def test_what_is_over_is_not_confirmed(cast: Cast, olivia: Client, review: AccessReview) -> None:
    passes(22)
    review_access()
    body = {"memberships": [key(cast, "olivia")]}
    told = olivia.post(f"/api/access-reviews/{review.pk}/confirm/", body, "application/json")
    assert told.status_code == 409 and told.json()["code"] == "access_review_concluded"
    assert olivia.post(f"{PAGE}confirm/", {"membership": key(cast, "olivia")}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_confirmed_at_the_moment_it_ends_one_of_them_holds(house: Cast) -> None:  # noqa: F811
    for who in ("dev", "vera"):
        made = reviewing.begin(tenant=house.acme, by=house.olivia)
        passes(22)
        made.refresh_from_db()
        mine = Membership.objects.get(tenant=house.acme, user__username=who)
        told = at_once(
            lambda r=made: reviewing.conclude(review=r),  # type: ignore[misc]
            lambda r=made, m=mine: reviewing.confirm(review=r, memberships=[m.pk], by=house.olivia),  # type: ignore[misc]
            lambda r=made: reviewing.conclude(review=r),  # type: ignore[misc]
        )
        assert told[0] == told[2] == "done"
        assert (who in members(house.acme)) == (told[1] == "done")
        add_member(tenant=house.acme, user=house.vera, role="viewer", by=house.olivia)


def test_roles_in_projects_are_shown_and_confirmed_along_with_the_membership(
    cast: Cast, olivia: Client, review: AccessReview
) -> None:
    give_role(project=cast.project, user=cast.vera, role="developer", by=cast.olivia)
    assert "Developer in Support" in olivia.get(PAGE).content.decode()
    exported = b"".join(olivia.get(f"{PAGE}?format=csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert "support: developer" in exported
    reviewing.confirm(review=review, memberships=[Membership.objects.get(user=cast.vera).pk], by=cast.olivia)
    assert review.confirmations.get().project_roles == {"support": "developer"}
    assert Entry.objects.get(verb="members.confirmed").facts["in_projects"] == {"vera": {"support": "developer"}}


def test_who_lapses_loses_the_roles_in_projects_too(cast: Cast, review: AccessReview) -> None:
    give_role(project=cast.project, user=cast.vera, role="developer", by=cast.olivia)
    passes(30)
    review.refresh_from_db()
    reviewing.conclude(review=review)
    assert not ProjectRole.objects.exists()
