"""Service accounts: non-human members of a tenant, for programs. They hold keys and tokens, have a role, never sign in.

One is an account like a person's, so that roles, permissions, tokens, the audit and "who can do what" hold for it as
for anybody. Its user name says whose it is: `svc.<tenant>.<name>`.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from audit.record import record
from refusals.errors import Conflict, Invalid
from tenants import tokens
from tenants.archiving import refuse_archived
from tenants.changes import announce
from tenants.custom_roles import known_role
from tenants.delegation import gives_at, require_assignable, require_assignable_in_project
from tenants.memberships import MANAGE_TENANT, add_member
from tenants.models import Membership, PersonalToken, ProjectRole, ServiceAccount, Tenant, User, slug_form
from tenants.names import all_seen, require_form
from tenants.scope import everything
from tenants.structure import reserve

LONGEST_NAME = 40


class ServiceAccountNameTaken(Invalid):
    code = "service_account_name_taken"


class ServiceAccountNotAcceptable(Invalid):
    code = "invalid"


class NotForServices(Conflict):
    """It is a person."""

    code = "not_for_services"
    title = "Not for a service account"


@transaction.atomic
def create(
    *, tenant: Tenant, name: str, purpose: str = "", role: str = "developer", by: Any, at: dt.datetime | None = None
) -> User:
    """A new service account of `tenant` with `role`. `name` is its short name, `purpose` what people read. `at` dates
    demonstrations back.

    Raises `ServiceAccountNameTaken`, `ServiceAccountNotAcceptable`, `UnknownRole`.
    """
    refuse_archived(Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk))
    name = name.strip()
    require_form(slug_form, name, ServiceAccountNotAcceptable, field="name")
    if len(name) > LONGEST_NAME:
        raise ServiceAccountNotAcceptable(f"Use at most {LONGEST_NAME} characters.", field="name")
    if MANAGE_TENANT in known_role(tenant, role).permissions:
        raise ServiceAccountNotAcceptable("Who answers for the tenant is a person. Choose another role.", field="role")
    username = f"svc.{tenant.slug}.{name}"
    reserve(f"user {username}")
    if _exists(username):
        raise ServiceAccountNameTaken(f"{tenant} already has a service account “{name}”.", field="name")
    shown = purpose.strip()[:120] or name
    require_form(all_seen, shown, ServiceAccountNotAcceptable, field="purpose")
    account = User(username=username, display_name=shown, is_service=True, is_demonstration=tenant.is_demonstration)
    if at is not None and tenant.is_demonstration:
        account.date_joined = at
    account.set_unusable_password()
    account.save()
    ServiceAccount.objects.create(user=account, tenant=tenant, created_by=by if isinstance(by, User) else None)
    record("service.created", by=by, subject=account, tenant=tenant.slug, user=username, role=role)
    add_member(tenant=tenant, user=account, role=role, by=by, seen="", at=at)
    return account


@transaction.atomic
def switch(*, account: User, on: bool, by: Any) -> User:
    """Switch a service account on or off: off, its keys and tokens open nothing. A second time changes nothing."""
    locked = User.objects.select_for_update(no_key=True).get(pk=account.pk)
    of = ServiceAccount.objects.select_related("tenant").filter(user=locked).first()
    if of is None:
        raise NotForServices(f"{locked} is a person. The platform team switches people off.")
    tenant = of.tenant
    if on:
        refuse_archived(tenant)
    if locked.is_active != on:
        locked.is_active = on
        locked.save(update_fields=["is_active"])
        if on:
            record("service.switched_on", by=by, subject=locked, tenant=tenant.slug, user=locked.username)
        else:
            record("service.switched_off", by=by, subject=locked, tenant=tenant.slug, user=locked.username)
        announce("holder", locked.pk)
    return locked


def of_tenants(tenants: QuerySet[Tenant]) -> QuerySet[User]:
    """The service accounts of `tenants` with their role, and how many keys and tokens of theirs are not revoked."""
    keys = Count("held_keys", filter=Q(held_keys__revoked_at=None), distinct=True)
    issued = Count("personal_tokens", filter=Q(personal_tokens__revoked_at=None), distinct=True)
    found: QuerySet[Any] = User.objects.filter(service_account__tenant__in=tenants)
    return found.annotate(keys=keys, tokens=issued).prefetch_related("memberships").order_by("username")


def of_tenant(tenant: Tenant) -> QuerySet[User]:
    """Those of one tenant."""
    return of_tenants(Tenant.objects.filter(pk=tenant.pk))


@transaction.atomic
def issue_token(
    *, account: User, name: str, by: Any, expires_at: dt.datetime | None = None
) -> tuple[PersonalToken, str]:
    """A token of a service account for the API: the row, and the secret that is shown this once.

    Whoever has it may what the account may, so `by` could give it its roles, for good: asked under the lock. Raises
    what `tokens.issue` does, `RoleAboveYours`, `Forbidden` and `TenantArchived`.
    """
    rows = Tenant.objects.select_for_update(of=("self",), no_key=True)  # as every change of members does
    tenant = rows.get(service_accounts=account.pk)
    refuse_archived(tenant)
    if isinstance(by, User):
        _require_giver(by, tenant, account)
    return tokens.issue(user=account, name=name, by=by, expires_at=expires_at)


def _require_giver(by: User, tenant: Tenant, account: User) -> None:
    held = Membership.objects.filter(tenant=tenant, user=account).values_list("role", flat=True)
    require_assignable(by, tenant, None, *held)
    for each in ProjectRole.objects.filter(tenant=tenant, user=account).select_related("project__tenant"):
        require_assignable_in_project(gives_at(by, each.project), each.project, each.role)


def tokens_of(account: User) -> QuerySet[PersonalToken]:
    """Its tokens, the newest first."""
    return PersonalToken.objects.filter(user=account)


@everything("a name is taken whoever has it")
def _exists(username: str) -> bool:
    return User.objects.filter(username__iexact=username).exists()
