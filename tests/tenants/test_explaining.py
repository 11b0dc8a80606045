"""Why somebody may, or may not: the verdict is what the permission check says, and the reasons lead to it."""

from __future__ import annotations

import argparse
import json

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm

from portal.command.explaining import explain as command
from portal.embedded.trouble import CannotStart
from tenants.assigning import give_role
from tenants.explaining import KNOWN, UnknownPermission, explain
from tenants.models import User
from tenants.scoping import may
from tenants.structure import create_project
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def sentences(cast: Cast, person: User, permission: str, *, above: bool = False) -> list[str]:
    told = explain(person, permission, None if above else cast.acme)
    return [told.verdict, *(link.sentence for link in told.links), told.way]


def test_a_member_reads_what_their_role_lacks_and_who_can_give_it(cast: Cast) -> None:
    verdict, above, member, way = sentences(cast, cast.vera, "manage_keys")
    assert verdict == "Vera may not “Issue and revoke keys” in Acme."
    assert above == "Vera has no role above tenants."
    assert member.startswith("Vera is Viewer of Acme since ")
    assert member.endswith("given by Olivia. Viewer does not include it.")
    assert way == "In Acme it comes with the roles Owner, Admin or Developer. An owner of Acme can give one: Olivia."


def test_a_stranger_somebody_above_tenants_and_somebody_switched_off(cast: Cast) -> None:
    assert "Greta is not a member of Acme." in sentences(cast, cast.greta, "view_tenant")
    told = explain(cast.fin, "tenants.view_usage", cast.acme)
    assert told.allowed and told.way == ""
    assert told.links[0].gives and told.links[0].sentence.startswith("Fin has the role FinOps above tenants.")
    assert "It comes with the role Platform above tenants. The platform team can give one: Pat." in sentences(
        cast, cast.olivia, "catalog.manage_catalog", above=True
    )
    cast.dev.is_active = False
    cast.dev.save()
    told = explain(cast.dev, "view_tenant", cast.acme)
    assert not told.allowed and "switched off" in told.links[0].sentence and "Pat" in told.way


def test_what_no_role_gave_is_told_as_such(cast: Cast) -> None:
    assign_perm("tenants.manage_keys", cast.vera, cast.acme)
    told = explain(User.objects.get(pk=cast.vera.pk), "manage_keys", cast.acme)
    assert told.allowed and "outside of the table of roles" in told.links[-1].sentence
    boss = User.objects.create_superuser("boss", "boss@example.test", "x")
    assert explain(boss, "manage_policies").allowed


def test_the_verdict_is_that_of_the_check_for_everybody_and_everything(cast: Cast) -> None:
    for person in User.objects.all():
        for permission in KNOWN:
            told = explain(person, permission, cast.acme)
            held = may(person, permission, cast.acme) if told.tenant else person.has_perm(permission)
            assert told.allowed == held, told.verdict
            assert told.allowed == any(link.gives for link in told.links), told.verdict
            assert bool(told.way) != told.allowed


def test_an_unknown_permission_is_told_with_the_nearest(cast: Cast) -> None:
    with pytest.raises(UnknownPermission, match="Did you mean “manage_keys”"):
        explain(cast.dev, "manage_key", cast.acme)


def test_the_page_explains_oneself_and_to_who_manages_members_everybody(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.vera)
    page = client.get("/tenants/acme/roles/why/?permission=tenants.manage_keys&person=dev").content.decode()
    assert "Vera may not “Issue and revoke keys” in Acme." in page and 'name="person"' not in page
    client.force_login(cast.olivia)
    page = client.get("/tenants/acme/roles/why/?permission=tenants.manage_keys&person=dev").content.decode()
    assert "Dev may “Issue and revoke keys” in Acme." in page
    assert (
        "Check the spelling"
        in client.get("/tenants/acme/roles/why/?permission=tenants.manage_keys&person=x").content.decode()
    )


def test_a_program_asks_the_same(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.vera)
    told = client.get("/api/tenants/acme/explanation/?permission=manage_keys").json()
    assert (told["person"], told["permission"], told["allowed"]) == ("vera", "tenants.manage_keys", False)
    assert client.get("/api/tenants/acme/explanation/?permission=manage_keys&person=dev").status_code == 403
    told = client.get("/api/tenants/acme/explanation/?permission=manage_keys&person=nobody@example.test")
    assert told.status_code == 403, "nor is it told whether there is such a person"
    assert client.get("/api/tenants/acme/explanation/?permission=x").status_code == 422
    client.force_login(cast.olivia)
    assert client.get("/api/tenants/acme/explanation/?permission=manage_keys&person=dev").json()["allowed"]


def test_the_command_answers_people_and_programs(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    def run(user: str, permission: str, path: str | None, *, in_json: bool = False) -> str:
        command(argparse.Namespace(user=user, permission=permission, object=path, json=in_json))
        return capsys.readouterr().out

    assert "  - Vera is Viewer of Acme" in run("vera", "manage_keys", "acme/support/production")
    assert json.loads(run("pat", "manage_catalog", None, in_json=True))["allowed"] is True
    for path in ("moon", "acme/moon", "acme/support/moon", "acme/support/production/x"):
        with pytest.raises(CannotStart):
            run("vera", "manage_keys", path)
    with pytest.raises(CannotStart, match="no account"):
        run("nobody", "manage_keys", "acme")


def test_a_role_in_a_project_is_a_link_of_the_chain_there_and_nowhere_else(cast: Cast) -> None:
    other = create_project(tenant=cast.acme, slug="billing", name="Billing", by=cast.olivia)
    give_role(project=cast.project, user=cast.vera, role="developer", by=cast.olivia)
    told = explain(cast.vera, "manage_keys", cast.environment())
    assert told.allowed and told.verdict == "Vera may “Issue and revoke keys” in Support of Acme."
    assert told.links[-1].gives and told.links[-1].sentence.startswith("Vera is Developer in Support since ")
    told = explain(cast.vera, "manage_keys", other)
    assert not told.allowed and told.links[-1].sentence == "Vera has no role of their own in Billing."
    assert "In Billing alone it comes with Owner, Admin or Developer there" in told.way
    assert not explain(cast.vera, "manage_keys", cast.acme).allowed
    told = explain(cast.vera, "view_tenant_audit", cast.project)
    assert told.project is None and told.verdict == "Vera may not “See the audit of the tenant” in Acme."
    for person in User.objects.all():
        for permission in KNOWN:
            told = explain(person, permission, cast.project)
            held = may(person, permission, cast.project) if told.tenant else person.has_perm(permission)
            assert told.allowed == held == any(link.gives for link in told.links), told.verdict
            assert bool(told.way) != told.allowed
    client = Client()
    client.force_login(cast.vera)
    page = client.get("/tenants/acme/roles/why/?permission=tenants.manage_keys&project=support").content.decode()
    assert "Vera may “Issue and revoke keys” in Support of Acme." in page
    assert "You are <strong>Developer" in client.get("/tenants/acme/roles/").content.decode()
    api = "/api/tenants/acme/explanation/?permission=manage_keys&project="
    assert client.get(f"{api}support").json()["allowed"] and not client.get(f"{api}billing").json()["allowed"]
    assert client.get(f"{api}secret").status_code == client.get(f"{api}nothing").status_code == 404
