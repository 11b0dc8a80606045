"""A tenant's directory: it knows its own people, asks them in, and can find out and do nothing about anybody else."""

from __future__ import annotations

import pytest
from django.test import Client

from access.offboarding.beginning import begin, call_off
from audit.models import Entry
from tenants.archiving import archive_tenant, restore_tenant
from tenants.arrivals import Invitation
from tenants.directory.rules import end_rule, make_rule
from tenants.memberships import add_member
from tenants.models import (
    Directory,
    DirectoryGroup,
    DirectoryGroupMember,
    DirectoryPerson,
    DirectoryRule,
    DirectoryToken,
    Membership,
    User,
)
from tenants.scope import only
from tests.cast import PASSWORD, Cast
from tests.directory.service import GROUP, USER, Service


@pytest.fixture
def service(cast: Cast) -> Service:
    return Service(cast.acme, cast.olivia)


def _rule(cast: Cast, group: str, role: str) -> DirectoryRule:
    return make_rule(tenant=cast.acme, of_platform=False, group_name=group, role=role, by=cast.olivia)


def _roles(cast: Cast) -> dict[str, str]:
    return dict(Membership.objects.filter(tenant=cast.acme).values_list("user__username", "role"))


def _id(service: Service, name: str) -> str:
    return str(service.get("Users", filter=f'userName eq "{name}"').json()["Resources"][0]["id"])


def test_it_sees_the_members_and_nobody_else(service: Service, cast: Cast) -> None:
    other = Service(cast.globex, cast.greta)
    made = service.user("zoe")
    assert sorted(each["userName"] for each in service.get("Users").json()["Resources"]) == [
        "dev", "olivia", "vera", "zoe",
    ]  # fmt: skip
    assert [each["userName"] for each in other.get("Users").json()["Resources"]] == ["greta"]
    for answer in (
        other.get(f"Users/{made}"), other.patch(f"Users/{made}", {"op": "remove", "path": "title"}),
        other.send("DELETE", f"Users/{made}"), other.send("PUT", f"Users/{made}", {"schemas": [USER], "userName": "x"}),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["detail"]) == (
            404,
            "There is no User with this id in your directory.",
        )
    group = service.group("Staff", made)
    assert other.get(f"Groups/{group}").status_code == 404
    answer = other.send(
        "POST", "Groups", {"schemas": [USER.replace("User", "Group")], "displayName": "x", "members": [{"value": made}]}
    )
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")


def test_telling_of_somebody_who_has_an_account_elsewhere_says_and_does_the_same_as_of_anybody(
    service: Service, cast: Cast
) -> None:
    before = list(User.objects.order_by("pk").values())
    answers = []
    for name in ("greta", "nobody-knows"):
        body = {"schemas": [USER], "userName": name, "emails": [{"value": f"{name}@example.test"}]}
        answer = service.send("POST", "Users", body)
        read = service.get(f"Users/{answer.json()['id']}").json()
        answers.append((answer.status_code, sorted(read), read["active"]))
        assert (
            service.patch(f"Users/{read['id']}", {"op": "replace", "path": "active", "value": False}).status_code == 204
        )
        assert service.send("DELETE", f"Users/{read['id']}").status_code == 204
    assert answers[0] == answers[1]
    assert answers[0][0] == 201
    assert list(User.objects.order_by("pk").values()) == before


def test_joining_a_group_asks_a_person_in_and_who_accepts_is_a_member_by_the_rule(service: Service, cast: Cast) -> None:
    _rule(cast, "Staff", "developer")
    made = service.user("ned.of.acme", emails=[{"value": "ned@example.test"}])
    group = service.group("staff")
    assert not Invitation.objects.exists()
    assert service.join(group, made).status_code == 204
    asked = Invitation.objects.in_state("invited").get()
    assert (asked.email, asked.role, asked.created_by) == ("ned@example.test", "developer", cast.olivia)
    assert "ned" not in _roles(cast)
    browser = Client()
    browser.force_login(cast.ned)
    browser.post(f"/invitations/{asked.pk}/accept/")
    assert _roles(cast)["ned"] == "developer"
    assert service.leave(group, made).status_code == 204
    assert "ned" not in _roles(cast)
    assert browser.get("/tenants/acme/").status_code == 404
    entry = Entry.objects.filter(verb="membership.removed").get()
    assert (entry.actor_kind, entry.actor_label) == ("directory", "directory of Acme: Entra")
    service.join(group, made)
    assert _roles(cast)["ned"] == "developer"


def test_leaving_before_having_accepted_takes_the_invitation_back(service: Service, cast: Cast) -> None:
    _rule(cast, "Staff", "developer")
    made = service.user("ned", emails=[{"value": "ned@example.test"}])
    group = service.group("Staff", made)
    service.leave(group, made)
    assert Invitation.objects.get().state == "withdrawn"
    service.join(group, made)
    assert service.patch(f"Users/{made}", {"op": "replace", "path": "active", "value": "False"}).status_code == 204
    assert {each.state for each in Invitation.objects.all()} == {"withdrawn"}


def test_what_was_given_by_hand_is_not_changed_by_rules(service: Service, cast: Cast) -> None:
    _rule(cast, "Staff", "admin")
    vera = _id(service, "vera")
    group = service.group("Staff", vera)
    assert _roles(cast)["vera"] == "viewer"
    service.leave(group, vera)
    assert _roles(cast)["vera"] == "viewer"


def test_of_several_groups_the_strongest_role_counts_and_what_is_changed_by_hand_stays(cast: Cast) -> None:
    platform = Service(None, cast.pat)
    for group, role in (("A", "viewer"), ("B", "admin")):
        make_rule(tenant=cast.acme, of_platform=True, group_name=group, role=role, by=cast.pat)
    ned = _id(platform, "ned")
    first, second = platform.group("A", ned), platform.group("B", ned)
    assert _roles(cast)["ned"] == "admin"
    platform.send("DELETE", f"Groups/{second}")
    assert _roles(cast)["ned"] == "viewer"
    add_member(tenant=cast.acme, user=cast.ned, role="analyst", by=cast.olivia)
    platform.send("DELETE", f"Groups/{first}")
    assert _roles(cast)["ned"] == "analyst"


def test_switching_off_or_removing_ends_the_membership_and_never_the_account(service: Service, cast: Cast) -> None:
    browser = Client()
    browser.login(username="dev", password=PASSWORD)
    dev, vera = _id(service, "dev"), _id(service, "vera")
    assert service.patch(f"Users/{dev}", {"op": "replace", "path": "active", "value": False}).status_code == 204
    assert service.send("DELETE", f"Users/{vera}").status_code == 204
    assert _roles(cast) == {"olivia": "owner"}
    assert browser.get("/tenants/acme/").status_code == 404
    assert browser.get("/").status_code == 200
    assert User.objects.filter(username__in=["dev", "vera"], is_active=True).count() == 2


def test_of_an_archived_tenant_nothing_new_is_told_and_who_goes_still_goes(service: Service, cast: Cast) -> None:
    _rule(cast, "Staff", "developer")
    vera, made = _id(service, "vera"), service.user("zoe", emails=[{"value": "zoe@example.test"}])
    staff = service.group("Staff", made, vera)
    archive_tenant(tenant=cast.acme, by=cast.olivia)
    one = {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"schemas": [USER], "userName": "ann"}}
    bulk = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [one]}
    assert service.send("POST", "Bulk", bulk).json()["Operations"][0]["status"] == "409"
    for refused in (
        service.send("POST", "Users", {"schemas": [USER], "userName": "ann"}),
        service.send("POST", "Groups", {"schemas": [GROUP], "displayName": "New"}),
        service.patch(f"Users/{made}", {"op": "replace", "path": "title", "value": "Head"}),
        service.patch(f"Groups/{staff}", {"op": "replace", "path": "displayName", "value": "Other"}),
        service.join(staff, _id(service, "dev")),
    ):
        assert (refused.status_code, "archived" in refused.json()["detail"]) == (409, True)
    assert service.leave(staff, made).status_code == 204
    assert Invitation.objects.get().state == "withdrawn"
    assert service.patch(f"Users/{vera}", {"op": "replace", "path": "active", "value": False}).status_code == 204
    assert "vera" not in _roles(cast)
    assert service.send("DELETE", f"Groups/{staff}").status_code == 204
    assert service.send("DELETE", f"Users/{made}").status_code == 204


def test_who_was_invited_by_a_rule_before_a_tenant_went_is_invited_again_when_it_comes_back(
    service: Service, cast: Cast
) -> None:
    _rule(cast, "Staff", "developer")
    service.group("Staff", service.user("zoe", emails=[{"value": "zoe@example.test"}]))
    gone = begin(tenant=cast.acme, reason="Dissolved", by=cast.olivia)
    assert Invitation.objects.get().state == "withdrawn"
    call_off(offboarding=gone, by=cast.olivia)
    restore_tenant(tenant=cast.acme, by=cast.olivia)
    assert [each.email for each in Invitation.objects.in_state("invited")] == ["zoe@example.test"]


def test_the_last_owner_stays_and_the_audit_says_so(service: Service, cast: Cast) -> None:
    olivia = _id(service, "olivia")
    assert service.patch(f"Users/{olivia}", {"op": "replace", "path": "active", "value": False}).status_code == 204
    assert _roles(cast)["olivia"] == "owner"
    entry = Entry.objects.filter(verb="directory.left_undone").get()
    assert entry.facts["reason"] == "last_owner"


def test_a_rule_for_everybody_is_for_those_of_whom_the_directory_spoke(service: Service, cast: Cast) -> None:
    _rule(cast, "", "viewer")
    service.user("new", emails=[{"value": "new@example.test"}])
    assert [each.email for each in Invitation.objects.in_state("invited")] == ["new@example.test"]
    assert _roles(cast) == {"olivia": "owner", "dev": "developer", "vera": "viewer"}


def test_ending_a_rule_ends_what_it_gave_unless_another_gives_it(service: Service, cast: Cast) -> None:
    rule = _rule(cast, "Staff", "developer")
    made = service.user("ned", emails=[{"value": "ned@example.test"}])
    service.group("Staff", made)
    client = Client()
    client.force_login(cast.ned)
    client.post(f"/invitations/{Invitation.objects.get().pk}/accept/")
    _rule(cast, "", "viewer")
    assert _roles(cast)["ned"] == "developer"
    end_rule(rule=rule, by=cast.olivia)
    assert _roles(cast)["ned"] == "viewer"


def test_rules_of_the_platform_s_directory_give_memberships_to_accounts_at_once(cast: Cast) -> None:
    platform = Service(None, cast.pat)
    make_rule(tenant=cast.globex, of_platform=True, group_name="Globex", role="analyst", by=cast.pat)
    made = platform.user("zoe")
    group = platform.group("Globex", made)
    held = Membership.objects.get(tenant=cast.globex, user__username="zoe")
    assert held.role == "analyst"
    platform.patch(f"Groups/{group}", {"op": "replace", "path": "displayName", "value": "Renamed"})
    assert not Membership.objects.filter(user__username="zoe").exists()


def test_what_rules_asked_for_while_a_tenant_was_archived_is_made_up_for_when_it_is_restored(cast: Cast) -> None:
    """Of this tenant alone, and of what the platform's directory says by now."""
    platform = Service(None, cast.pat)
    for tenant, role in ((cast.acme, "analyst"), (cast.globex, "viewer")):
        make_rule(tenant=tenant, of_platform=True, group_name="Staff", role=role, by=cast.pat)
    make_rule(tenant=cast.acme, of_platform=True, group_name="Leads", role="admin", by=cast.pat)
    early = platform.user("early")
    staff, leads = platform.group("Staff", early), platform.group("Leads")
    for tenant, owner in ((cast.acme, cast.olivia), (cast.globex, cast.greta)):
        archive_tenant(tenant=tenant, by=owner)
    late, fickle = platform.user("late"), platform.user("fickle")
    platform.join(staff, late)
    platform.join(staff, fickle)
    platform.leave(staff, fickle)
    platform.join(leads, early)
    assert "late" not in _roles(cast) and _roles(cast)["early"] == "analyst"
    undone = Entry.objects.filter(verb="directory.left_undone").count()
    client = Client()
    client.force_login(cast.olivia)
    assert client.post("/tenants/acme/restore/").status_code == 302
    assert _roles(cast) == {
        "olivia": "owner", "dev": "developer", "vera": "viewer", "early": "admin", "late": "analyst"
    }  # fmt: skip
    assert not Membership.objects.filter(tenant=cast.globex, user__username="late").exists()
    assert Entry.objects.filter(verb="directory.left_undone").count() == undone, "the other tenant was not asked"


def test_a_tenant_s_owner_sees_the_rules_that_the_platform_made_for_it_and_who_came_by_them(cast: Cast) -> None:
    platform = Service(None, cast.pat)
    make_rule(tenant=cast.acme, of_platform=True, group_name="Everywhere", role="viewer", by=cast.pat)
    make_rule(tenant=cast.globex, of_platform=True, group_name="Secretive", role="viewer", by=cast.pat)
    platform.group("Everywhere", platform.user("zoe"))
    client = Client()
    client.force_login(cast.olivia)
    page = client.get("/tenants/acme/directory/").content.decode()
    assert "Everywhere" in page and "Secretive" not in page
    assert "a rule of the directory" in client.get("/tenants/acme/members/").content.decode()


def test_what_the_platform_s_directory_knows_is_past_both_walls_of_a_tenant(cast: Cast) -> None:
    platform = Service(None, cast.pat)
    platform.group("Everywhere", platform.user("zoe"))
    with only(cast.acme):
        for model in (Directory, DirectoryToken, DirectoryPerson, DirectoryGroup, DirectoryGroupMember):
            assert not model.objects.exists(), model
