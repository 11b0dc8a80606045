"""A key that two people change at one moment, or whose people or project leave at that moment."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tenants.invite import resend
from tenants.key_holder import HolderNotMember
from tenants.keys import issue
from tenants.models import ApiKey, Invitation, Membership
from tests.approvals.test_at_once import house  # noqa: F401  # a fixture
from tests.cast import Cast
from tests.tenants.team import Team
from tests.tenants.test_two_deeds_at_once import overlapping


@pytest.fixture
def team(house: Cast) -> Team:  # noqa: F811
    return Team.create(house)


def told(*deeds: Callable[[], object]) -> list[str]:
    return overlapping(*deeds)[0]


def test_a_key_that_is_rotated_while_it_is_handed_over_stays_somebodys(team: Team) -> None:
    deeds = team.deeds()
    assert told(deeds["the key is handed over"], deeds["the key is rotated"]) == ["done", "done"]
    assert ApiKey.objects.get(replaces=team.key).holder == team.program


def test_a_key_whose_project_moves_at_that_moment_is_revoked(team: Team) -> None:
    deeds = team.deeds()
    assert told(deeds["the project moves"], deeds["the key is revoked"]) == ["done", "done"]
    assert ApiKey.objects.get(pk=team.key.pk).revoked_at is not None


def test_who_is_removed_while_they_issue_a_key_takes_none_along(team: Team) -> None:
    deeds = team.deeds()
    assert told(deeds["Dev is removed"], deeds["Dev issues a key"]) == ["done", "holder_not_member"]


def test_no_key_is_issued_in_what_is_archived_at_that_moment(team: Team) -> None:
    deeds = team.deeds()
    assert told(deeds["the tenant is archived"], deeds["Dev issues a key"]) == ["done", "tenant_archived"]


def test_who_is_no_member_issues_no_key_of_nobody(cast: Cast) -> None:
    with pytest.raises(HolderNotMember):
        issue(environment=cast.environment(), name="x", by=cast.ned)
    assert issue(environment=cast.environment(), name="x", by=cast.pat).key.holder is None


def test_who_accepts_while_the_invitation_is_sent_again_was_invited_by_who_sent_it_again(team: Team) -> None:
    Invitation.objects.update(last_sent_at=None)
    again = lambda: resend(invitation=team.invitation, by=team.house.greta)  # noqa: E731
    assert told(again, team.deeds()["Ned accepts"]) == ["done", "done"]
    assert Membership.objects.get(tenant=team.tenant, user=team.house.ned).created_by == team.house.greta
