"""Archived, nothing goes and nothing goes on; restored, it is as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from access.asking import request_access
from access.granting import grant
from audit.models import Entry
from refusals.errors import Conflict
from tenants import archiving
from tenants.archiving import ProjectArchived, TenantArchived
from tenants.invite import invite
from tenants.key_rotation import rotate
from tenants.key_scope import narrow
from tenants.keys import issue, revoke
from tenants.memberships import add_member, remove_member
from tenants.models import ApiKey, Membership, Notification
from tenants.structure import change_tenant, create_project
from tests.cast import Cast, route
from tests.tenants.test_invitations import signed_in

pytestmark = pytest.mark.django_db


# What changes something in Acme's project, or in Acme.
def _rotated(cast: Cast) -> Any:
    return rotate(key=ApiKey.objects.get(name="older"), overlap="0", by=cast.olivia)


WITHIN: dict[str, Callable[[Cast], Any]] = {
    "a key": lambda cast: issue(environment=cast.environment(), name="x", by=cast.olivia),
    "a successor": _rotated,
    "a key's scope": lambda cast: narrow(key=ApiKey.objects.get(name="older"), by=cast.olivia, allowed_routes=[]),
    "a grant": lambda cast: grant(environment=cast.environment(), route=route(), by=cast.pat),
    "a request": lambda cast: request_access(environment=cast.environment(), route=route(), purpose="x", by=cast.dev),
}
AROUND: dict[str, Callable[[Cast], Any]] = {
    "a project": lambda cast: create_project(tenant=cast.acme, slug="next", name="Next", by=cast.olivia),
    "a member": lambda cast: add_member(tenant=cast.acme, user=cast.ned, role="viewer", by=cast.olivia),
    "a role": lambda cast: add_member(tenant=cast.acme, user=cast.vera, role="analyst", by=cast.olivia),
    "an invitation": lambda cast: invite(tenant=cast.acme, email="x@y.test", role="viewer", by=cast.olivia),
    "a name": lambda cast: change_tenant(tenant=cast.acme, name="Other", cost_centre="", by=cast.olivia),
}


@pytest.fixture
def olivia(cast: Cast) -> Client:
    return signed_in(cast.olivia)


@pytest.fixture
def older(cast: Cast) -> ApiKey:
    return issue(environment=cast.environment(), name="older", by=cast.olivia).key


def test_it_works(cast: Cast, olivia: Client) -> None:
    issue(environment=cast.environment(), name="job", by=cast.olivia)
    page = olivia.get("/tenants/acme/archive/").content.decode()
    assert "1 key that works now" in page and "3 members can go on reading" in page and "Type <strong>acme" in page
    assert olivia.post("/tenants/acme/archive/", {"confirm_name": "acme"}).status_code == 302
    assert "Archived" in olivia.get("/tenants/acme/settings/").content.decode()
    page = olivia.get("/tenants/acme/").content.decode()
    assert "Acme is archived" in page and "Restore Acme" in page, "it is read as before"
    assert "/keys/issue/" not in page and "Needs attention" not in page, "what would be refused is not offered"
    assert "No tenant is at work" in olivia.get("/tenants/").content.decode()
    assert (
        "Acme" not in str(olivia.get("/api/tenants/").json())
        and olivia.get("/api/tenants/?archived=1").json()["results"]
    )
    assert Notification.objects.filter(user=cast.vera, title="Acme was archived").exists()
    olivia.post("/tenants/acme/restore/")
    assert olivia.get("/api/tenants/").json()["results"]
    verbs = ["tenant.archived", "tenant.restored"]
    assert [e.verb for e in Entry.objects.filter(tenant="acme", verb__in=verbs).order_by("pk")] == verbs


@pytest.mark.parametrize("what", [*WITHIN, *AROUND])
def test_nothing_changes_in_an_archived_tenant(cast: Cast, older: ApiKey, what: str) -> None:
    archiving.archive_tenant(tenant=cast.acme, by=cast.olivia)
    cast.acme.refresh_from_db()
    with pytest.raises(TenantArchived, match="can be read and not changed"):
        (WITHIN | AROUND)[what](cast)
    archiving.restore_tenant(tenant=cast.acme, by=cast.olivia)


@pytest.mark.parametrize("what", WITHIN)
def test_nothing_changes_in_an_archived_project(cast: Cast, older: ApiKey, what: str) -> None:
    archiving.archive_project(project=cast.project, by=cast.olivia)
    with pytest.raises(ProjectArchived, match="can be read and not changed"):
        WITHIN[what](cast)


def test_what_ends_something_goes_on(cast: Cast) -> None:
    key = issue(environment=cast.environment(), name="job", by=cast.olivia).key
    archiving.archive_tenant(tenant=cast.acme, by=cast.olivia)
    revoke(key=key, by=cast.olivia)
    remove_member(membership=Membership.objects.get(user=cast.vera), by=cast.olivia)


def test_restored_it_is_as_it_was_and_what_was_revoked_stays_so(cast: Cast, olivia: Client) -> None:
    kept = issue(environment=cast.environment(), name="kept", by=cast.olivia).key
    gone = issue(environment=cast.environment(), name="gone", by=cast.olivia).key
    place = f"/tenants/acme/projects/{cast.project.pk}"
    assert olivia.post(f"{place}/archive/", {"confirm_name": "support"}).status_code == 302
    assert "Restore" in olivia.get("/tenants/acme/projects/?state=archived").content.decode()
    revoke(key=gone, by=cast.olivia)
    assert olivia.post(f"{place}/restore/").status_code == 302
    assert set(ApiKey.objects.usable()) == {kept}


def test_it_is_confirmed_by_its_name(cast: Cast, olivia: Client) -> None:
    for path, name in (("/tenants/acme/archive/", "Acme"), (f"/tenants/acme/projects/{cast.project.pk}/archive/", "")):
        told = olivia.post(path, {"confirm_name": name})
        assert told.status_code == 422 and "Type the short name exactly" in told.content.decode()
    cast.acme.refresh_from_db()
    assert cast.acme.archived_at is None


def test_twice_is_once(cast: Cast) -> None:
    for _ in range(2):
        archiving.archive_project(project=cast.project, by=cast.olivia)
    assert Entry.objects.filter(verb="project.archived").count() == 1
    for _ in range(2):
        archiving.restore_project(project=cast.project, by=cast.olivia)
    assert Entry.objects.filter(verb="project.restored").count() == 1


def test_a_project_comes_back_with_its_tenant_alone(cast: Cast) -> None:
    archiving.archive_project(project=cast.project, by=cast.olivia)
    archiving.archive_tenant(tenant=cast.acme, by=cast.olivia)
    with pytest.raises(Conflict, match="Acme is archived"):
        archiving.restore_project(project=cast.project, by=cast.olivia)


def test_the_api_does_the_same(cast: Cast, olivia: Client) -> None:
    project = f"/api/projects/{cast.project.pk}"
    assert olivia.post(f"{project}/archive/", {}, "application/json").json()["archived_at"]
    assert olivia.post(f"{project}/restore/", {}, "application/json").json()["archived_at"] is None
    assert olivia.post("/api/tenants/acme/archive/", {}, "application/json").json()["archived_at"]
    assert olivia.post("/api/tenants/acme/restore/", {}, "application/json").json()["archived_at"] is None
    assert signed_in(cast.dev).post(f"{project}/archive/", {}, "application/json").status_code == 403
    assert signed_in(cast.greta).post(f"{project}/archive/", {}, "application/json").status_code == 404


def test_a_tenant_whose_projects_are_archived_is_not_called_empty(cast: Cast, olivia: Client) -> None:
    assert "No project at work" not in olivia.get("/tenants/acme/").content.decode()
    archiving.archive_project(project=cast.environment().project, by=cast.olivia)
    page = olivia.get("/tenants/acme/").content.decode()
    assert "No project at work" in page and "No projects yet" not in page
