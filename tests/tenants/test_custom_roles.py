"""Roles that a tenant makes for itself: of what its owners hold, given as the built-in ones are, changed for all."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from audit.models import Entry
from refusals.errors import Refusal
from tenants import invitation_list, invite, role_making, scoping
from tenants.delegation import RoleAboveYours, assignable, require_assignable
from tenants.directory.rules import make_rule
from tenants.explaining import explain
from tenants.memberships import NoServiceAccount, RoleChanged, add_member
from tenants.models import CustomRole, DirectoryPerson, Invitation, Membership, Notification, User
from tenants.service_accounts import ServiceAccountNotAcceptable
from tenants.service_accounts import create as create_service_account
from tests.cast import Cast, person
from tests.directory.service import Service
from tests.tenants.test_invitations import role_of, signed_in

pytestmark = pytest.mark.django_db

SUPPORT = {"slug": "support", "name": "Support", "sentence": "Answers questions.", "permissions": ["view_usage"]}


def made(cast: Cast, by: Any = None, **other: Any) -> CustomRole:
    return role_making.make(tenant=cast.acme, by=by or cast.olivia, **{**SUPPORT, **other})


def held(user: User, cast: Cast) -> set[str]:
    return {each.removeprefix("tenants.") for each in scoping.held(User.objects.get(pk=user.pk), cast.acme)}


def test_it_works(cast: Cast) -> None:
    olivia = signed_in(cast.olivia)
    form = {**SUPPORT, "permissions": ["tenants.view_usage", "tenants.manage_keys"]}
    assert olivia.post("/tenants/acme/roles/new/", form).status_code == 302
    membership = Membership.objects.get(user=cast.vera)
    olivia.post(f"/tenants/acme/members/{membership.pk}/role/", {"role": "support"})
    assert role_of(cast.vera) == "support" and held(cast.vera, cast) == {"view_tenant", "view_usage", "manage_keys"}
    page = signed_in(cast.vera).get("/tenants/acme/roles/").content.decode()
    assert "You are <strong>Support</strong> here: Answers questions." in page
    assert "Support" in olivia.get("/tenants/acme/members/").content.decode()
    assert signed_in(cast.vera).get("/tenants/acme/keys/issue/").status_code == 200
    told = explain(cast.vera, "manage_keys", cast.acme)
    assert told.allowed and "Vera is Support of Acme (a role that it made for itself) since" in told.links[1].sentence
    assert "Owner, Admin, Developer or Support" in explain(cast.greta, "manage_keys", cast.acme).way


def test_what_is_changed_is_held_at_once_by_who_has_it(cast: Cast) -> None:
    role = made(cast)
    add_member(tenant=cast.acme, user=cast.vera, role="support", by=cast.olivia)
    add_member(tenant=cast.acme, user=cast.ned, role="support", by=cast.olivia)
    given = {"name": "Support", "sentence": "Answers.", "permissions": ["use_models"]}
    changed = role_making.change(role=role, by=cast.olivia, **given)
    assert held(cast.vera, cast) == held(cast.ned, cast) == {"view_tenant", "use_models"}
    assert changed.version == 2 and held(cast.dev, cast) >= {"manage_keys"}, "others keep what they hold"
    told = Entry.objects.get(verb="role.changed").facts
    assert told["gained"] == ["tenants.use_models"] and told["lost"] == ["tenants.view_usage"]
    assert Notification.objects.filter(title="Your role Support may do other things").count() == 2
    role_making.change(role=role, by=cast.olivia, **given)
    assert Entry.objects.filter(verb="role.changed").count() == 1, "the same again changes nothing"


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"slug": "owner"}, "slug"),
        ({"slug": "0wner"}, "slug"),
        ({"slug": "ad-min"}, "slug"),
        ({"slug": "auditor"}, "slug"),
        ({"slug": "a" * 21}, "slug"),
        ({"slug": "Support"}, "slug"),
        ({"name": "Оwner"}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"sentence": ""}, "sentence"),
        ({"permissions": ["fly"]}, "permissions"),
        ({"permissions": ["tenants.add_tenant"]}, "permissions"),
        ({"permissions": ["audit.search_entry"]}, "permissions"),
    ],
)
def test_what_is_no_role_is_refused_beside_its_field(cast: Cast, other: dict[str, Any], field: str) -> None:
    with pytest.raises(role_making.RoleNotAcceptable) as refused:
        made(cast, **other)
    assert refused.value.field == field
    assert not CustomRole.objects.exists()


def test_two_that_look_alike_are_not_both_made_and_other_tenants_are_free(cast: Cast) -> None:
    made(cast)
    for other in ({"name": "Other"}, {"slug": "supp0rt", "name": "Other"}, {"slug": "other", "name": "SUPPORT"}):
        with pytest.raises(role_making.RoleNameTaken):
            made(cast, **other)
    assert role_making.make(tenant=cast.globex, by=cast.greta, **SUPPORT).slug == "support"
    with pytest.raises(IntegrityError), transaction.atomic():
        CustomRole.objects.create(tenant=cast.acme, slug="supp0rt", name="x", permissions=["tenants.view_tenant"])


def test_nobody_makes_or_changes_a_role_beyond_what_they_hold(cast: Cast) -> None:
    pat_cannot = {"permissions": ["manage_keys"]}  # the platform team runs tenants and holds no keys of theirs
    with pytest.raises(role_making.BeyondYou):
        made(cast, by=cast.pat, **pat_cannot)
    role = made(cast, by=cast.pat)
    changed = {"name": "Support", "sentence": "Answers.", **pat_cannot}
    with pytest.raises(role_making.BeyondYou):
        role_making.change(role=role, by=cast.pat, **changed)
    role_making.change(role=role, by=cast.olivia, **changed)
    with pytest.raises(role_making.BeyondYou):  # nor takes it from those who have it
        role_making.change(role=role, by=cast.pat, name="Support", sentence="Answers.", permissions=[])
    renamed = role_making.change(role=role, by=cast.pat, name="Desk", sentence="Answers.", permissions=["manage_keys"])
    assert renamed.name == "Desk"
    assert signed_in(cast.dev).post("/tenants/acme/roles/new/", SUPPORT).status_code == 403
    add_member(tenant=cast.acme, user=cast.olivia, role="owner", by=cast.pat)
    adam = person("adam")
    add_member(tenant=cast.acme, user=adam, role="admin", by=cast.olivia)
    with pytest.raises(role_making.BeyondYou):  # whoever asks: what they hold is looked at under the lock
        made(cast, by=adam, slug="boss", name="Boss", permissions=["manage_tenant"])


def test_who_may_give_it_is_who_holds_all_of_it_also_after_a_change(cast: Cast) -> None:
    keeper = made(cast, slug="keeper", name="Keeper", permissions=["manage_members", "view_usage"])
    add_member(tenant=cast.acme, user=cast.vera, role="keeper", by=cast.olivia)
    vera = User.objects.get(pk=cast.vera.pk)
    assert [role.slug for role in assignable(vera, cast.acme)] == ["viewer", "billing", "keeper"]
    with pytest.raises(RoleAboveYours, match="gives or takes the role Developer"):
        require_assignable(vera, cast.acme, None, "developer")
    invited = invite.invite(tenant=cast.acme, email="ned@example.test", role="keeper", by=vera).invitation
    given = {"name": "Keeper", "sentence": "Keeps.", "permissions": ["manage_members", "manage_keys"]}
    role_making.change(role=keeper, by=cast.olivia, **given)
    invite.accept(invitation=invited, by=cast.ned)
    assert held(cast.ned, cast) == {"view_tenant", "manage_members", "manage_keys"}
    adam = person("adam")
    add_member(tenant=cast.acme, user=adam, role="admin", by=cast.olivia)
    assert "keeper" in {role.slug for role in assignable(adam, cast.acme)}
    role_making.change(role=keeper, by=cast.olivia, **given | {"permissions": ["manage_tenant"]})
    assert "keeper" not in {role.slug for role in assignable(adam, cast.acme)}


def test_an_invitation_of_who_may_no_longer_give_it_opens_nothing(cast: Cast) -> None:
    keeper = made(cast, slug="keeper", name="Keeper", permissions=["manage_members"])
    helper = made(cast, slug="helper", name="Helper", permissions=[])
    add_member(tenant=cast.acme, user=cast.vera, role="keeper", by=cast.olivia)
    invited = invite.invite(tenant=cast.acme, email="ned@example.test", role="helper", by=cast.vera).invitation
    role_making.change(role=helper, by=cast.olivia, name="Helper", sentence="Helps.", permissions=["manage_keys"])
    with pytest.raises(RoleAboveYours):
        invite.accept(invitation=invited, by=cast.ned)
    assert keeper.permissions and role_of(cast.ned) == ""


def test_a_role_in_use_is_not_retired_until_who_has_it_is_moved(cast: Cast) -> None:
    role = made(cast)
    add_member(tenant=cast.acme, user=cast.vera, role="support", by=cast.olivia)
    waiting = invite.invite(tenant=cast.acme, email="new@example.test", role="support", by=cast.olivia).invitation
    olivia, path = signed_in(cast.olivia), f"/tenants/acme/roles/{role.pk}/"
    told = olivia.post(f"{path}retire/", {"move_to": ""})
    assert told.status_code == 422
    assert "Vera, new@example.test (invited) have the role Support. Say to which role" in told.content.decode()
    assert "Vera" in olivia.get(path).content.decode()
    assert olivia.post(f"{path}retire/", {"move_to": "analyst"}).status_code == 302
    assert role_of(cast.vera) == "analyst" and "use_models" in held(cast.vera, cast)
    assert Invitation.objects.get(pk=waiting.pk).role == "analyst"
    assert olivia.get(path).status_code == 404 and not CustomRole.objects.exists()
    role_making.retire(role=role, by=cast.olivia)
    assert Entry.objects.filter(verb="role.retired").count() == 1


def test_a_rule_that_gives_it_is_ended_first(cast: Cast) -> None:
    role = made(cast)
    make_rule(tenant=cast.acme, of_platform=False, group_name="Desk", role="support", by=cast.olivia)
    with pytest.raises(role_making.RoleInUse, match="“Desk”"):
        role_making.retire(role=role, by=cast.olivia, move_to="viewer")


def test_two_who_change_it_at_once_do_not_write_over_each_other(cast: Cast) -> None:
    role = made(cast)
    given = {"name": "Support", "sentence": "Answers."}
    role_making.change(role=role, by=cast.olivia, permissions=["use_models"], seen=1, **given)
    with pytest.raises(RoleChanged):
        role_making.change(role=role, by=cast.olivia, permissions=["manage_keys"], seen=1, **given)
    told = signed_in(cast.olivia).post(
        f"/tenants/acme/roles/{role.pk}/", {**given, "permissions": ["tenants.manage_keys"], "seen": "1"}
    )
    assert told.status_code == 422 and "Somebody changed Support meanwhile" in told.content.decode()


def test_a_service_account_never_answers_for_a_tenant_by_it(cast: Cast) -> None:
    boss = made(cast, slug="boss", name="Boss", permissions=["manage_tenant"])
    made(cast)
    with pytest.raises(ServiceAccountNotAcceptable):
        create_service_account(tenant=cast.acme, name="ci", role="boss", by=cast.olivia)
    account = create_service_account(tenant=cast.acme, name="ci", role="support", by=cast.olivia)
    with pytest.raises(NoServiceAccount):
        add_member(tenant=cast.acme, user=account, role="boss", by=cast.olivia)
    with pytest.raises(role_making.RoleNotAcceptable, match="service account"):
        role_making.change(
            role=CustomRole.objects.get(slug="support"), by=cast.olivia, name="Support", sentence="x",
            permissions=["manage_tenant"],
        )  # fmt: skip
    assert boss.permissions == ["tenants.manage_tenant", "tenants.view_tenant"]


def test_the_api_does_the_same(cast: Cast) -> None:
    olivia, greta = signed_in(cast.olivia), signed_in(cast.greta)
    sent = {"content_type": "application/json"}
    answer = olivia.post("/api/custom-roles/", {"tenant": "acme", **SUPPORT}, **sent)
    assert answer.status_code == 201 and answer.json()["permissions"] == ["tenants.view_tenant", "tenants.view_usage"]
    path = f"/api/custom-roles/{answer.json()['id']}/"
    assert [each["slug"] for each in olivia.get("/api/custom-roles/?tenant=acme").json()["results"]] == ["support"]
    assert greta.get(path).status_code == 404 and signed_in(cast.vera).get(path).status_code == 200
    assert signed_in(cast.vera).patch(path, {"name": "Mine"}, **sent).status_code == 403
    changed = olivia.patch(path, {"permissions": ["use_models"], "version": 1}, **sent)
    assert changed.json()["version"] == 2 and changed.json()["name"] == "Support"
    assert olivia.patch(path, {"name": "Desk", "version": 1}, **sent).status_code == 409
    assert olivia.patch(path, {"slug": "owner"}, **sent).status_code == 422
    member = {"tenant": "acme", "person": "ned", "role": "support"}
    assert olivia.post("/api/memberships/", member, **sent).status_code == 201
    assert olivia.get("/api/memberships/?role=support").json()["results"][0]["user"] == "ned"
    assert greta.get("/api/memberships/?role=support").status_code == 422, "whose role it is, is nobody else's business"
    assert olivia.post(f"{path}retire/", {}, **sent).json()["code"] == "role_in_use"
    assert olivia.post(f"{path}retire/", {"move_to": "viewer"}, **sent).status_code == 204


def test_lists_take_it_by_its_short_name_and_by_its_name(cast: Cast) -> None:
    made(cast)
    lines = ["a@x.test,support\n", "b@x.test,Support\n", "c@x.test,sup\n"]
    rows = invitation_list.check(invitation_list.read(lines), cast.acme, cast.olivia)
    assert [(row.role, row.outcome) for row in rows] == [
        ("support", "invite"), ("support", "invite"), ("sup", "unknown_role"),
    ]  # fmt: skip
    assert "viewer, billing, support" in rows[2].note


def test_of_several_rules_the_stronger_role_counts_and_a_change_is_followed(cast: Cast) -> None:
    role, service = made(cast), Service(None, cast.pat)
    ned = str(DirectoryPerson.objects.get(user=cast.ned, directory__tenant=None).pk)
    for group, given in (("all", "analyst"), ("desk", "support")):
        make_rule(tenant=cast.acme, of_platform=True, group_name=group, role=given, by=cast.pat)
        service.group(group, ned)
    assert role_of(cast.ned) == "analyst", "it may do all that Support may, and more"
    stronger = {"name": "Support", "sentence": "Answers.", "permissions": ["manage_members"]}
    role_making.change(role=role, by=cast.olivia, **stronger)
    assert role_of(cast.ned) == "support" and held(cast.ned, cast) == {"view_tenant", "manage_members"}
    role_making.change(role=role, by=cast.olivia, **stronger | {"permissions": []})
    assert role_of(cast.ned) == "analyst"


def test_an_archived_tenant_keeps_its_roles_as_they_are(cast: Cast) -> None:
    role = made(cast)
    signed_in(cast.olivia).post("/tenants/acme/archive/", {"confirm_name": "acme"})
    for deed in (
        lambda: made(cast, slug="other", name="Other"),
        lambda: role_making.change(role=role, by=cast.olivia, name="a", sentence="b", permissions=[]),
        lambda: role_making.retire(role=role, by=cast.olivia),
    ):
        with pytest.raises(Refusal) as refused:
            deed()
        assert refused.value.code == "tenant_archived"
