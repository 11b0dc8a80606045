"""A tenant's structure as a file: exported, shown as a plan, applied as a whole or not at all, by the command line."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core import mail

from access.applying.planning import plan
from access.applying.reading import read
from audit.models import Entry
from audit.record import SYSTEM
from portal.command import main
from tenants import scoping, service_accounts
from tenants.archiving import archive_project
from tenants.arrivals import Invitation
from tenants.assigning import give_role
from tenants.invite import invite
from tenants.keys import issue
from tenants.memberships import add_member
from tenants.models import ApiKey, Directory, Membership, Project, ProjectRole, Tenant, User
from tenants.scoping import may
from tenants.structure import create_project
from tests.cast import Cast, person
from usage.limits.budgets import set_budget
from usage.limits.places import of_environment, of_key, of_project, of_tenant
from usage.limits.setting import set_limits
from usage.limits.tables import Budget, Limit

pytestmark = pytest.mark.django_db

HEAD = "schema: 1\ntenant: acme\n"
FULL = """\
schema: 1
tenant: acme
name: Acme Insurance
cost_centre: CC-7
limits: {requests: 600}
budgets: {month: {amount: 500, hard: true, warn_at: [80]}}
projects:
  support: {name: Support desk, purpose: Answers questions}
  claims:
    name: Claims
    purpose: Reads claims
    environments:
      production: {limits: {concurrent: 5}, budgets: {day: {amount: 12.5}}}
members:
  - {person: olivia, role: owner}
  - {person: dev@example.test, role: admin}
  - {person: ned, role: viewer}
  - {person: New@Example.test, role: developer}
"""


class Shell:
    """The command line with a folder for files."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys, self.out, self.err = folder, capsys, "", ""

    def __call__(self, *arguments: str) -> int:
        self.capsys.readouterr()
        status = main(list(arguments))
        said = self.capsys.readouterr()
        self.out, self.err = said.out, said.err
        return status

    def file(self, text: str | bytes) -> str:
        path = self.folder / "tenant.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    def apply(self, text: str | bytes, *options: str) -> int:
        return self("apply", "-f", self.file(text), *options)

    def exported(self, slug: str = "acme") -> str:
        assert self("tenant", "export", slug) == 0, self.err
        return self.out


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], cast: Cast) -> Shell:
    return Shell(tmp_path, capsys)


def roles(tenant: Tenant) -> dict[str, str]:
    return dict(Membership.objects.filter(tenant=tenant).values_list("user__username", "role"))


def everything_of(cast: Cast) -> ApiKey:
    """Acme with one thing of every kind."""
    key = issue(environment=cast.environment("production"), name="Nightly", by=cast.olivia).key
    set_limits(place=of_tenant(cast.acme), amounts={"requests": 600}, by=cast.pat)
    set_limits(place=of_project(cast.project), amounts={"tokens": 5000}, by=cast.olivia)
    set_budget(place=of_environment(cast.environment("test")), amount=Decimal("12.50"), by=cast.olivia)
    set_limits(place=of_key(key), amounts={"concurrent": 2}, by=cast.olivia)
    invite(tenant=cast.acme, email="new@example.test", role="viewer", by=cast.olivia)
    return key


def test_it_works(cast: Cast, shell: Shell, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert shell.apply(FULL, "--yes") == 0, shell.err
    assert "~ tenant acme\n    name: Acme → Acme Insurance\n    cost_centre: none → CC-7" in shell.out
    assert (
        "+ project acme/claims\n    name: Claims" in shell.out
        and "~ member dev\n    role: developer → admin" in shell.out
    )
    assert "it stays (--prune removes it): the member vera." in shell.out
    acme = Tenant.objects.get(slug="acme")
    assert (acme.name, acme.cost_centre) == ("Acme Insurance", "CC-7")
    assert dict(Project.objects.filter(tenant=acme).values_list("slug", "name")) == {
        "support": "Support desk", "claims": "Claims"
    }  # fmt: skip
    assert roles(acme) == {"olivia": "owner", "dev": "admin", "ned": "viewer", "vera": "viewer"}
    assert Invitation.objects.get().email == "new@example.test" and mail.outbox[0].to == ["new@example.test"]
    assert {(limit.metric, limit.amount) for limit in Limit.objects.all()} == {("requests", 600), ("concurrent", 5)}
    assert {(budget.span, budget.amount, budget.is_hard) for budget in Budget.objects.all()} == {
        ("month", Decimal(500), True), ("day", Decimal("12.5"), False)
    }  # fmt: skip


def test_a_second_time_there_is_nothing_to_change(shell: Shell) -> None:
    assert shell.apply(FULL, "--yes") == 0
    entries = Entry.objects.count()
    assert shell.apply(FULL) == 0 and shell.out.endswith("Nothing to change.\n")
    assert shell.apply(FULL, "--check") == 0 and Entry.objects.count() == entries


def test_an_export_is_what_is_there_and_changes_nothing(cast: Cast, shell: Shell) -> None:
    key = everything_of(cast)
    text = shell.exported()
    told = yaml.safe_load(text)
    assert (told["schema"], told["tenant"], told["name"], told["discoverable"]) == (1, "acme", "Acme", False)
    assert told["limits"] == {"requests": 600} and told["projects"]["support"]["limits"] == {"tokens": 5000}
    inside = told["projects"]["support"]["environments"]
    assert inside["test"]["budgets"]["month"]["amount"] == 12.5
    assert inside["production"]["keys"] == [{"prefix": key.prefix, "name": "Nightly", "limits": {"concurrent": 2}}]
    assert {each["person"]: each["role"] for each in told["members"]} == {
        "olivia": "owner", "dev": "developer", "vera": "viewer", "new@example.test": "viewer"
    }  # fmt: skip
    assert key.secret_hash not in text and "secret_hash" not in text
    assert shell.apply(text, "--check", "--prune") == 0, shell.out


def test_it_is_written_to_a_file(shell: Shell, tmp_path: Path) -> None:
    assert shell("tenant", "export", "acme", "-o", str(tmp_path / "out.yaml")) == 0
    assert shell.out == "" and "tenant: acme" in (tmp_path / "out.yaml").read_text()
    assert shell("tenant", "export", "nowhere") == 1 and "There is no tenant" in shell.err
    assert shell("tenant", "export", "acme", "-o", str(tmp_path / "no" / "x")) == 1 and "cannot be written" in shell.err


def test_drift_is_shown_and_nothing_is_done(cast: Cast, shell: Shell) -> None:
    text = shell.exported()
    add_member(tenant=cast.acme, user=cast.vera, role="analyst", by=cast.olivia)
    assert shell.apply(text, "--check") == 2
    assert "~ member vera\n    role: analyst → viewer" in shell.out
    assert roles(cast.acme)["vera"] == "analyst"
    assert shell.apply(text, "--check", "--json") == 2
    told = json.loads(shell.out)
    assert told["steps"][0]["changes"] == [{"field": "role", "before": "analyst", "after": "viewer"}]


def test_without_anybody_to_say_yes_nothing_is_done(cast: Cast, shell: Shell) -> None:
    assert shell.apply(FULL) == 1 and "Add --yes" in shell.err and len(shell.err.splitlines()) == 1
    assert Tenant.objects.get(slug="acme").name == "Acme"


def test_what_a_file_does_not_speak_of_stays_even_when_pruning(cast: Cast, shell: Shell) -> None:
    everything_of(cast)
    assert shell.apply(HEAD, "--prune", "--yes") == 0 and "Nothing to change." in shell.out


def test_what_is_not_named_goes_only_when_pruning(cast: Cast, shell: Shell) -> None:
    everything_of(cast)
    text = HEAD + "limits: {}\nprojects: {other: {name: Other}}\nmembers: [{person: greta, role: owner}]\n"
    assert shell.apply(text, "--yes") == 0
    assert "the project acme/support, the member" in shell.out and "the invitation of new@example.test" in shell.out
    assert set(roles(cast.acme)) == {"olivia", "dev", "vera", "greta"}
    assert shell.apply(text, "--prune", "--yes") == 0, shell.err
    assert "- project acme/support\n    state: in use" in shell.out
    assert roles(cast.acme) == {"greta": "owner"}
    assert Project.objects.get(slug="support").archived_at is not None, "archived, not deleted"
    assert Invitation.objects.get().state == "withdrawn"
    assert not Limit.objects.filter(project=None, environment=None, key=None).exists()


def test_an_archived_project_that_is_named_comes_back(cast: Cast, shell: Shell) -> None:
    set_limits(place=of_project(cast.project), amounts={"tokens": 5000}, by=cast.olivia)
    text = shell.exported()
    archive_project(project=cast.project, by=cast.olivia)
    assert shell.apply(text, "--yes") == 0, shell.err
    assert "~ project acme/support\n    state: archived → in use" in shell.out
    assert shell.apply(text, "--check", "--prune") == 0, shell.out


def test_a_tenant_is_never_left_without_an_owner(cast: Cast, shell: Shell) -> None:
    assert shell.apply(HEAD + "members: [{person: ned, role: viewer}]\n", "--prune", "--yes") == 1
    assert "last owner" in shell.err
    assert set(roles(cast.acme)) == {"olivia", "dev", "vera"}, "nothing half done"
    handed = "members:\n  - {person: olivia, role: viewer}\n  - {person: dev, role: owner}\n"
    assert shell.apply(HEAD + handed, "--yes") == 0, shell.err
    assert roles(cast.acme) == {"olivia": "viewer", "dev": "owner", "vera": "viewer"}


def test_a_step_that_fails_takes_back_those_before_it(cast: Cast, shell: Shell) -> None:
    create_project(tenant=cast.acme, slug="claims", name="Claims", by=cast.olivia)
    text = HEAD + "name: Other\nprojects: {c1aims: {name: Look-alike}}\n"
    assert shell.apply(text, "--yes") == 1 and "can be mistaken for" in shell.err
    assert Tenant.objects.get(slug="acme").name == "Acme"


def test_a_tenant_that_is_not_there_is_made(cast: Cast, shell: Shell) -> None:
    text = FULL.replace("tenant: acme", "tenant: fresh")
    assert shell.apply(text, "--yes") == 0, shell.err
    assert "+ tenant fresh" in shell.out
    made = Tenant.objects.get(slug="fresh")
    assert roles(made) == {"olivia": "owner", "dev": "admin", "ned": "viewer"}
    assert shell.apply(text, "--check", "--prune") == 0, shell.out
    assert shell.apply("schema: 1\ntenant: another\nname: A\n", "--yes") == 1 and "needs a name" in shell.err
    assert shell.apply(text.replace("fresh", "others"), "--yes", "--as", "olivia") == 1
    assert "There is no tenant “others”" in shell.err


def test_an_export_makes_the_same_tenant_elsewhere(cast: Cast, shell: Shell) -> None:
    everything_of(cast)
    text = shell.exported().replace("tenant: acme", "tenant: twin")
    assert shell.apply(text, "--yes") == 0, shell.err
    assert "is not in twin/support/production, or works no more. What the file sets for it is passed over." in shell.out
    theirs, ours = (yaml.safe_load(shell.exported(slug)) for slug in ("twin", "acme"))
    del ours["projects"]["support"]["environments"]["production"]["keys"]
    assert theirs == ours | {"tenant": "twin"}


def test_a_person_does_what_their_role_allows_and_nothing_half(cast: Cast, shell: Shell) -> None:
    adam = person("adam")
    add_member(tenant=cast.acme, user=adam, role="admin", by=cast.olivia)
    people = HEAD + "members: [{person: ned, role: viewer}]\n"
    assert shell.apply(people + "name: Mine\n", "--yes", "--as", "adam") == 1
    assert "! This needs the permission “Change the tenant's settings and projects” in Acme." in shell.out
    assert "ned" not in roles(cast.acme)
    assert shell.apply(people.replace("viewer", "owner"), "--yes", "--as", "adam") == 1
    assert "Only an owner of Acme" in shell.out
    assert shell.apply(HEAD + "limits: {requests: 5}\n", "--yes", "--as", "olivia") == 1
    assert "set by the platform team and FinOps" in shell.out
    assert shell.apply(HEAD + "limits: {requests: 5}\n", "--yes", "--as", "pat") == 0, shell.err
    assert shell.apply(people, "--yes", "--as", "adam") == 0, shell.err
    assert roles(cast.acme)["ned"] == "viewer"
    for stranger, said in (("greta", "There is no tenant"), ("dev", "needs the permission"), ("nobody", "no active")):
        assert shell.apply(people, "--yes", "--as", stranger) == 1 and said in shell.err
        assert shell("tenant", "export", "acme", "--as", stranger) == 1 and shell.out == ""


def test_the_audit_names_who_applied_what(cast: Cast, shell: Shell) -> None:
    shell.apply(HEAD + "name: Mine\n", "--yes", "--as", "olivia")
    shell.apply(HEAD + "name: Ours\n", "--yes")
    by_terminal, by_olivia = Entry.objects.filter(verb="tenant.applied").order_by("-pk")
    assert by_olivia.actor_id == str(cast.olivia.pk) and by_terminal.actor_label.startswith("command line (")
    assert by_olivia.facts["steps"] == ["change tenant acme"]
    assert Entry.objects.filter(verb="tenant.changed").count() == 2, "the step has its own entry"


def test_an_archived_tenant_is_not_changed(cast: Cast, shell: Shell) -> None:
    from tenants.archiving import archive_tenant

    archive_tenant(tenant=cast.acme, by=cast.olivia)
    assert shell.apply(HEAD + "name: Mine\n", "--yes") == 1 and "is archived" in shell.err


def test_whom_a_directory_made_a_member_is_left_to_it(cast: Cast, shell: Shell) -> None:
    directory = Directory.objects.create(tenant=cast.acme)
    add_member(tenant=cast.acme, user=cast.ned, role="viewer", by=SYSTEM, directory=directory)
    text = shell.exported()
    assert "person: ned" not in text
    assert shell.apply(text, "--prune", "--check") == 0, shell.out
    assert shell.apply(text, "--prune", "--yes") == 0 and roles(cast.acme)["ned"] == "viewer"


def test_a_service_account_is_named_like_anybody_and_owns_nothing(cast: Cast, shell: Shell) -> None:
    service_accounts.create(tenant=cast.acme, name="ci", role="developer", by=cast.olivia)
    assert "{person: svc.acme.ci, role: developer}" in shell.exported()
    assert shell.apply(HEAD + "members: [{person: svc.acme.ci, role: viewer}]\n", "--yes") == 0, shell.err
    assert roles(cast.acme)["svc.acme.ci"] == "viewer"
    assert shell.apply(HEAD + "members: [{person: svc.acme.ci, role: owner}]\n", "--yes") == 1
    foreign = "schema: 1\ntenant: globex\nmembers: [{person: svc.acme.ci, role: viewer}]\n"
    assert shell.apply(foreign, "--yes") == 1 and "stays in its own tenant" in shell.err


ROLES = """roles:
  helper: {name: Helper, sentence: Answers questions., may: [view_usage]}
members:
  - {person: olivia, role: owner}
  - {person: vera, role: helper}
"""


def test_a_tenants_own_roles_are_made_given_changed_and_retired_by_a_file(cast: Cast, shell: Shell) -> None:
    assert shell.apply(HEAD + ROLES, "--yes") == 0, shell.err
    assert "+ role helper\n    name: Helper" in shell.out and roles(cast.acme)["vera"] == "helper"
    assert "  helper:\n    name: Helper\n    sentence: Answers questions.\n    may: [view_usage]\n" in shell.exported()
    assert shell.apply(shell.exported(), "--yes") == 0 and "Nothing to change" in shell.out
    assert shell.apply(HEAD + ROLES.replace("view_usage", "use_models"), "--yes") == 0, shell.err
    assert "may: view_tenant, view_usage → use_models, view_tenant" in shell.out
    assert scoping.may(User.objects.get(pk=cast.vera.pk), "tenants.use_models", cast.acme)
    assert shell.apply(HEAD + "roles: {}\n", "--prune", "--yes") == 1
    assert "Vera has the role Helper" in shell.err and roles(cast.acme)["vera"] == "helper", "nothing half done"
    gone = HEAD + "roles: {}\nmembers:\n  - {person: olivia, role: owner}\n  - {person: vera, role: viewer}\n"
    assert shell.apply(gone, "--yes") == 0 and "it stays (--prune removes it): the role helper" in shell.out
    assert shell.apply(gone, "--prune", "--yes") == 0, shell.err
    assert roles(cast.acme) == {"olivia": "owner", "vera": "viewer"} and "- role helper" in shell.out


def test_a_role_that_there_is_not_is_told_with_its_line(cast: Cast, shell: Shell) -> None:
    assert shell.apply(HEAD + "members:\n  - {person: olivia, role: onwer}\n", "--yes") == 1
    assert "Line 4: There is no role “onwer” here. Did you mean “owner”?" in shell.err


def test_a_role_of_more_than_one_holds_is_marked_in_the_plan(cast: Cast) -> None:
    document = read(HEAD + "roles:\n  helper: {name: Helper, sentence: Helps., may: [manage_keys]}\n")
    seen = plan(document=document, tenant=cast.acme, prune=False, by=cast.pat)
    assert "you may not “Issue and revoke keys”" in seen.refused[0].refused
    assert plan(document=document, tenant=cast.acme, prune=False, by=cast.olivia).refused == []


IN_SUPPORT = """\
projects:
  support:
    roles:
      - {person: vera, role: developer}
"""


def test_roles_in_projects_are_given_changed_and_ended_by_a_file(cast: Cast, shell: Shell) -> None:
    assert shell.apply(HEAD + IN_SUPPORT, "--yes") == 0, shell.err
    assert ProjectRole.objects.get().user == cast.vera and may(cast.vera, "tenants.manage_keys", cast.environment())
    assert shell.apply(HEAD + IN_SUPPORT) == 0 and "Nothing to change" in shell.out
    exported = yaml.safe_load(shell.exported())
    assert exported["projects"]["support"]["roles"] == [{"person": "vera", "role": "developer"}]
    assert shell.apply(shell.exported(), "--prune") == 0 and "Nothing to change" in shell.out
    assert shell.apply(HEAD + IN_SUPPORT.replace("developer", "analyst"), "--yes") == 0
    assert ProjectRole.objects.get().role == "analyst"
    nobody = HEAD + IN_SUPPORT.replace("- {person: vera, role: developer}", "[]")
    assert shell.apply(nobody, "--yes") == 0 and "the role of vera in acme/support" in shell.out
    assert ProjectRole.objects.exists()
    assert shell.apply(nobody, "--yes", "--prune") == 0
    assert not ProjectRole.objects.exists()


def test_who_is_made_less_by_the_same_file_keeps_what_it_says_of_projects(cast: Cast, shell: Shell) -> None:
    give_role(project=cast.project, user=cast.dev, role="admin", by=cast.olivia)
    members = "members: [{person: dev, role: viewer}]\n"
    assert shell.apply(HEAD + IN_SUPPORT.replace("vera", "dev") + members, "--yes") == 0, shell.err
    assert ProjectRole.objects.get().role == "developer"
    assert shell.apply(HEAD + IN_SUPPORT.replace("vera", "dev") + members) == 0 and "Nothing to change" in shell.out


def test_whose_role_gives_less_by_the_same_file_keeps_what_it_says_of_projects(cast: Cast, shell: Shell) -> None:
    assert shell.apply(HEAD + ROLES + IN_SUPPORT, "--yes") == 0, shell.err
    less = HEAD + ROLES.replace("view_usage", "use_models") + IN_SUPPORT
    assert shell.apply(less, "--yes") == 0, shell.err
    assert ProjectRole.objects.get().role == "developer"
    assert shell.apply(less) == 0 and "Nothing to change" in shell.out


def test_a_file_gives_no_role_in_a_project_to_who_is_no_member(cast: Cast, shell: Shell) -> None:
    assert shell.apply(HEAD + IN_SUPPORT.replace("vera", "ned"), "--yes") == 2 or "none of Acme" in shell.err
    assert "none of Acme" in shell.err and not ProjectRole.objects.exists()
    both = HEAD + IN_SUPPORT.replace("vera", "ned") + "members: [{person: ned, role: viewer}]\n"
    assert shell.apply(both, "--yes") == 0, shell.err
    assert ProjectRole.objects.get().user == cast.ned
    shell.apply(HEAD + IN_SUPPORT.replace("developer", "viewer"), "--yes")
    assert "analyst" in shell.err
