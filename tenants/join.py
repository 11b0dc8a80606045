"""Ask to be let into a tenant, and what becomes of it: admit, decline, withdraw.

Who asks learns nothing of which tenants there are: the same is said and kept whether the short name is somebody's or
not, and nobody is told unless the tenant lets itself be found (`Tenant.is_discoverable`).
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.record import record
from refusals.errors import Conflict, Invalid, Missing
from tenants.archiving import refuse_archived
from tenants.arrivals import ANSWERED_WITHIN, JoinRequest
from tenants.custom_roles import name_of
from tenants.delegation import MANAGE_MEMBERS
from tenants.memberships import MemberAlready, add_member
from tenants.models import Membership, Tenant, User, slug_form
from tenants.notifications import notify
from tenants.scope import everything, widen
from tenants.scoping import members_who_may

MOST_OPEN = 10


class AskedAlready(Conflict):
    code = "asked_already"
    title = "You have asked already"


class TooManyOpen(Conflict):
    code = "too_many_open"
    title = "Too many questions at once"


class AnsweredAlready(Conflict):
    code = "answered_already"
    title = "This was answered already"


class NameNotUnderstood(Invalid):
    code = "short_name_not_understood"


@everything("whoever it is that is asked, who asks is in reach of nobody yet")
@transaction.atomic
def ask(*, slug: str, sentence: str, by: User) -> JoinRequest:
    """Ask to join the tenant called `slug`.

    Raises `NameNotUnderstood`, `MemberAlready` (one's own tenant is no secret), `AskedAlready`, `TooManyOpen`. A name
    that nobody has, or a tenant that does not let itself be found, is no refusal: it waits like any other.
    """
    slug, sentence = slug.strip().lower(), sentence.replace("\x00", "").strip()
    if len(slug) > 40 or slug_form.regex.fullmatch(slug) is None:  # type: ignore[union-attr]  # compiled by Django
        raise NameNotUnderstood("A short name has lower-case letters, digits and hyphens. Look it up.", field="tenant")
    if not sentence or len(sentence) > 500:
        raise Invalid("Say in up to 500 characters who you are and why.", field="sentence")
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant and Membership.objects.filter(tenant=tenant, user=by).exists():
        raise MemberAlready(f"You are a member of {tenant} already.", way_out=tenant.get_absolute_url(), field="tenant")
    mine = JoinRequest.objects.filter(user=by)
    too_late = mine.in_state("expired").filter(asked_for=slug)
    too_late.update(withdrawn_at=timezone.now())
    waiting = mine.in_state("waiting")
    if waiting.filter(asked_for=slug).exists():
        raise AskedAlready(
            f"You have asked to join “{slug}” already. Whoever answers for it has your question, if anybody does.",
            field="tenant",
        )
    if waiting.count() >= MOST_OPEN:
        raise TooManyOpen(f"{MOST_OPEN} teams have your question already. Wait for an answer, or take one back.")
    heard = tenant if tenant and tenant.is_discoverable and tenant.archived_at is None else None
    made = JoinRequest.objects.create(tenant=heard, asked_for=slug, user=by, sentence=sentence)
    record("join.asked", by=by, subject=made, tenant=heard.slug if heard else "")
    if heard:
        notify(
            members_who_may(MANAGE_MEMBERS, heard),
            kind="turn", title=f"{by} asks to join {heard}", body=sentence,
            path=f"/tenants/{heard.slug}/members/#asking", tenant=heard,
        )  # fmt: skip
    return made


@transaction.atomic
def admit(*, asked: JoinRequest, role: str, by: User) -> Membership:
    """Let the person in as `role`. Whether `by` may give it the caller asked (`tenants.delegation`).

    Raises `AnsweredAlready`, `MemberAlready`, `UnknownRole`, `TenantArchived`.
    """
    locked, tenant = _open(asked)
    refuse_archived(tenant)
    if not locked.user.is_active:
        raise AnsweredAlready(f"{locked.user} was switched off in the meantime, and cannot be let in.")
    made = add_member(tenant=tenant, user=locked.user, role=role, by=by, seen="")
    locked.admitted_at, locked.answered_by, locked.role = timezone.now(), by, role
    locked.save(update_fields=["admitted_at", "answered_by", "role"])
    record("join.admitted", by=by, subject=locked, tenant=tenant.slug, role=role)
    title = f"You are in {tenant} now, as {name_of(tenant, role)}"
    notify([locked.user], kind="decision", title=title, path=tenant.get_absolute_url(), tenant=tenant)
    return made


@transaction.atomic
def decline(*, asked: JoinRequest, reason: str, by: User) -> JoinRequest:
    """Do not let the person in, and say why. Raises `AnsweredAlready`, `Invalid` without a reason."""
    reason = reason.replace("\x00", "").strip()
    if not reason or len(reason) > 500:
        raise Invalid("Say in up to 500 characters why: they read it.", field="reason")
    locked, tenant = _open(asked)
    locked.declined_at, locked.answered_by, locked.reason = timezone.now(), by, reason
    locked.save(update_fields=["declined_at", "answered_by", "reason"])
    record("join.declined", by=by, subject=locked, tenant=tenant.slug, reason=reason)
    title = f"{tenant} did not let you in"
    notify([locked.user], kind="decision", title=title, body=reason, path="/tenants/join/")
    return locked


@everything("whoever it is that was asked, who asked may take it back")
@transaction.atomic
def withdraw(*, key: Any, by: User) -> JoinRequest:
    """Take one's own question back; a second time changes nothing. Raises `Missing`, `AnsweredAlready`."""
    rows = JoinRequest.objects.select_for_update(of=("self",), no_key=True).select_related("tenant")
    found = rows.filter(pk=key, user=by).first()
    if found is None:
        raise Missing("There is no such question of yours.")
    if found.withdrawn_at is None:
        if found.state in ("admitted", "declined"):
            raise AnsweredAlready("It was answered in the meantime.")
        found.withdrawn_at = timezone.now()
        found.save(update_fields=["withdrawn_at"])
        record("join.withdrawn", by=by, subject=found, tenant=found.tenant.slug if found.tenant else "")
    return found


@everything("whoever it is that was asked, it is who asked that reads it")
def of(person: User) -> list[JoinRequest]:
    """What `person` asked, newest first; of the tenants it tells no more than the short name that was typed."""
    return list(JoinRequest.objects.filter(user=person)[:50])


def is_waiting(asked: JoinRequest) -> bool:
    """Whether an answer is still awaited."""
    return asked.state == "waiting"


def _open(asked: JoinRequest) -> tuple[JoinRequest, Tenant]:
    if asked.tenant_id is None:
        raise Missing("There is no such question.")
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=asked.tenant_id)  # as `add_member` does, before rows
    rows = JoinRequest.objects.select_for_update(of=("self",), no_key=True).select_related("user")
    locked = rows.get(pk=asked.pk)
    if locked.state != "waiting":
        words = {"withdrawn": "They took it back.", "expired": f"It is older than {ANSWERED_WITHIN.days} days."}
        raise AnsweredAlready(words.get(locked.state, "Somebody answered it in the meantime. Nothing was changed."))
    widen([tenant.pk], "somebody asks to join it")
    return locked, tenant
