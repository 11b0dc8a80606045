"""Directories on the control-plane API, with the verbs and refusals of the pages."""

from __future__ import annotations

from django.test import Client

from tenants.models import Membership
from tests.cast import Cast
from tests.directory.service import Service
from tests.portal.test_api import Caller, ok, refused


def test_a_token_is_issued_shown_once_and_revoked(cast: Cast) -> None:
    caller = Caller(cast.olivia)
    made = ok(caller.post("directory-tokens/", tenant="acme", name="Okta"), 201)
    program = Client(headers={"authorization": f"Bearer {made['secret']}"})
    assert program.get("/scim/v2/Users").status_code == 200
    [listed] = caller.get("directory-tokens/?tenant=acme")["results"]
    assert listed["state"] == "active" and "secret" not in listed
    assert ok(caller.post(f"directory-tokens/{made['id']}/revoke/"))["state"] == "revoked"
    assert program.get("/scim/v2/Users").status_code == 401
    refused(caller.post("directory-tokens/", tenant="globex", name="Okta"), 404)
    refused(caller.post("directory-tokens/", name="Okta"), 403)


def test_rules_are_previewed_made_and_ended(cast: Cast) -> None:
    service, caller = Service(None, cast.pat), Caller(cast.pat)
    service.group("Staff", service.user("zoe"))
    rule = {"tenant": "acme", "of_platform": True, "group_name": "Staff", "role": "viewer"}
    expected = {"user_name": "zoe", "before": "", "after": "viewer", "is_invitation": False}
    assert ok(caller.post("directory-rules/preview/", **rule)) == {"gain": [expected], "change": [], "lose": []}
    assert not Membership.objects.filter(user__username="zoe").exists()
    made = ok(caller.post("directory-rules/", **rule), 201)
    assert Membership.objects.get(user__username="zoe").role == "viewer"
    refused(caller.post("directory-rules/", **rule), 409)
    refused(caller.post("directory-rules/", **{**rule, "role": "emperor"}), 422)
    [lost] = ok(caller.post(f"directory-rules/{made['id']}/preview-end/"))["lose"]
    assert (lost["user_name"], lost["before"], lost["after"]) == ("zoe", "viewer", "")
    assert caller.client.delete(f"/api/directory-rules/{made['id']}/").status_code == 204
    assert not Membership.objects.filter(user__username="zoe").exists()


def test_a_rule_for_groups_of_the_whole_platform_is_not_made_by_a_tenant_s_owner(cast: Cast) -> None:
    caller = Caller(cast.olivia)
    rule = {"tenant": "acme", "group_name": "Staff", "role": "owner"}
    refused(caller.post("directory-rules/", **rule, of_platform=True), 403)
    ok(caller.post("directory-rules/", **rule), 201)


def test_whom_the_directory_knows_is_listed_with_groups_and_state(cast: Cast) -> None:
    service, caller = Service(cast.acme, cast.olivia), Caller(cast.olivia)
    service.group("Staff", service.user("zoe", externalId="7"))
    [zoe] = caller.get("directory-people/?tenant=acme&group=Staff")["results"]
    assert (zoe["user_name"], zoe["external_id"], zoe["state"], zoe["groups"]) == ("zoe", "7", "waiting", ["Staff"])
    names = [row["user_name"] for row in caller.get("directory-people/?tenant=acme&sort=user_name")["results"]]
    assert names == ["dev", "olivia", "vera", "zoe"]
