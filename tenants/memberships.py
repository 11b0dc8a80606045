"""Give people roles and take them away; the permissions of the role table follow in the same transaction."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from audit.record import Actor, record
from refusals.errors import Conflict, Invalid
from tenants.archiving import refuse_archived
from tenants.assigning import end_roles_of
from tenants.changes import announce
from tenants.custom_roles import UnknownRole, known_role, role_of
from tenants.holding import settle
from tenants.models import Appointment, Directory, Membership, OwnershipTransfer, ServiceAccount, Tenant, User
from tenants.notifications import notify
from tenants.roles import PLATFORM_ROLES
from tenants.security import domains
from tenants.timing import end_all

MANAGE_TENANT = "tenants.manage_tenant"  # nothing that is no person answers for a tenant


class LastOwner(Conflict):
    code = "last_owner"
    title = "A tenant needs an owner"


class MemberAlready(Conflict):
    code = "member_already"
    title = "A member already"


class NoServiceAccount(Invalid):
    code = "not_for_services"


class RoleChanged(Conflict):
    """The role is another one than the one that was seen when it was decided to change or end it."""

    code = "role_changed"
    title = "Somebody was faster"


class LastOfPlatform(Conflict):
    code = "last_of_platform"
    title = "The platform needs somebody"


@transaction.atomic
def add_member(
    *,
    tenant: Tenant,
    user: User,
    role: str,
    by: Any,
    seen: str | None = None,
    at: dt.datetime | None = None,
    directory: Directory | None = None,
    tells: bool = False,
) -> Membership:
    """Put `user` into `tenant` with `role`, or change the role they have; `tells` them, where somebody else did it.

    `seen` is the role that the caller saw when they asked whether they may ("" for no member); None when whatever role
    it is may be changed. `at` dates demonstration data back. `directory` is whose rules give it; whoever else changes
    the role takes it out of their hands. Raises `UnknownRole`, `LastOwner`, `MemberAlready`, `RoleChanged`,
    `NoServiceAccount`, `DomainNotAllowed`.
    """
    locked = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    given = known_role(locked, role)
    refuse_archived(locked)
    before = Membership.objects.filter(tenant=tenant, user=user).first()
    refuse_unseen(tenant, user, before.role if before else "", seen)
    if user.is_service and (
        MANAGE_TENANT in given.permissions or not ServiceAccount.objects.filter(user=user, tenant=tenant).exists()
    ):
        raise NoServiceAccount("A service account stays in its own tenant and never owns it.", field="role")
    if before and before.role == role:
        return before
    if before is None:
        domains.refuse_person(locked, user)
    if before and before.role == "owner":
        _refuse_last_owner(tenant, user)
    membership, _ = Membership.objects.update_or_create(
        tenant=tenant,
        user=user,
        defaults={"role": role, "directory": directory},
        create_defaults={
            "role": role,
            "directory": directory,
            "created_by": by if isinstance(by, User) else None,
            "created_at": at if at is not None and tenant.is_demonstration else timezone.now(),
        },
    )
    settle(tenant, [user.pk])
    if before:
        _end_transfers(tenant, user)
        had = role_of(tenant, before.role)
        if had is None or had.permissions - known_role(tenant, role).permissions:
            end_roles_of(user, tenant, because=f"They were {before.role} and are {role} now.", by=by)
    else:
        announce("holder", user.pk)  # their keys of an earlier time open again
    record(
        "membership.changed" if before else "membership.added",
        by=by,
        subject=membership,
        tenant=tenant.slug,
        user=user.username,
        role=role,
        before=before.role if before else None,
    )
    if tells and user != by and not user.is_service:
        who = by.label if isinstance(by, Actor) else by
        had_name = had.name if before and had else (before.role if before else "")
        notify([user], kind="membership", title=f"You are {given.name} of {tenant} now",
               body=f"{who} changed your role; you were {had_name} before." if before else f"{who} added you.",
               path=tenant.get_absolute_url(), tenant=tenant)  # fmt: skip
    return membership


@transaction.atomic
def remove_member(*, membership: Membership, by: Any, because: str = "") -> None:
    """Take a member out of the tenant and tell them, with `because` in place of who did it; a second time changes
    nothing. Raises `LastOwner`, `RoleChanged`."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=membership.tenant_id)
    found = Membership.objects.select_related("user", "tenant").filter(pk=membership.pk).first()
    if found is None:
        return
    refuse_unseen(tenant, found.user, found.role, membership.role)
    membership = found
    if membership.role == "owner":
        _refuse_last_owner(tenant, membership.user)
    _end_transfers(tenant, membership.user)
    end_all(tenant, by=by, user=membership.user)
    end_roles_of(membership.user, tenant, because="They are no member any more.", by=by)
    record("membership.removed", by=by, subject=membership, tenant=tenant.slug, user=membership.user.username)
    membership.delete()
    settle(tenant, [membership.user_id])
    announce("holder", membership.user_id)
    if membership.user != by and not membership.user.is_service:
        who = by.label if isinstance(by, Actor) else by
        notify([membership.user], kind="membership", title=f"You are no member of {tenant} any more",
               body=because or f"{who} removed you. An owner can add you again.",
               path=f"/tenants/join/?tenant={tenant.slug}")  # fmt: skip


@transaction.atomic
def appoint(*, user: User, role: str, by: Any) -> Appointment:
    """Give `user` a role above tenants. Raises `UnknownRole`."""
    if role not in PLATFORM_ROLES:
        raise UnknownRole(f"There is no platform role “{role}”. Choose one of {', '.join(PLATFORM_ROLES)}.")
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # their roles change one after the other
    appointment, is_new = Appointment.objects.get_or_create(
        user=user, role=role, defaults={"created_by": by if isinstance(by, User) else None}
    )
    if is_new:
        user.user_permissions.add(*(_permission(name) for name in PLATFORM_ROLES[role].permissions))
        record("appointment.made", by=by, subject=appointment, user=user.username, role=role)
    return appointment


@transaction.atomic
def dismiss(*, appointment: Appointment, by: Any) -> None:
    """Take a role above tenants from a person; what their other roles hold stays. A second time changes nothing.

    Raises `LastOfPlatform`.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=appointment.user_id)
    if appointment.role == "platform":
        refuse_last_of_platform(user)
    if not Appointment.objects.filter(pk=appointment.pk).delete()[0]:
        return
    kept = Appointment.objects.filter(user=user).values_list("role", flat=True)
    holds = frozenset().union(*(PLATFORM_ROLES[role].permissions for role in kept if role in PLATFORM_ROLES))
    gone = PLATFORM_ROLES[appointment.role].permissions - holds
    user.user_permissions.remove(*(_permission(name) for name in gone))
    record(
        "appointment.ended",
        by=by,
        subject_kind="appointment",
        subject_id=str(user.pk),
        subject_label=str(appointment),
        user=user.username,
        role=appointment.role,
    )


def refuse_last_of_platform(user: User) -> None:
    """Raise `LastOfPlatform` when nobody but `user` is left who can run the platform. Call inside a transaction."""
    holders = Appointment.objects.filter(role="platform").select_for_update(of=("self",), no_key=True)
    if not any(a.user_id != user.pk for a in holders.filter(user__is_active=True).order_by("pk")):
        raise LastOfPlatform(f"{user} is the last active person of the platform team. Appoint somebody else first.")


def refuse_unseen(tenant: Tenant, user: User, role: str, seen: str | None) -> None:
    """Raise `RoleChanged` (`MemberAlready`) where the `role` they have is another one than was `seen`; None: any may be
    changed."""
    if seen is None or seen == role:
        return
    if seen == "":
        raise MemberAlready(f"{user} is a member already, as {role}. Change the role instead.")
    now = f"is {role}" if role else "is no member any more"
    raise RoleChanged(
        f"{user} was {seen} of {tenant} when you looked and {now} now. Look again and decide.",
        way_out=reverse("tenants:members", args=[tenant.slug]),
    )


def _refuse_last_owner(tenant: Tenant, user: User) -> None:
    if not Membership.objects.filter(tenant=tenant, role="owner", user__is_active=True).exclude(user=user).exists():
        raise LastOwner(f"{user} is the last owner of {tenant}. Make somebody else an owner first.")


def _end_transfers(tenant: Tenant, user: User) -> None:
    """Who leaves or gets another role no longer hands the tenant over, nor takes it (`tenants.ownership`)."""
    theirs = OwnershipTransfer.objects.open().filter(Q(giver=user) | Q(receiver=user), tenant=tenant)
    theirs.update(withdrawn_at=timezone.now())


def _permission(name: str) -> Permission:
    app_label, codename = name.split(".")
    rows = Permission.objects.filter(content_type__app_label=app_label, codename=codename)
    return rows.exclude(content_type__model="project").get()  # held on a project it is another one
