"""Create tenants and projects; a project comes with its three environments."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from audit.record import record
from refusals.errors import Invalid
from tenants.alike import looking_like, slug_skeleton
from tenants.archiving import refuse_archived
from tenants.changes import announce
from tenants.memberships import add_member
from tenants.models import Environment, Project, Tenant, User, slug_form
from tenants.names import all_seen, require_form
from tenants.scope import everything

RESERVED_SLUGS = frozenset({"create", "join", "new"})  # addresses of the tenants' own pages
_RESERVED_LOOKS = frozenset(map(slug_skeleton, RESERVED_SLUGS))
_DIFFERS = "Choose one that differs in more than hyphens, “1” or “i” for “l”, “0” for “o”, “rn” for “m”, “vv” for “w”."


class SlugTaken(Invalid):
    code = "slug_taken"


class NotAcceptable(Invalid):
    code = "invalid"


@everything("a new tenant is in nobody's reach yet")
@transaction.atomic
def create_tenant(
    *,
    slug: str,
    name: str,
    owner: User,
    by: Any,
    cost_centre: str = "",
    is_demonstration: bool = False,
    at: dt.datetime | None = None,
) -> Tenant:
    """Create a tenant with its first owner. Raises `SlugTaken`, `NotAcceptable`. `at` dates demonstrations back."""
    reserve_slug(slug)
    refuse_taken(slug)
    tenant = Tenant(slug=slug, name=name, cost_centre=cost_centre, is_demonstration=is_demonstration)
    tenant.created_at = at if at is not None and is_demonstration else timezone.now()
    _check(tenant)
    tenant.save()
    record("tenant.created", by=by, subject=tenant, tenant=slug, cost_centre=cost_centre)
    add_member(tenant=tenant, user=owner, role="owner", by=by, at=at)
    return tenant


@transaction.atomic
def change_tenant(
    *, tenant: Tenant, name: str, cost_centre: str, is_discoverable: bool | None = None, by: Any
) -> Tenant:
    """Give `tenant` another name or cost centre, let it be found or not (None: as it is). Raises `NotAcceptable`.

    Nothing is written when nothing changed.
    """
    changed = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    refuse_archived(changed)
    names = ("name", "cost_centre", "is_discoverable")
    before = {field: getattr(changed, field) for field in names}
    changed.name, changed.cost_centre = name.strip(), cost_centre.strip()
    if is_discoverable is not None:
        changed.is_discoverable = is_discoverable
    if before == {field: getattr(changed, field) for field in names}:
        return changed
    _check(changed)
    changed.save(update_fields=names)
    record(
        "tenant.changed",
        by=by,
        subject=changed,
        tenant=changed.slug,
        name=changed.name,
        cost_centre=changed.cost_centre,
        is_discoverable=changed.is_discoverable,
        before=before,
    )
    announce("tenant", changed.pk)  # what its limits are called in a refusal
    return changed


@transaction.atomic
def create_project(
    *, tenant: Tenant, slug: str, name: str, purpose: str = "", by: Any, at: dt.datetime | None = None
) -> Project:
    """Create a project with its environments. Raises `SlugTaken`, `NotAcceptable`. `at` dates demonstrations back."""
    refuse_archived(Tenant.objects.get(pk=tenant.pk))
    refuse_taken_project(tenant, slug)
    project = Project(tenant=tenant, slug=slug, name=name, purpose=purpose)
    project.created_at = at if at is not None and tenant.is_demonstration else timezone.now()
    _check(project)
    project.save()
    Environment.objects.bulk_create(
        Environment(tenant=tenant, project=project, kind=kind) for kind in Environment.Kind.values
    )
    record("project.created", by=by, subject=project, tenant=tenant.slug, slug=slug)
    announce("tenant", tenant.pk)
    return project


@transaction.atomic
def change_project(*, project: Project, name: str, purpose: str, by: Any) -> Project:
    """Give `project` another name or purpose; its short name stays (decision 15). Raises `NotAcceptable`, and where it
    or its tenant is archived. Nothing is written when nothing changed."""
    rows = Project.objects.select_for_update(of=("self",), no_key=True).select_related("tenant")
    changed = rows.get(pk=project.pk)
    refuse_archived(changed.tenant, changed)
    names = ("name", "purpose")
    before = {field: getattr(changed, field) for field in names}
    changed.name, changed.purpose = name.strip(), purpose.strip()
    after = {field: getattr(changed, field) for field in names}
    if before != after:
        _check(changed)
        changed.save(update_fields=names)
        record("project.changed", by=by, subject=changed, tenant=changed.tenant.slug, before=before, **after)
        announce("tenant", changed.tenant_id)
    return changed


@everything("a short name is taken whoever has it")
def refuse_taken(slug: str) -> None:
    """Raise `SlugTaken` where no new tenant can be called `slug`: it is somebody's, or looks as if it were. Raises
    `NotAcceptable` where nothing can."""
    require_form(slug_form, slug, NotAcceptable, field="slug")
    if slug in RESERVED_SLUGS or Tenant.objects.filter(slug=slug).exists():
        raise SlugTaken(f"“{slug}” is already taken. Choose another short name.", field="slug")
    if slug_skeleton(slug) in _RESERVED_LOOKS or looking_like(Tenant.objects.all(), slug).exists():
        raise SlugTaken(f"“{slug}” can be mistaken for a short name that is taken. {_DIFFERS}", field="slug")


def refuse_taken_project(tenant: Tenant, slug: str) -> None:
    """Raise `SlugTaken` where `tenant` has a project called `slug`, or one whose short name looks so; held for the
    caller alone until the transaction ends. Raises `NotAcceptable` where nothing can be called so."""
    require_form(slug_form, slug, NotAcceptable, field="slug")
    reserve(f"project {tenant.pk} {slug_skeleton(slug)}")
    alike = list(looking_like(Project.objects.filter(tenant=tenant), slug).values_list("slug", flat=True))
    if slug in alike:
        raise SlugTaken(f"{tenant} already has a project “{slug}”.", field="slug")
    if alike:
        raise SlugTaken(
            f"“{slug}” can be mistaken for “{alike[0]}”, which {tenant} has already. {_DIFFERS}", field="slug"
        )


def reserve_slug(slug: str) -> None:
    """Wait until nobody else is about to create a tenant called `slug`, or so that it looks like it; held until the
    transaction ends."""
    reserve(f"tenant {slug_skeleton(slug)}")


def reserve(what: str) -> None:
    """Wait until nobody else is about to create `what`, so that who comes second finds it there and is told so."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [what])


def _check(row: Tenant | Project) -> None:
    require_form(all_seen, row.name, NotAcceptable, field="name")
    try:
        row.full_clean(exclude=["tenant"])
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise NotAcceptable(" ".join(messages), field=field) from error
