"""A member holds a further role in one project: there it gives what the table says, and on every other nothing."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from guardian.models import UserObjectPermission

from access.granting import grant
from access.models import Grant
from audit.models import Entry
from tenants import scoping
from tenants.archiving import ProjectArchived, archive_project, restore_project
from tenants.assigning import (
    NotAMember,
    ProjectRoleChanged,
    RoleAlready,
    UnknownProjectRole,
    give_role,
    take_role,
)
from tenants.keys import issue
from tenants.memberships import add_member, remove_member
from tenants.models import ApiKey, Environment, Membership, Notification, Project, ProjectRole, User
from tenants.moving import move_project, preview
from tenants.role_making import change as change_role
from tenants.role_making import make as make_role
from tenants.roles import PROJECT_PERMISSIONS, PROJECT_ROLES, TENANT_ROLES
from tenants.service_accounts import create as create_service_account
from tenants.structure import create_project
from tests.cast import Cast, person, route
from tests.usage.ledger_lines import called
from usage.limits.budgets import set_budget
from usage.limits.places import of_environment, of_project, of_tenant

MANAGE_KEYS = "tenants.manage_keys"


@pytest.fixture
def other(cast: Cast) -> Project:
    """A second project of Acme."""
    return create_project(tenant=cast.acme, slug="billing", name="Billing", by=cast.olivia)


def held(user: User) -> set[tuple[str, str]]:
    rows = UserObjectPermission.objects.filter(user=user, permission__content_type__model="project")
    return set(rows.values_list("object_pk", "permission__codename"))


def send(client: Client, method: str, path: str, **body: Any) -> Any:
    return client.generic(method, f"/api/{path}", json.dumps(body), "application/json")


def test_it_works(cast: Cast, other: Project, client: Client) -> None:
    client.force_login(cast.olivia)
    page = f"/tenants/acme/projects/{cast.project.pk}/roles/"
    assert client.post(page, {"person": "vera", "role": "developer"}).status_code == 302
    told = client.get(page).content.decode()
    assert "Vera" in told and "Developer" in told and "Viewer" in told
    assert scoping.may(cast.vera, MANAGE_KEYS, cast.environment())
    assert not scoping.may(cast.vera, MANAGE_KEYS, cast.environment(of=other))
    assert not scoping.may(cast.vera, MANAGE_KEYS, cast.acme)
    assert Entry.objects.get(verb="project.role_given").facts["user"] == "vera"
    assert Notification.objects.filter(user=cast.vera, title__startswith="You are Developer in Support").exists()
    client.force_login(cast.vera)
    answer = client.post(
        "/tenants/acme/keys/issue/",
        {"once": "a", "environment": cast.environment().pk, "name": "ci", "expiry": "90", "holder": "vera"},
    )
    assert answer.status_code == 200 and "atrium_dev_" in answer.content.decode()


def test_the_table_gives_in_a_project_what_means_something_there() -> None:
    assert list(PROJECT_ROLES) == ["owner", "admin", "developer", "analyst"]
    for slug, role in PROJECT_ROLES.items():
        assert role.permissions == TENANT_ROLES[slug].permissions & PROJECT_PERMISSIONS
    declared = {f"tenants.{codename}" for codename, _ in Project._meta.permissions}
    assert declared == PROJECT_PERMISSIONS


@pytest.mark.parametrize("role", PROJECT_ROLES)
def test_what_is_held_is_what_the_role_gives_there(cast: Cast, other: Project, role: str) -> None:
    give_role(project=cast.project, user=cast.vera, role=role, by=cast.olivia)
    viewer, gives = TENANT_ROLES["viewer"].permissions, PROJECT_ROLES[role].permissions
    vera = User.objects.get(pk=cast.vera.pk)
    assert scoping.held(vera, cast.project) == scoping.held(vera, cast.environment()) == viewer | gives
    assert scoping.held(vera, other) == scoping.held(vera, cast.acme) == viewer
    assert scoping.held_within(vera, cast.acme).in_projects == {cast.project.pk: gives}
    assert not scoping.held_within(vera, cast.globex).anywhere
    for permission in PROJECT_PERMISSIONS:
        assert scoping.may(vera, permission, cast.environment()) == (permission in viewer | gives)
        assert scoping.may(vera, permission, cast.environment(of=other)) == (permission in viewer)
        seen = scoping.visible(vera, Environment.objects.all(), permission)
        wanted = {cast.project} if permission in gives - viewer else {cast.project, other} & (
            {cast.project, other} if permission in viewer else set()
        )  # fmt: skip
        assert {each.project for each in seen} == wanted


# What a role in one project does not give on another


def test_keys_of_another_project_stay_closed(cast: Cast, other: Project, client: Client) -> None:
    give_role(project=cast.project, user=cast.vera, role="developer", by=cast.olivia)
    here = issue(environment=cast.environment(), name="here", by=cast.olivia).key
    there = issue(environment=cast.environment(of=other), name="there", by=cast.olivia).key
    client.force_login(cast.vera)
    for key, status in ((here, 200), (there, 403)):
        assert send(client, "PATCH", f"keys/{key.pk}/", allowed_networks=["10.0.0.0/8"]).status_code == status
        assert send(client, "POST", f"keys/{key.pk}/hand-over/", holder="vera").status_code == status
        assert client.get(f"/tenants/acme/keys/{key.pk}/scope/").status_code == status
        assert client.get(f"/tenants/acme/keys/{key.pk}/rotate/").status_code == status
        assert client.get(f"/tenants/acme/keys/revoke/?key={key.pk}").status_code == status
        page = client.get(f"/tenants/acme/keys/{key.pk}/").content.decode()
        assert ("Revoke" in page) == (status == 200)
    for path in ("holder", "revoke", "leaked", "scope", "rotate"):
        assert client.post(f"/tenants/acme/keys/{there.pk}/{path}/", {"where": "x", "once": "1"}).status_code == 403
    for verb, body in (("revoke", {}), ("leaked", {"where": "x"}), ("rotate", {"overlap": "0"})):
        assert send(client, "POST", f"keys/{there.pk}/{verb}/", **body).status_code == 403
    assert send(client, "POST", "keys/revoke/", keys=[str(here.pk), str(there.pk)]).status_code == 403
    assert client.post("/tenants/acme/keys/revoke/", {"key": [here.pk, there.pk]}).status_code == 403
    assert ApiKey.objects.usable().count() == 2
    assert send(client, "POST", "keys/", environment="acme/billing/test", name="x").status_code == 403
    assert send(client, "POST", "keys/", environment="acme/support/test", name="x").status_code == 201
    form = client.post("/tenants/acme/keys/issue/", {"once": "b", "environment": cast.environment(of=other).pk,
                                                     "name": "x", "expiry": "90", "holder": "vera"})  # fmt: skip
    assert form.status_code == 422
    chosen = client.get("/tenants/acme/keys/issue/").content.decode()
    assert "Support · Test" in chosen and "Billing" not in chosen
    listed = client.get("/tenants/acme/keys/").content.decode()
    assert f'value="{here.pk}"' in listed and f'value="{there.pk}"' not in listed


def test_requests_for_access_and_models_are_for_the_project_alone(cast: Cast, other: Project, client: Client) -> None:
    wanted = route()
    give_role(project=cast.project, user=cast.vera, role="analyst", by=cast.olivia)
    client.force_login(cast.vera)
    form = client.get(f"/requests/new/access/{wanted.slug}/").content.decode()
    assert "acme/support/test" in form and "acme/billing" not in form
    body = {"route": wanted.slug, "purpose": "Try"}
    assert send(client, "POST", "access-requests/", environment="acme/billing/test", **body).status_code == 403
    assert send(client, "POST", "access-requests/", environment="acme/support/test", **body).status_code == 201
    begun = {"columns": [{"route": wanted.slug}]}
    assert send(client, "POST", "playground/sessions/", environment="acme/billing/test", **begun).status_code == 403
    assert send(client, "POST", "playground/sessions/", environment="acme/support/test", **begun).status_code == 201
    page = client.get("/playground/").content.decode()
    assert "acme/support/test" in page and "acme/billing" not in page
    from access.standing import granted_models, standing_of  # as the catalog asks

    grant(environment=cast.environment(of=other), route=wanted, decision=None, purpose="", by=cast.pat)
    assert not list(granted_models(cast.vera))
    assert standing_of(cast.vera, [wanted.model])[wanted.model.pk].kind == "pending"
    grant(environment=cast.environment(), route=wanted, decision=None, purpose="", by=cast.pat)
    assert list(granted_models(cast.vera)) == [wanted.model.pk]
    assert standing_of(cast.vera, [wanted.model])[wanted.model.pk].environments == ("acme/support/development",)


def _blind(user: User, cast: Cast) -> None:
    """Take from a member what every built-in role gives: to see what all of the tenant uses and spends."""
    rows = UserObjectPermission.objects.filter(user=user, object_pk=str(cast.acme.pk))
    rows.filter(permission__codename="view_usage").delete()


def test_usage_and_spend_are_seen_of_the_project_alone(cast: Cast, other: Project, client: Client) -> None:
    _blind(cast.vera, cast)
    give_role(project=cast.project, user=cast.vera, role="analyst", by=cast.olivia)
    seen = called(cast.environment(), user_id=cast.dev.pk, user_label="dev")
    hidden = called(cast.environment(of=other), user_id=cast.dev.pk, user_label="dev")
    for place in (of_tenant(cast.acme), of_project(cast.project), of_environment(cast.environment(of=other))):
        set_budget(place=place, amount=Decimal(7), by=cast.pat)
    client.force_login(cast.vera)
    assert [row["id"] for row in client.get("/api/usage/calls/").json()["results"]] == [str(seen.pk)]
    assert client.get(f"/api/usage/calls/{hidden.pk}/").status_code == 404
    assert client.get(f"/usage/calls/{hidden.pk}/").status_code == 404
    assert client.get(f"/usage/calls/{seen.pk}/").status_code == 200
    for query in ("", "?tenant=acme", "?project=acme/billing", "?by=project", "?by=tenant", "?q=billing"):
        for path in ("/usage/", "/usage/calls/"):
            page = client.get(path + query, headers={"HX-Request": "true"}).content.decode()
            assert str(hidden.pk) not in page and "· Billing" not in page and "Acme · Billing" not in page
    exported = b"".join(client.get("/usage/calls/export.csv").streaming_content).decode()
    assert str(seen.pk) in exported and str(hidden.pk) not in exported
    budgets = client.get("/api/budgets/").json()["results"]
    assert [each["place"]["path"] for each in budgets] == ["acme/support"]
    limits = client.get("/tenants/acme/limits/").content.decode()
    assert limits.count("at-budget") == 1
    assert client.get("/api/budgets/?place=acme").json()["results"] == []


def test_an_owner_of_a_project_sets_the_limits_within_it(cast: Cast, other: Project, client: Client) -> None:
    give_role(project=cast.project, user=cast.vera, role="owner", by=cast.olivia)
    client.force_login(cast.vera)
    for place, status in (
        ("acme", 403), ("acme/support", 403), ("acme/support/test", 200), ("acme/billing", 403),
        ("acme/billing/test", 403),
    ):  # fmt: skip
        assert send(client, "POST", "limits/", place=place, requests=5).status_code == status, place
        assert client.get(f"/tenants/acme/limits/change/?place={place}").status_code == status, place
    listed = client.get("/tenants/acme/limits/").content.decode()
    assert "place=acme/support/test" in listed and "place=acme/billing" not in listed


def test_an_owner_of_a_project_changes_it_and_its_grants_and_nothing_wider(
    cast: Cast, other: Project, client: Client
) -> None:
    give_role(project=cast.project, user=cast.vera, role="owner", by=cast.olivia)
    client.force_login(cast.vera)
    for project, status in ((cast.project, 200), (other, 403)):
        assert send(client, "PATCH", f"projects/{project.pk}/", purpose="Help").status_code == status
        granted = grant(environment=cast.environment(of=project), route=route(f"r-{project.slug}"), decision=None,
                        purpose="", by=cast.pat)  # fmt: skip
        page = client.get("/tenants/acme/grants/").content.decode()
        assert (f"revoke-{granted.pk}" in page) == (status == 200)
        assert send(client, "POST", f"grants/{granted.pk}/revoke/", reason="x").status_code == status
    for verb in ("archive", "restore", "move"):
        body = {"to": "globex"} if verb == "move" else {}
        assert send(client, "POST", f"projects/{cast.project.pk}/{verb}/", **body).status_code == 403
    assert send(client, "POST", "projects/", tenant="acme", slug="new", name="New").status_code == 403
    assert send(client, "PATCH", "tenants/acme/", name="Mine").status_code == 403
    assert client.get("/tenants/acme/audit/").status_code == 403
    assert client.get("/tenants/acme/settings/").status_code == 403
    assert send(client, "POST", "memberships/", tenant="acme", person="ned", role="viewer").status_code == 403
    assert Grant.objects.in_force().count() == 1


# Who gives


def test_nobody_gives_more_than_they_hold_there(cast: Cast, other: Project, client: Client) -> None:
    adam, anna = person("adam"), person("anna")
    add_member(tenant=cast.acme, user=adam, role="admin", by=cast.olivia)
    add_member(tenant=cast.acme, user=anna, role="viewer", by=cast.olivia)
    give_role(project=cast.project, user=cast.vera, role="admin", by=cast.olivia)
    expected = {
        ("dev", "support"): (403, 403), ("vera", "support"): (403, 201), ("vera", "billing"): (403, 403),
        ("adam", "billing"): (403, 201), ("olivia", "support"): (201, 201), ("pat", "billing"): (201, 201),
        ("fin", "support"): (403, 403), ("greta", "support"): (404, 404), ("ned", "support"): (404, 404),
    }  # fmt: skip
    for (who, slug), statuses in expected.items():
        client.force_login(User.objects.get(username=who))
        for role, status in zip(("owner", "developer"), statuses, strict=True):
            answer = send(client, "POST", "project-roles/", project=f"acme/{slug}", person="anna", role=role)
            assert answer.status_code == status, (who, slug, role, answer.content)
            ProjectRole.objects.filter(user=anna).delete()
    client.force_login(cast.vera)
    mine = give_role(project=cast.project, user=anna, role="owner", by=cast.olivia)
    assert send(client, "PATCH", f"project-roles/{mine.pk}/", role="analyst").status_code == 403
    assert send(client, "DELETE", f"project-roles/{mine.pk}/").status_code == 403
    own = ProjectRole.objects.get(user=cast.vera)
    assert send(client, "PATCH", f"project-roles/{own.pk}/", role="owner").status_code == 403
    assert send(client, "DELETE", f"project-roles/{own.pk}/").status_code == 204
    assert not held(cast.vera)


def test_only_members_get_one_and_nobody_learns_who_else_has_an_account(cast: Cast, client: Client) -> None:
    client.force_login(cast.olivia)
    told = []
    for name in ("greta", "no-such-person"):
        answer = send(client, "POST", "project-roles/", project="acme/support", person=name, role="analyst")
        assert answer.status_code == 422 and answer.json()["field"] == "person"
        told.append(answer.json()["detail"].replace(name, ""))
    assert told[0] == told[1]
    with pytest.raises(NotAMember):
        give_role(project=cast.project, user=cast.greta, role="analyst", by=cast.olivia)
    with pytest.raises(UnknownProjectRole):
        give_role(project=cast.project, user=cast.vera, role="viewer", by=cast.olivia)
    answer = send(client, "POST", "project-roles/", project="globex/secret", person="greta", role="analyst")
    missing = send(client, "POST", "project-roles/", project="globex/nothing", person="greta", role="analyst")
    assert answer.status_code == missing.status_code == 404
    service = create_service_account(tenant=cast.acme, name="batch", role="viewer", by=cast.olivia)
    with pytest.raises(NotAMember):
        give_role(project=cast.project, user=service, role="owner", by=cast.olivia)
    give_role(project=cast.project, user=service, role="developer", by=cast.olivia)
    assert scoping.may(service, MANAGE_KEYS, cast.environment())


def test_what_was_decided_on_another_sight_is_refused(cast: Cast) -> None:
    given = give_role(project=cast.project, user=cast.vera, role="developer", by=cast.olivia, seen="")
    with pytest.raises(RoleAlready):
        give_role(project=cast.project, user=cast.vera, role="analyst", by=cast.olivia, seen="")
    give_role(project=cast.project, user=cast.vera, role="analyst", by=cast.olivia, seen="developer")
    with pytest.raises(ProjectRoleChanged):
        give_role(project=cast.project, user=cast.vera, role="admin", by=cast.olivia, seen="developer")
    with pytest.raises(ProjectRoleChanged):
        take_role(given=given, by=cast.olivia)
    assert {codename for _, codename in held(cast.vera)} == {"use_models", "request_access", "view_usage"}
    take_role(given=ProjectRole.objects.get(), by=cast.olivia)
    take_role(given=given, by=cast.olivia)  # once more
    assert not held(cast.vera) and not ProjectRole.objects.exists()


# When it ends


def test_it_ends_with_the_membership(cast: Cast) -> None:
    give_role(project=cast.project, user=cast.vera, role="admin", by=cast.olivia)
    remove_member(membership=Membership.objects.get(user=cast.vera), by=cast.olivia)
    assert not held(cast.vera) and not ProjectRole.objects.exists()
    assert Entry.objects.get(verb="project.role_ended").facts["because"] == "They are no member any more."
    add_member(tenant=cast.acme, user=cast.vera, role="viewer", by=cast.olivia)
    assert not scoping.may(cast.vera, MANAGE_KEYS, cast.environment())


def test_it_ends_when_ones_own_role_is_lowered_and_stays_when_it_is_raised(cast: Cast) -> None:
    give_role(project=cast.project, user=cast.vera, role="admin", by=cast.olivia)
    add_member(tenant=cast.acme, user=cast.vera, role="developer", by=cast.olivia)
    assert held(cast.vera)
    add_member(tenant=cast.acme, user=cast.vera, role="analyst", by=cast.olivia)
    assert not held(cast.vera) and not ProjectRole.objects.exists()


def test_it_ends_when_the_project_moves_and_the_preview_says_so(cast: Cast) -> None:
    add_member(tenant=cast.globex, user=cast.olivia, role="owner", by=cast.greta)
    add_member(tenant=cast.globex, user=cast.vera, role="viewer", by=cast.greta)
    give_role(project=cast.project, user=cast.vera, role="admin", by=cast.olivia)
    assert "The roles that Vera has in this project alone." in preview(cast.project, cast.globex).ends
    made = move_project(project=cast.project, to=cast.globex, by=cast.olivia)
    assert not held(cast.vera) and not ProjectRole.objects.exists()
    assert not scoping.may(cast.vera, MANAGE_KEYS, made)
    back = move_project(project=made, to=cast.acme, by=cast.olivia)
    assert back == cast.project and not scoping.may(cast.vera, MANAGE_KEYS, back)


def test_it_rests_while_the_project_is_archived(cast: Cast, client: Client) -> None:
    given = give_role(project=cast.project, user=cast.vera, role="owner", by=cast.olivia)
    archive_project(project=cast.project, by=cast.olivia)
    with pytest.raises(ProjectArchived):
        give_role(project=cast.project, user=cast.dev, role="admin", by=cast.olivia)
    client.force_login(cast.vera)
    assert send(client, "PATCH", f"projects/{cast.project.pk}/", name="x").status_code == 409
    assert send(client, "POST", "keys/", environment="acme/support/test", name="x").status_code == 409
    assert send(client, "POST", f"projects/{cast.project.pk}/restore/").status_code == 403
    restore_project(project=cast.project, by=cast.olivia)
    assert send(client, "POST", "keys/", environment="acme/support/test", name="x").status_code == 201
    archive_project(project=cast.project, by=cast.olivia)
    take_role(given=given, by=cast.olivia)
    assert not held(cast.vera)


def test_keys_work_on_while_their_holder_is_a_member_and_the_page_names_them(cast: Cast, client: Client) -> None:
    given = give_role(project=cast.project, user=cast.vera, role="developer", by=cast.olivia)
    issued = issue(environment=cast.environment(), name="nightly", by=cast.vera).key
    client.force_login(cast.olivia)
    page = f"/tenants/acme/projects/{cast.project.pk}/roles/{given.pk}/end/"
    told = client.get(page).content.decode()
    assert "nightly" in told and "They stay Viewer of Acme" in told
    assert client.post(page).status_code == 302
    assert ApiKey.objects.usable().filter(pk=issued.pk).exists() and not ApiKey.objects.without_holder().exists()
    client.force_login(cast.vera)
    assert send(client, "POST", f"keys/{issued.pk}/rotate/", overlap="0").status_code == 403


def test_a_member_who_is_switched_off_holds_nothing(cast: Cast) -> None:
    give_role(project=cast.project, user=cast.vera, role="admin", by=cast.olivia)
    User.objects.filter(pk=cast.vera.pk).update(is_active=False)
    vera = User.objects.get(pk=cast.vera.pk)
    assert not scoping.may(vera, MANAGE_KEYS, cast.environment()) and not scoping.held(vera, cast.project)
    assert not scoping.held_within(vera, cast.acme).anywhere and not scoping.places_for(vera, MANAGE_KEYS).projects
    assert not scoping.members_who_may(MANAGE_KEYS, cast.environment()).filter(pk=vera.pk)


def test_who_may_at_a_place_is_told_what_happens_there(cast: Cast, other: Project) -> None:
    give_role(project=cast.project, user=cast.vera, role="developer", by=cast.olivia)
    here = set(scoping.members_who_may(MANAGE_KEYS, cast.environment()))
    assert here == {cast.olivia, cast.dev, cast.vera}
    assert set(scoping.members_who_may(MANAGE_KEYS, other)) == {cast.olivia, cast.dev}


def test_limits_and_keys_are_asked_for_where_one_may(cast: Cast, other: Project, client: Client) -> None:
    give_role(project=cast.project, user=cast.vera, role="developer", by=cast.olivia)
    client.force_login(cast.vera)
    for place, status in (("acme/support/test", 200), ("acme/support", 200), ("acme/billing", 403), ("acme", 403)):
        assert client.get(f"/tenants/acme/limits/ask/?place={place}").status_code == status, place
        body = {"place": place, "requests": 5, "reason": "More"}
        assert (send(client, "POST", "limit-requests/", **body).status_code == 403) == (status == 403), place
    listed = client.get("/tenants/acme/limits/").content.decode()
    assert "ask/?place=acme/support/test" in listed and "ask/?place=acme/billing" not in listed
    asked = send(client, "POST", "key-requests/", environment="acme/billing/test", reason="A job")
    left = send(client, "POST", "key-requests/", environment="acme/support/test", reason="A job")
    assert (asked.status_code, left.status_code) == (403, 409)


def test_a_members_row_tells_their_roles_in_projects(cast: Cast, client: Client) -> None:
    give_role(project=cast.project, user=cast.vera, role="developer", by=cast.olivia)
    client.force_login(cast.olivia)
    page = client.get("/tenants/acme/members/").content.decode()
    assert f'Developer in <a href="/tenants/acme/projects/{cast.project.pk}/roles/">Support</a>' in page


def test_nobody_gives_in_a_project_what_a_role_of_the_tenant_s_own_does_not_give_them(cast: Cast) -> None:
    """Who manages members by a role that holds no keys makes nobody a developer, themselves least of all."""
    make_role(
        tenant=cast.acme, slug="people", name="People", sentence="Lets people in.", by=cast.olivia,
        permissions=["manage_members", "view_usage"],
    )  # fmt: skip
    add_member(tenant=cast.acme, user=cast.vera, role="people", by=cast.olivia)
    client = Client()
    client.force_login(cast.vera)
    for role in PROJECT_ROLES:
        answer = send(client, "POST", "project-roles/", project="acme/support", person="vera", role=role)
        assert answer.status_code == 403 and answer.json()["code"] == "role_above_yours"
    answer = client.post(f"/tenants/acme/projects/{cast.project.pk}/roles/", {"person": "vera", "role": "developer"})
    assert answer.status_code == 422
    assert not ProjectRole.objects.exists() and not held(cast.vera)
    client.force_login(cast.pat)
    answer = send(client, "POST", "project-roles/", project="acme/support", person="vera", role="owner")
    assert answer.status_code == 201, "who makes tenants gives every role"


def test_a_role_that_gives_less_than_before_ends_roles_in_projects_as_a_lowered_member_does(
    cast: Cast, other: Project
) -> None:
    asked: dict[str, Any] = {"name": "Support", "sentence": "Helps."}
    role = make_role(tenant=cast.acme, slug="help", permissions=["manage_keys", "view_usage"], by=cast.olivia, **asked)
    add_member(tenant=cast.acme, user=cast.vera, role="help", by=cast.olivia)
    give_role(project=other, user=cast.vera, role="admin", by=cast.olivia)
    change_role(role=role, permissions=["manage_keys", "view_usage", "use_models"], by=cast.olivia, **asked)
    assert ProjectRole.objects.filter(user=cast.vera).exists(), "more leaves it"
    change_role(role=role, permissions=["view_usage"], by=cast.olivia, **asked)
    assert not ProjectRole.objects.exists() and not held(cast.vera)
    assert not scoping.may(User.objects.get(pk=cast.vera.pk), MANAGE_KEYS, cast.environment(of=other))
    assert Entry.objects.get(verb="project.role_ended").facts["because"] == "Their role Support gives less now."
    assert "single projects" in Notification.objects.filter(user=cast.vera, title__contains="may do other").first().body


def test_the_page_names_roles_of_the_tenant_s_own_too(cast: Cast, client: Client) -> None:
    make_role(
        tenant=cast.acme, slug="people", name="Greeters", sentence="Lets people in.", by=cast.olivia,
        permissions=["manage_members"],
    )  # fmt: skip
    add_member(tenant=cast.acme, user=cast.vera, role="people", by=cast.olivia)
    given = give_role(project=cast.project, user=cast.vera, role="developer", by=cast.olivia)
    client.force_login(cast.olivia)
    page = client.get(f"/tenants/acme/projects/{cast.project.pk}/roles/").content.decode()
    assert page.count("Greeters") >= 2, "beside the person, and among those who reach into every project"
    assert "Greeters" in client.get(f"/tenants/acme/projects/{cast.project.pk}/roles/{given.pk}/end/").content.decode()
