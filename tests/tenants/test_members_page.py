"""The members' page offers what can be done, and says why where it cannot."""

from __future__ import annotations

from importlib import import_module

from django.apps import apps
from django.db import connection
from django.test import Client
from guardian.models import UserObjectPermission
from guardian.shortcuts import assign_perm

from tenants.activation import activate, deactivate
from tenants.assigning import give_role
from tenants.memberships import add_member, remove_member
from tenants.models import Notification
from tests.cast import Cast


def test_the_only_owner_is_offered_neither_change_nor_removal(cast: Cast, client: Client) -> None:
    client.force_login(cast.olivia)
    page = client.get("/tenants/acme/members/").content.decode()
    assert "the only owner" in page
    assert "Change the role of Olivia" not in page and "Change the role of Dev" in page
    add_member(tenant=cast.acme, user=cast.ned, role="owner", by=cast.olivia)
    page = client.get("/tenants/acme/members/").content.decode()
    assert "the only owner" not in page and "Change the role of Olivia" in page


def test_who_is_removed_while_switched_off_holds_nothing_when_let_in_again(cast: Cast, client: Client) -> None:
    deactivate(user=cast.dev, by=cast.pat)
    remove_member(membership=cast.dev.memberships.get(), by=cast.olivia)
    activate(user=cast.dev, by=cast.pat)
    cast.dev.refresh_from_db()
    assert not UserObjectPermission.objects.filter(user=cast.dev).exists()
    client.force_login(cast.dev)
    assert client.get("/tenants/acme/").status_code == 404


def test_what_former_members_still_hold_is_taken_away_by_a_migration(cast: Cast) -> None:
    before = UserObjectPermission.objects.count()
    assign_perm("view_tenant", cast.ned, cast.acme)
    with connection.schema_editor() as editor:
        import_module("tenants.migrations.0018_what_former_members_hold").take_away(apps, editor)
    assert UserObjectPermission.objects.count() == before
    assert not UserObjectPermission.objects.filter(user=cast.ned).exists()


def test_who_is_removed_is_told_by_whom_and_who_leaves_is_not(cast: Cast) -> None:
    for who, whom in ((cast.olivia, cast.dev), (cast.vera, cast.vera)):
        browser = Client()
        browser.force_login(who)
        key = whom.memberships.get().pk
        assert browser.post(f"/tenants/acme/members/{key}/remove/").status_code == 302
    removed = Client()
    removed.force_login(cast.dev)
    page = removed.get("/notifications/").content.decode()
    assert "You are no member of Acme any more" in page and "Olivia removed you" in page
    assert not Notification.objects.filter(user=cast.vera).exists()


def test_who_is_added_and_who_gets_another_role_is_told_by_whom(cast: Cast, client: Client) -> None:
    client.force_login(cast.olivia)
    added = client.post("/tenants/acme/members/", {"person": "ned", "role": "viewer"})
    assert added.status_code == 302
    its = cast.dev.memberships.get()
    given = {"seen": "developer", "role": "analyst"}
    assert client.post(f"/tenants/acme/members/{its.pk}/role/", given).status_code == 302
    told = {(each.user, each.title, each.body, each.path) for each in Notification.objects.all()}
    assert told == {
        (cast.ned, "You are Viewer of Acme now", "Olivia added you.", "/tenants/acme/"),
        (
            cast.dev,
            "You are Analyst of Acme now",
            "Olivia changed your role; you were Developer before.",
            "/tenants/acme/",
        ),
    }


def test_of_two_who_change_one_role_the_second_is_shown_what_the_first_did(cast: Cast, client: Client) -> None:
    client.force_login(cast.olivia)
    its = cast.dev.memberships.get()
    assert (
        '<input type="hidden" name="seen" value="developer">' in client.get("/tenants/acme/members/").content.decode()
    )
    path, given = f"/tenants/acme/members/{its.pk}/role/", {"seen": "developer"}
    assert client.post(path, given | {"role": "analyst"}).status_code == 302
    late = client.post(path, given | {"role": "billing"})
    assert late.status_code == 409
    assert "Dev was developer of Acme when you looked and is analyst now" in late.content.decode()
    assert 'href="/tenants/acme/members/"' in late.content.decode()
    told = client.patch(f"/api/memberships/{its.pk}/", given | {"role": "billing"}, content_type="application/json")
    assert (told.status_code, told.json()["code"]) == (409, "role_changed")
    its.refresh_from_db()
    assert its.role == "analyst"


def test_the_same_holds_for_a_role_in_a_project(cast: Cast, client: Client) -> None:
    client.force_login(cast.olivia)
    its = give_role(project=cast.project, user=cast.vera, role="developer", by=cast.olivia)
    page = f"/tenants/acme/projects/{cast.project.pk}/roles/"
    assert '<input type="hidden" name="seen" value="developer">' in client.get(page).content.decode()
    given = {"seen": "developer"}
    assert client.post(f"{page}{its.pk}/", given | {"role": "admin"}).status_code == 302
    assert client.post(f"{page}{its.pk}/", given | {"role": "owner"}).status_code == 409
    told = client.patch(f"/api/project-roles/{its.pk}/", given | {"role": "owner"}, content_type="application/json")
    assert told.status_code == 409
    its.refresh_from_db()
    assert its.role == "admin"
