"""Hand a tenant over: an owner names another member, that person accepts, and the two change places.

Whoever answers for a tenant has to have said so, therefore nobody is made an owner in this way without accepting. Until
then all stays as it is; with it, in one transaction, the receiver becomes an owner and then the giver an admin, so that
at no instant the tenant is without an owner. One transfer a tenant can be open.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.record import record
from refusals.errors import Conflict, Forbidden, Invalid
from tenants.archiving import refuse_archived
from tenants.delegation import MANAGE_TENANT
from tenants.memberships import add_member
from tenants.models import Membership, Tenant, User
from tenants.notifications import notify
from tenants.scoping import may
from tenants.transfers import ANSWERED_WITHIN, OwnershipTransfer

BECOMES = "admin"  # the giver, afterwards


class NotAnOwner(Forbidden):
    """Only who answers for the tenant can hand that over; the platform team changes roles instead."""

    code = "not_an_owner"
    title = "Only an owner hands a tenant over"


class NotTheReceiver(Forbidden):
    code = "not_the_receiver"
    title = "Only the person who was named answers"


class NotAMember(Invalid):
    code = "not_a_member"


class OwnerAlready(Conflict):
    code = "owner_already"
    title = "An owner already"


class TransferOpen(Conflict):
    code = "transfer_open"
    title = "This tenant is being handed over already"


class TransferOver(Conflict):
    """It was answered, taken back, or overtaken by events."""

    code = "transfer_over"
    title = "This cannot be answered any more"


@transaction.atomic
def offer(*, tenant: Tenant, to: User, by: User) -> OwnershipTransfer:
    """Ask `to` to become an owner in the place of `by`.

    Raises `NotAnOwner`, `NotAMember` (also for oneself, a service account and who is switched off), `OwnerAlready`,
    `TransferOpen`, `TenantArchived`.
    """
    locked = _locked(tenant)
    refuse_archived(locked)
    roles = dict(Membership.objects.filter(tenant=locked, user__in=(by, to)).values_list("user", "role"))
    if roles.get(by.pk) != "owner":
        raise NotAnOwner(
            f"Only an owner hands {locked} over. Who manages its members can change roles instead.",
            way_out=f"/tenants/{locked.slug}/members/",
        )
    if to == by or to.pk not in roles or not to.is_active or to.is_service:
        raise NotAMember(f"Name another member of {locked} who can sign in. Invite them first.", field="person")
    if roles[to.pk] == "owner":
        raise OwnerAlready(f"{to} is an owner of {locked} already. You can simply leave, or change your own role.",
                           field="person")  # fmt: skip
    open_one = OwnershipTransfer.objects.open().filter(tenant=locked).first()
    if open_one is not None and open_one.state == "waiting":
        raise TransferOpen(
            f"{open_one.giver} asked {open_one.receiver} to become an owner of {locked}. Wait for the answer, or take"
            " it back first.",
            way_out=_page(locked),
        )
    OwnershipTransfer.objects.open().filter(tenant=locked).update(withdrawn_at=timezone.now())  # what came too late
    made = OwnershipTransfer.objects.create(tenant=locked, giver=by, receiver=to)
    record("ownership.offered", by=by, subject=made, tenant=locked.slug, receiver=to.username)
    notify(
        [to],
        kind="turn",
        title=f"{by} asks you to become the owner of {locked}",
        body=f"It stays as it is until you accept, within {ANSWERED_WITHIN.days} days.",
        path=_page(locked),
        tenant=locked,
    )
    return made


@transaction.atomic
def accept(*, transfer: OwnershipTransfer, by: User) -> OwnershipTransfer:
    """Become an owner; who asked becomes an admin. Raises `NotTheReceiver`, `TransferOver`, `TenantArchived`."""
    locked = _waiting(transfer)
    if locked.receiver_id != by.pk:
        raise NotTheReceiver(f"{locked.giver} asked {locked.receiver}; only they accept.")
    tenant = locked.tenant
    refuse_archived(tenant)
    roles = dict(Membership.objects.filter(tenant=tenant, user__in=(locked.giver, by)).values_list("user", "role"))
    if roles.get(locked.giver_id) != "owner" or not locked.giver.is_active:
        raise TransferOver(f"{locked.giver} is not an owner of {tenant} any more, so there is nothing to hand over.")
    if by.pk not in roles:
        raise TransferOver(f"You are not a member of {tenant} any more.")
    others = set(User.objects.filter(memberships__tenant=tenant, memberships__role="owner", is_active=True)) - {by}
    locked.accepted_at = timezone.now()
    locked.save(update_fields=["accepted_at"])  # first, as a changed role ends what is open
    add_member(tenant=tenant, user=by, role="owner", by=by)
    add_member(tenant=tenant, user=locked.giver, role=BECOMES, by=by)
    record("ownership.transferred", by=by, subject=locked, tenant=tenant.slug, giver=locked.giver.username,
           before=roles[by.pk])  # fmt: skip
    notify(others, kind="tenant", title=f"{by} is an owner of {tenant} now",
           body=f"{locked.giver} handed it over and is admin.",
           path=tenant.get_absolute_url(), tenant=tenant)  # fmt: skip
    return locked


@transaction.atomic
def decline(*, transfer: OwnershipTransfer, by: User) -> OwnershipTransfer:
    """Stay what one is. Raises `NotTheReceiver`, `TransferOver`."""
    locked = _waiting(transfer)
    if locked.receiver_id != by.pk:
        raise NotTheReceiver(f"{locked.giver} asked {locked.receiver}; only they decline.")
    locked.declined_at = timezone.now()
    locked.save(update_fields=["declined_at"])
    record("ownership.declined", by=by, subject=locked, tenant=locked.tenant.slug)
    notify([locked.giver], kind="decision", title=f"{by} does not become the owner of {locked.tenant}",
           path=_page(locked.tenant), tenant=locked.tenant)  # fmt: skip
    return locked


@transaction.atomic
def withdraw(*, transfer: OwnershipTransfer, by: User) -> OwnershipTransfer:
    """Take it back: who asked, or whoever manages the tenant. Raises `NotAnOwner`, `TransferOver`."""
    if not may(by, MANAGE_TENANT, transfer.tenant):
        raise NotAnOwner(f"Only an owner of {transfer.tenant} takes this back.")
    locked = _waiting(transfer)
    locked.withdrawn_at = timezone.now()
    locked.save(update_fields=["withdrawn_at"])
    record("ownership.withdrawn", by=by, subject=locked, tenant=locked.tenant.slug)
    notify({locked.receiver, locked.giver} - {by}, kind="decision",
           title=f"{locked.tenant} is not handed over: {by} took it back",
           path=locked.tenant.get_absolute_url(), tenant=locked.tenant)  # fmt: skip
    return locked


def open_for(tenant: Tenant) -> OwnershipTransfer | None:
    """The transfer of `tenant` that waits for an answer."""
    rows = OwnershipTransfer.objects.waiting().select_related("tenant", "giver", "receiver")
    return rows.filter(tenant=tenant).first()


def waiting_for(person: User) -> list[OwnershipTransfer]:
    """What waits for an answer of `person`."""
    rows = OwnershipTransfer.objects.waiting().filter(receiver=person, tenant__archived_at=None)
    return list(rows.select_related("tenant", "giver"))


def concerning(viewer: User, managed: Any) -> Any:
    """The transfers that `viewer` may see: those of the tenants `managed`, and those they give or receive."""
    mine = Q(giver=viewer) | Q(receiver=viewer)
    return OwnershipTransfer.objects.filter(Q(tenant__in=managed) | mine)


def candidates(tenant: Tenant) -> Any:
    """The members who can be named: active people who are not owners."""
    rows = User.objects.filter(memberships__tenant=tenant, is_active=True, is_service=False).exclude(
        pk__in=Membership.objects.filter(tenant=tenant, role="owner").values("user")
    )
    return rows.order_by("display_name", "username")


def _locked(tenant: Tenant) -> Tenant:
    return Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)  # as every change of members does


def _waiting(transfer: OwnershipTransfer) -> OwnershipTransfer:
    _locked(transfer.tenant)
    locked = OwnershipTransfer.objects.select_related("tenant", "giver", "receiver").get(pk=transfer.pk)
    if locked.state != "waiting":
        words = {
            "accepted": f"{locked.receiver} has accepted.",
            "declined": f"{locked.receiver} has declined.",
            "withdrawn": "It was taken back, or one of the two has another role now.",
            "expired": f"It is older than {ANSWERED_WITHIN.days} days.",
        }
        raise TransferOver(words[locked.state])
    return locked


def _page(tenant: Tenant) -> str:
    return f"/tenants/{tenant.slug}/ownership/"
