"""Groups that a sign-in service claims, as far as no service is needed to see it."""

from __future__ import annotations

from typing import Any

from django.test import Client

from audit.models import Entry
from audit.record import Actor
from portal.group_claims import groups_of
from tenants.directory.claims import follow
from tenants.directory.rules import make_rule
from tenants.models import Membership
from tests.cast import Cast
from tests.directory.service import Service

STAFF = Actor("sign-in service staff", "directory")


def test_a_claim_of_many_groups_costs_few_queries(cast: Cast, django_assert_max_num_queries: Any) -> None:
    many = [f"Group {number}" for number in range(5_000)]
    with django_assert_max_num_queries(2):
        follow(user=cast.ned, groups=many, by=STAFF)
    for number in range(40):
        make_rule(tenant=cast.acme, of_platform=True, group_name=f"group {number}", role="viewer", by=cast.pat)
    follow(user=cast.ned, groups=many, by=STAFF)
    assert Membership.objects.get(user=cast.ned).role == "viewer"
    with django_assert_max_num_queries(4):
        follow(user=cast.ned, groups=many, by=STAFF)
    assert Entry.objects.filter(verb="directory.groups_claimed").count() == 1


def test_groups_told_by_scim_and_claimed_at_sign_in_count_together(cast: Cast) -> None:
    service = Service(None, cast.pat)
    make_rule(tenant=cast.acme, of_platform=True, group_name="Told", role="viewer", by=cast.pat)
    make_rule(tenant=cast.acme, of_platform=True, group_name="Claimed", role="admin", by=cast.pat)
    person = service.get("Users", filter='userName eq "ned"').json()["Resources"][0]["id"]
    service.group("Told", person)
    follow(user=cast.ned, groups=["Claimed"], by=STAFF)
    assert Membership.objects.get(user=cast.ned).role == "admin"
    follow(user=cast.ned, groups=[], by=STAFF)
    assert Membership.objects.get(user=cast.ned).role == "viewer"


def test_the_preview_of_a_rule_counts_who_claimed_the_group_when_they_last_signed_in(cast: Cast) -> None:
    make_rule(tenant=cast.acme, of_platform=True, group_name="Staff", role="viewer", by=cast.pat)
    follow(user=cast.ned, groups=["Staff"], by=STAFF)
    client = Client()
    client.force_login(cast.pat)
    page = client.get("/platform/directory/rules/new/", {"tenant": "globex", "group_name": "staff", "role": "viewer"})
    assert "<strong>ned</strong> becomes a member" in " ".join(page.content.decode().split())


def test_what_is_no_claim_changes_nothing_and_what_is_no_name_is_passed_over() -> None:
    assert groups_of("staff", {"userinfo": {"sub": "1"}, "id_token": {}}) is None
    assert groups_of("staff", {"userinfo": {"sub": "1"}, "id_token": {"groups": ["a", 7, None, "", "x" * 300]}}) == [
        "a"
    ]
    assert groups_of("staff", {"userinfo": {"groups": "one"}}) == ["one"]
    assert groups_of("staff", {"userinfo": "odd"}) is None
