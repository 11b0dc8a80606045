"""The members' page offers what can be done, and says why where it cannot."""

from __future__ import annotations

from django.test import Client

from tenants.memberships import add_member
from tests.cast import Cast


def test_the_only_owner_is_offered_neither_change_nor_removal(cast: Cast, client: Client) -> None:
    client.force_login(cast.olivia)
    page = client.get("/tenants/acme/members/").content.decode()
    assert "the only owner" in page
    assert "Change the role of Olivia" not in page and "Change the role of Dev" in page
    add_member(tenant=cast.acme, user=cast.ned, role="owner", by=cast.olivia)
    page = client.get("/tenants/acme/members/").content.decode()
    assert "the only owner" not in page and "Change the role of Olivia" in page
