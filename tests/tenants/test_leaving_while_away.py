"""Who is switched off, or has a role above tenants, holds no more than anybody else once they are out of a tenant."""

from __future__ import annotations

from tenants import scoping
from tenants.activation import activate, deactivate
from tenants.memberships import add_member, appoint, dismiss, remove_member
from tenants.models import Membership, User
from tests.cast import Cast


def _held(cast: Cast, name: str) -> frozenset[str]:
    return scoping.held(User.objects.get(username=name), cast.acme)


def test_who_was_removed_while_switched_off_holds_nothing_when_switched_on_again(cast: Cast) -> None:
    deactivate(user=cast.dev, by=cast.pat)
    remove_member(membership=Membership.objects.get(tenant=cast.acme, user__username="dev"), by=cast.olivia)
    activate(user=cast.dev, by=cast.pat)
    assert _held(cast, "dev") == frozenset()
    assert list(scoping.tenants_for(User.objects.get(username="dev"))) == []


def test_who_got_a_lesser_role_while_switched_off_holds_that_when_switched_on_again(cast: Cast) -> None:
    deactivate(user=cast.dev, by=cast.pat)
    add_member(tenant=cast.acme, user=User.objects.get(username="dev"), role="billing", by=cast.olivia)
    activate(user=cast.dev, by=cast.pat)
    assert _held(cast, "dev") == {"tenants.view_tenant", "tenants.view_usage"}


def test_who_left_a_tenant_while_above_tenants_does_not_see_it_when_dismissed(cast: Cast) -> None:
    add_member(tenant=cast.acme, user=cast.ned, role="admin", by=cast.olivia)
    appointment = appoint(user=cast.ned, role="auditor", by=cast.pat)
    remove_member(membership=Membership.objects.get(tenant=cast.acme, user=cast.ned), by=cast.olivia)
    dismiss(appointment=appointment, by=cast.pat)
    assert _held(cast, "ned") == frozenset()
