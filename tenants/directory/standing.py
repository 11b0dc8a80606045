"""Which directories there are, and who was here before they spoke: existing people are adopted, so that a directory
finds them instead of making them a second time.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import batched
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, Case, Exists, F, OuterRef, Q, QuerySet, When
from django.db.models.signals import post_save

from tenants.archiving import refuse_archived
from tenants.directory.attributes import folded
from tenants.models import Directory, DirectoryPerson, Membership, Tenant, User
from tenants.own_addresses import addresses_of
from tenants.scope import everything

AT_ONCE = 500
LONGEST_NAME = 254

# A tenant's directory says it itself; in the platform's it is whether the account is on.
ACTIVE = Case(
    When(directory__tenant=None, user__isnull=False, then=F("user__is_active")),
    default=F("is_active"),
    output_field=BooleanField(),
)


def find(tenant: Tenant | None) -> Directory | None:
    """The directory of `tenant`, or of the platform."""
    return Directory.objects.select_related("tenant").filter(tenant=tenant).first()


@transaction.atomic
def begin(tenant: Tenant | None) -> Directory:
    """The directory of `tenant` or of the platform, made when there is none yet, with everybody who is here in it."""
    directory, _ = Directory.objects.select_related("tenant").get_or_create(tenant=tenant)
    adopt_missing(directory)
    return directory


def refuse_closed(directory: Directory) -> None:
    """Raise `TenantArchived` where nothing new is told: what ends something still is."""
    if directory.tenant_id is not None:
        held = directory.tenant if directory.is_held else None
        refuse_archived(held or Tenant.objects.get(pk=directory.tenant_id))


def seen_by(directory: Directory) -> QuerySet[DirectoryPerson]:
    """The people that a directory may see: those it made, and those who are here already."""
    rows = DirectoryPerson.objects.filter(directory=directory, removed_at=None).select_related("user")
    if directory.tenant_id is None:
        return rows
    member = Membership.objects.filter(tenant=directory.tenant_id, user=OuterRef("user"))
    return rows.filter(Q(is_adopted=False) | Exists(member))


def adopt_missing(directory: Directory) -> None:
    """Let the directory know the accounts, or the members of its tenant, that it has not heard of."""
    known = DirectoryPerson.objects.filter(directory=directory, user=OuterRef("pk"))
    people = User.objects.filter(is_service=False).exclude(Exists(known)).order_by("pk")
    if directory.tenant_id is not None:
        people = people.filter(memberships__tenant=directory.tenant_id)
    for some in batched(people.iterator(chunk_size=AT_ONCE), AT_ONCE):
        adopt(directory, some)


def adopt(directory: Directory, people: Iterable[User]) -> None:
    """Let the directory know `people`, who are here without its doing."""
    DirectoryPerson.objects.bulk_create((_of(directory, user) for user in people), ignore_conflicts=True)


def _of(directory: Directory, user: User) -> DirectoryPerson:
    told: dict[str, Any] = {"userName": user.username, "active": True}
    if user.display_name:
        told["displayName"] = user.display_name
    names = {"givenName": user.first_name, "familyName": user.last_name}
    if any(names.values()):
        told["name"] = {key: value for key, value in names.items() if value}
    if user.email:
        told["emails"] = [{"value": user.email, "primary": True}]
    return DirectoryPerson(
        directory=directory, user=user, user_name=user.username, name_key=folded(user.username),
        email=user.email.lower()[:LONGEST_NAME],
        is_adopted=True, attributes=told, folded=folded(told), created_at=user.date_joined,
    )  # fmt: skip


def listen() -> None:
    """Hear of new accounts and members; called once the apps are ready."""
    post_save.connect(_account_made, sender=User, dispatch_uid="tenants.directory.account")
    post_save.connect(_member_made, sender=Membership, dispatch_uid="tenants.directory.member")


def _account_made(sender: type[User], instance: User, created: bool, raw: bool = False, **signal: Any) -> None:
    if not created or raw or instance.is_service:  # a service account is nobody
        return
    with everything("the platform's directory knows every account"):
        if directory := Directory.objects.filter(tenant=None).first():
            adopt(directory, [instance])


def _member_made(sender: type[Membership], instance: Membership, created: bool, raw: bool = False, **_: Any) -> None:
    """Whom the tenant's directory waited for has come; anybody else is adopted."""
    if not created or raw or instance.user.is_service:
        return
    directory = Directory.objects.filter(tenant=instance.tenant_id).first()
    if directory is None or DirectoryPerson.objects.filter(directory=directory, user=instance.user_id).exists():
        return
    waiting = DirectoryPerson.objects.filter(directory=directory, user=None, removed_at=None)
    found = waiting.filter(email__in=addresses_of(instance.user)).order_by("pk").first()
    if found is None:
        adopt(directory, [instance.user])
    else:
        DirectoryPerson.objects.filter(pk=found.pk).update(user=instance.user)
