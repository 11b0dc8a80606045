"""What waits for who answers for a tenant stands on their home page and on the tenant's, until it is answered."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tenants import elevating, join, reviewing, role_making
from tenants.archiving import archive_project, archive_tenant
from tenants.memberships import add_member
from tenants.models import Membership, Tenant, User
from tests.cast import Cast
from tests.tenants.test_invitations import signed_in

pytestmark = pytest.mark.django_db

TITLE = "Waiting for you in your tenants"


@pytest.fixture
def asked(cast: Cast) -> Cast:
    """Ned asks to join Acme, and Dev to be its admin for a while."""
    Tenant.objects.filter(slug="acme").update(is_discoverable=True)
    join.ask(slug="acme", sentence="I am Ned.", by=cast.ned)
    elevating.ask(tenant=cast.acme, role="admin", hours=8, reason="On call.", by=cast.dev)
    return cast


def shown(person: User, path: str = "/") -> str:
    return signed_in(person).get(path).content.decode()


@pytest.mark.parametrize("path", ["/", "/tenants/acme/"])
def test_it_works(asked: Cast, path: str) -> None:
    page = shown(asked.olivia, path)
    assert "Somebody asks to join Acme." in page and "A member asks for a role in Acme for a time." in page
    assert 'href="/tenants/acme/elevations/"' in page
    for other in (asked.dev, asked.vera):
        assert "asks to join" not in shown(other, path), other


def test_home_is_for_members_and_the_platform_team_finds_it_at_the_tenant(asked: Cast) -> None:
    assert TITLE not in shown(asked.pat)
    assert "Somebody asks to join Acme." in shown(asked.pat, "/tenants/acme/")


@pytest.mark.parametrize("has_projects", [True, False])
def test_the_tenants_page_needs_few_queries(
    asked: Cast, has_projects: bool, django_assert_max_num_queries: Callable[[int], AbstractContextManager[Any]]
) -> None:
    if not has_projects:
        archive_project(project=asked.project, by=asked.olivia)
    olivia = signed_in(asked.olivia)
    olivia.get("/tenants/acme/")
    with django_assert_max_num_queries(12):
        assert "Needs attention" in olivia.get("/tenants/acme/").content.decode()


def test_what_is_answered_waits_no_more(asked: Cast) -> None:
    elevating.decline(elevation=asked.acme.elevations.get(), reason="Not now.", by=asked.olivia)
    join.admit(asked=asked.acme.join_requests.get(), role="viewer", by=asked.olivia)
    assert TITLE not in shown(asked.olivia)


def test_of_an_archived_tenant_nothing_waits(asked: Cast) -> None:
    archive_tenant(tenant=asked.acme, by=asked.olivia)
    assert TITLE not in shown(asked.olivia)


def test_ones_own_question_is_for_others(cast: Cast) -> None:
    add_member(tenant=cast.acme, user=cast.dev, role="admin", by=cast.olivia)
    elevating.ask(tenant=cast.acme, role="owner", hours=8, reason="On call.", by=cast.dev)
    assert TITLE not in shown(cast.dev) and TITLE in shown(cast.olivia)


def test_a_wish_waits_for_those_who_can_grant_it(cast: Cast) -> None:
    add_member(tenant=cast.acme, user=cast.ned, role="admin", by=cast.olivia)
    elevating.ask(tenant=cast.acme, role="owner", hours=8, reason="On call.", by=cast.dev)
    assert TITLE in shown(cast.olivia) and "asks for a role" in shown(cast.olivia, "/tenants/acme/")
    assert TITLE not in shown(cast.ned) and "asks for a role" not in shown(cast.ned, "/tenants/acme/")
    elevating.ask(tenant=cast.acme, role="admin", hours=8, reason="On call.", by=cast.vera)
    assert "2 members ask for a role" in shown(cast.olivia) and "A member asks for a role" in shown(cast.ned)


def test_a_wish_for_a_role_of_the_tenants_own_waits_for_who_holds_all_of_it(cast: Cast) -> None:
    add_member(tenant=cast.acme, user=cast.ned, role="admin", by=cast.olivia)
    for slug, may in (("keeper", ["manage_tenant"]), ("clerk", ["manage_keys"])):
        role_making.make(
            tenant=cast.acme, slug=slug, name=slug, sentence="Helps.", permissions=[f"tenants.{may[0]}"], by=cast.olivia
        )
    elevating.ask(tenant=cast.acme, role="keeper", hours=8, reason="Holidays.", by=cast.dev)
    assert TITLE in shown(cast.olivia) and TITLE not in shown(cast.ned)
    elevating.ask(tenant=cast.acme, role="clerk", hours=8, reason="Holidays.", by=cast.vera)
    assert "A member asks for a role" in shown(cast.ned)


def test_a_review_waits_for_its_owners_until_all_are_confirmed(cast: Cast) -> None:
    add_member(tenant=cast.acme, user=cast.dev, role="admin", by=cast.olivia)
    review = reviewing.begin(tenant=cast.acme, by=cast.olivia)
    assert "who still needs Acme." in shown(cast.olivia)
    assert TITLE not in shown(cast.dev), "an admin does not confirm"
    keys = list(Membership.objects.filter(tenant=cast.acme).values_list("pk", flat=True))
    reviewing.confirm(review=review, memberships=keys[1:], by=cast.olivia)
    assert "who still needs Acme." in shown(cast.olivia)
    reviewing.confirm(review=review, memberships=keys[:1], by=cast.olivia)
    assert TITLE not in shown(cast.olivia)
