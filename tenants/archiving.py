"""Archive a project or a whole tenant, and restore it: nothing goes, but nothing goes on either.

The gateway refuses calls of what is archived within a second (its snapshot reads `archived_at`), pages stay readable,
and the verbs that would change something in it refuse (`refuse_archived`). Restoring brings back exactly what was: the
keys that were not revoked meanwhile, the members, the grants; and makes up for what could not be done meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.record import record
from refusals.errors import Conflict
from tenants import sections
from tenants.changes import announce
from tenants.models import ApiKey, Environment, Membership, Project, Tenant
from tenants.notifications import notify
from tenants.roles import TENANT_ROLES
from tenants.scoping import members_who_may
from tenants.timing import end_all

Restoring = Callable[[Tenant], Callable[[Any], None]]
_restoring: list[Restoring] = []


class TenantArchived(Conflict):
    code = "tenant_archived"
    title = "This tenant is archived"


class TenantLeaves(Conflict):
    code = "tenant_leaves"
    title = "This tenant leaves"


class ProjectArchived(Conflict):
    code = "project_archived"
    title = "This project is archived"


class ProjectMoved(Conflict):
    """What is left here is the ledger of the time before."""

    code = "project_moved"
    title = "This project moved"


@dataclass(frozen=True)
class Affected:
    """What archiving would stop: projects, keys that work now, members, and the figures of rooms above."""

    projects: int
    keys: int
    members: int
    figures: list[tuple[str, int | Decimal]]


def affected(tenant: Tenant, project: Project | None = None) -> Affected:
    """What stops when `project`, or the whole of `tenant`, is archived."""
    environments = Environment.objects.filter(tenant=tenant, project__archived_at=None)
    if project is not None:
        environments = environments.filter(project=project)
    keys = set(environments.values_list("pk", flat=True))
    held = frozenset(TENANT_ROLES["owner"].permissions)  # who may archive sees all of them
    counted = [figure for figure in sections.figures(held) if figure.kind == "count" and figure.key != "keys"]
    return Affected(
        projects=environments.values("project").distinct().count(),
        keys=ApiKey.objects.usable().filter(environment__in=environments).count(),
        members=Membership.objects.filter(tenant=tenant).count(),
        figures=[(figure.name, sum(n for key, n in figure.of(tenant).items() if key in keys)) for figure in counted],
    )


@transaction.atomic
def archive_tenant(*, tenant: Tenant, by: Any) -> Tenant:
    """Archive `tenant`; a second time changes nothing."""
    locked = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    if locked.archived_at is None:
        stopped = affected(locked)
        locked.archived_at = timezone.now()
        locked.save(update_fields=["archived_at"])
        end_all(locked, by=by)
        record("tenant.archived", by=by, subject=locked, tenant=locked.slug, keys=stopped.keys)
        _tell(locked, by, f"{locked} was archived", "Its keys open nothing until it is restored.")
        announce("tenant", locked.pk)
    return locked


@transaction.atomic
def restore_tenant(*, tenant: Tenant, by: Any) -> Tenant:
    """Bring an archived tenant back; a second time changes nothing. Raises `TenantLeaves`."""
    following = [begin(tenant) for begin in _restoring]
    locked = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    if locked.leaving_since is not None:
        raise TenantLeaves(f"{locked} leaves. Call that off first.", way_out=f"/tenants/{locked.slug}/offboarding/")
    if locked.archived_at is not None:
        locked.archived_at = None
        locked.save(update_fields=["archived_at"])
        for follow in following:
            follow(by)
        record("tenant.restored", by=by, subject=locked, tenant=locked.slug)
        _tell(locked, by, f"{locked} was restored", "Its keys work again.")
        announce("tenant", locked.pk)
    return locked


def when_restored(begin: Restoring) -> None:
    """Call `begin` with a tenant that may be restored, first thing in the transaction, to lock what comes before it;
    and what `begin` returns, with who restores, once the tenant is open again."""
    if begin not in _restoring:
        _restoring.append(begin)


@transaction.atomic
def archive_project(*, project: Project, by: Any) -> Project:
    """Archive `project`; a second time changes nothing. Raises `TenantArchived`."""
    locked = _locked(project)
    refuse_archived(locked.tenant)
    if locked.archived_at is None:
        stopped = affected(locked.tenant, locked)
        locked.archived_at = timezone.now()
        locked.save(update_fields=["archived_at"])
        record("project.archived", by=by, subject=locked, tenant=locked.tenant.slug, keys=stopped.keys)
        announce("tenant", locked.tenant_id)
    return locked


@transaction.atomic
def restore_project(*, project: Project, by: Any) -> Project:
    """Bring an archived project back; a second time changes nothing. Raises `TenantArchived`, `ProjectMoved`."""
    locked = _locked(project)
    refuse_archived(locked.tenant)
    if locked.moved_to:
        raise ProjectMoved(f"{locked} moved to {locked.moved_to}. It comes back when it is moved here again.")
    if locked.archived_at is not None:
        locked.archived_at = None
        locked.save(update_fields=["archived_at"])
        record("project.restored", by=by, subject=locked, tenant=locked.tenant.slug)
        announce("tenant", locked.tenant_id)
    return locked


def refuse_archived(tenant: Tenant, project: Project | None = None) -> None:
    """Raise `TenantArchived` or `ProjectArchived`: nothing new happens in what is closed."""
    if tenant.archived_at is not None:
        raise TenantArchived(
            f"{tenant} is archived: it can be read and not changed. Its owners can restore it.",
            way_out=f"/tenants/{tenant.slug}/settings/",
        )
    if project is not None and project.moved_to:
        raise ProjectArchived(f"{project} moved to {project.moved_to}; what is left here can be read and not changed.")
    if project is not None and project.archived_at is not None:
        raise ProjectArchived(
            f"{project} is archived: it can be read and not changed. The owners of {tenant} can restore it.",
            way_out=f"/tenants/{tenant.slug}/projects/?state=archived",
        )


def _locked(project: Project) -> Project:
    rows = Project.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("tenant").get(pk=project.pk)


def _tell(tenant: Tenant, by: Any, title: str, body: str) -> None:
    people = set(members_who_may("tenants.view_tenant", tenant)) - {by}
    notify(people, kind="tenant", title=title, body=body, path=tenant.get_absolute_url(), tenant=tenant)
