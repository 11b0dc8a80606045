"""Ask somebody into a tenant by e-mail, and what they answer: invite, resend, withdraw, accept, decline.

The link opens the invitation's page; to accept it a person is signed in and the invited address is surely theirs, so a
link in wrong hands lets nobody in. Who invites gives no role that they may not give to a member (`tenants.delegation`),
and must still be allowed to when it is accepted.
"""

from __future__ import annotations

import datetime as dt
import hmac
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from audit.record import Actor, record
from refusals.errors import Conflict, Forbidden, Invalid, Missing, Refusal
from tenants import invitation_mail, secrets
from tenants.archiving import refuse_archived
from tenants.arrivals import VALID_FOR, Invitation
from tenants.custom_roles import known_role, name_of
from tenants.delegation import RoleAboveYours, assignable
from tenants.memberships import MemberAlready, add_member
from tenants.models import Directory, Membership, Tenant, User
from tenants.notifications import notify
from tenants.own_addresses import addresses_of, people_by_address, unconfirmed_of
from tenants.scope import everything, only, widen
from tenants.security import domains
from tenants.timing import settle_due

KIND = "invite"
PAUSE = dt.timedelta(minutes=1)  # between two mails to the same address


class AddressNotUnderstood(Invalid):
    code = "address_not_understood"


class InvitedAlready(Conflict):
    code = "invited_already"
    title = "Invited already"


class SentJustNow(Refusal):
    """The last mail left a moment ago: nobody is flooded with links that die at once."""

    code = "sent_just_now"
    status = 429
    title = "Sent a moment ago"


class InvitationOver(Conflict):
    """It was accepted, declined, withdrawn, or its time is over."""

    code = "invitation_over"
    title = "This invitation is over"


class NotForYou(Forbidden):
    """The invitation is for another address than those of who opened it."""

    code = "not_for_you"
    title = "This invitation is for somebody else"


class AddressNotConfirmed(Forbidden):
    code = "address_not_confirmed"
    title = "Confirm your address first"


@dataclass(frozen=True)
class Sent:
    """An invitation with the secret of its link, which is known this once."""

    invitation: Invitation
    secret: str

    @property
    def link(self) -> str:
        return invitation_mail.link(self.secret)


@transaction.atomic
def invite(
    *,
    tenant: Tenant,
    email: str,
    role: str,
    by: User | Actor,
    directory: Directory | None = None,
    behind: User | None = None,
) -> Sent:
    """Invite `email` into `tenant` as `role`; a mail leaves when the transaction has committed.

    Where the rules of `directory` do it, `behind` is who answers for it: they must still be allowed to when it is
    accepted.

    Raises `AddressNotUnderstood`, `UnknownRole`, `MemberAlready`, `InvitedAlready`, `TenantArchived`,
    `DomainNotAllowed`. Whether `by` may give `role` the caller asked (`tenants.delegation`).
    """
    address = clean_address(email)
    locked = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    known_role(locked, role)
    refuse_archived(locked)
    domains.refuse_address(locked, address)
    person = people_by_address([address]).get(address)
    if person and (member := Membership.objects.filter(tenant=tenant, user=person).first()):
        raise MemberAlready(f"{person} is a member already, as {member.role}.", field="email")
    earlier = Invitation.objects.open().filter(tenant=tenant, email=address).first()
    if earlier and earlier.state == "invited":
        raise InvitedAlready(
            f"{address} is invited already, as {earlier.role}. Send the invitation again or withdraw it.", field="email"
        )
    if earlier:  # it has expired: this one takes its place
        Invitation.objects.filter(pk=earlier.pk).update(withdrawn_at=timezone.now(), withdrawn_by=_person(by))
    made = secrets.make(KIND)
    now = timezone.now()
    invitation = Invitation.objects.create(
        tenant=tenant, email=address, role=role, secret_hash=made.secret_hash, created_by=behind or _person(by),
        directory=directory, expires_at=now + VALID_FOR, last_sent_at=now, mail_due=True,
    )  # fmt: skip
    record("invitation.sent", by=by, subject=invitation, tenant=tenant.slug, email=address, role=role)
    if person:
        tell([person], tenant, behind or by)
    invitation_mail.send_on_commit(invitation, made.text)
    return Sent(invitation, made.text)


@transaction.atomic
def resend(*, invitation: Invitation, by: User) -> Sent:
    """Send a new link, valid for as long as a first one; the old link is dead from now on.

    Raises `InvitationOver`, `SentJustNow`, `TenantArchived`, `DomainNotAllowed`.
    """
    locked = _locked(invitation)
    if not locked.is_open:
        raise over(locked)
    refuse_archived(locked.tenant)
    domains.refuse_address(locked.tenant, locked.email)
    now = timezone.now()
    if locked.last_sent_at and (waited := now - locked.last_sent_at) < PAUSE:
        raise SentJustNow(
            f"The invitation was sent to {locked.email} a moment ago. Wait a minute before sending it again.",
            retry_after_s=(PAUSE - waited).total_seconds(),
        )
    made = secrets.make(KIND)
    locked.secret_hash, locked.expires_at = made.secret_hash, now + VALID_FOR
    locked.last_sent_at, locked.mail_due, locked.undelivered = now, True, ""
    locked.created_by = by  # who stands behind it from now on
    locked.save(update_fields=["secret_hash", "expires_at", "last_sent_at", "mail_due", "undelivered", "created_by"])
    record("invitation.resent", by=by, subject=locked, tenant=locked.tenant.slug, email=locked.email)
    invitation_mail.send_on_commit(locked, made.text)
    return Sent(locked, made.text)


@transaction.atomic
def withdraw(*, invitation: Invitation, by: User | Actor) -> Invitation:
    """Take an invitation back; a second time changes nothing. Raises `InvitationOver` when it was answered."""
    locked = _locked(invitation)
    if locked.withdrawn_at is not None:
        return locked
    if not locked.is_open:
        raise over(locked)
    locked.withdrawn_at, locked.withdrawn_by = timezone.now(), _person(by)
    locked.save(update_fields=["withdrawn_at", "withdrawn_by"])
    record("invitation.withdrawn", by=by, subject=locked, tenant=locked.tenant.slug, email=locked.email)
    return locked


def accept(*, invitation: Invitation, by: User) -> Membership:
    """Make `by` a member with the role of the invitation.

    Raises `NotForYou`, `AddressNotConfirmed`, `InvitationOver`, `MemberAlready`, `RoleAboveYours` (who invited may no
    longer give the role), `TenantArchived`.
    """
    with only(invitation.tenant, because="somebody answers an invitation into it"), transaction.atomic():
        Tenant.objects.select_for_update(no_key=True).get(pk=invitation.tenant_id)  # as `add_member` does, before rows
        locked = _locked(invitation)
        refuse_stranger(locked, by)
        if locked.state != "invited":
            raise over(locked)
        refuse_archived(locked.tenant)
        settle_due(locked.tenant_id)  # who invited may have been allowed to for a time
        _refuse_unbacked(locked)
        if member := Membership.objects.filter(tenant=locked.tenant, user=by).first():
            raise MemberAlready(
                f"You are a member of {locked.tenant} already, as {name_of(locked.tenant, member.role)}.",
                way_out=locked.tenant.get_absolute_url(),
            )
        membership = add_member(
            tenant=locked.tenant, user=by, role=locked.role, by=by, seen="", directory=locked.directory
        )
        if locked.created_by is not None:
            membership.created_by = locked.created_by
            membership.save(update_fields=["created_by"])
        locked.accepted_at, locked.accepted_by = timezone.now(), by
        locked.save(update_fields=["accepted_at", "accepted_by"])
        record("invitation.accepted", by=by, subject=locked, tenant=locked.tenant.slug, email=locked.email)
        _tell_inviter(locked, f"{by} joined {locked.tenant} as {name_of(locked.tenant, locked.role)}")
    widen([invitation.tenant_id], "they just became a member")
    return membership


def decline(*, invitation: Invitation, by: User) -> Invitation:
    """Answer no; a second time changes nothing. Raises `NotForYou`, `AddressNotConfirmed`, `InvitationOver`."""
    with only(invitation.tenant, because="somebody answers an invitation into it"), transaction.atomic():
        locked = _locked(invitation)
        refuse_stranger(locked, by)
        if locked.declined_at is not None:
            return locked
        if locked.state != "invited":
            raise over(locked)
        locked.declined_at = timezone.now()
        locked.save(update_fields=["declined_at"])
        record("invitation.declined", by=by, subject=locked, tenant=locked.tenant.slug, email=locked.email)
        _tell_inviter(locked, f"{locked.email} declined the invitation to {locked.tenant}")
    return locked


@everything("an invitation is found by its link before its person is in reach of the tenant")
def by_secret(text: str) -> Invitation:
    """The invitation whose link has this secret, in whatever state. Raises `Missing`."""
    hashed = secrets.keyed_hash(text)
    found = None
    if secrets.prefix_of(text):
        found = Invitation.objects.select_related("tenant", "created_by").filter(secret_hash=hashed).first()
    if found is None or not hmac.compare_digest(found.secret_hash or "", hashed):
        raise Missing(
            "This link leads to no invitation. Perhaps it was copied in part, or the invitation was sent again, which "
            "ends earlier links: look for the newest mail, or ask who invited you to send another."
        )
    return found


@everything("an invitation is found by its link before its person is in reach of the tenant")
def by_hash(hashed: str) -> Invitation | None:
    """The invitation with this keyed hash of a secret, if it can be accepted now."""
    return Invitation.objects.in_state("invited").select_related("tenant").filter(secret_hash=hashed).first()


@everything("what waits for a person is found before they are in reach of the tenant")
def waiting_for(person: User) -> list[Invitation]:
    """The invitations that `person` can answer now, newest first."""
    own = addresses_of(person)
    if not own:
        return []
    rows = Invitation.objects.in_state("invited").filter(email__in=own, tenant__archived_at=None)
    return list(rows.exclude(tenant__memberships__user=person).select_related("tenant", "created_by"))


def find_own(person: User, key: Any) -> Invitation:
    """An invitation to an address of `person`, in whatever state. Raises `Missing`."""
    with everything("what waits for a person is found before they are in reach of the tenant"):
        rows = Invitation.objects.filter(email__in=addresses_of(person) | unconfirmed_of(person), pk=key)
        found = rows.select_related("tenant", "created_by").first()
    if found is None:
        raise Missing("There is no such invitation for you. It may be for another address than yours.")
    return found


def clean_address(text: str) -> str:
    """An e-mail address in lower case. Raises `AddressNotUnderstood`."""
    address = text.replace("\x00", "").strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise AddressNotUnderstood(
            f"“{text[:254]}” is not an e-mail address. Write it as name@example.com.", field="email"
        ) from error
    if len(address) > 254:
        raise AddressNotUnderstood("An e-mail address has at most 254 characters.", field="email")
    return address


def refuse_stranger(invitation: Invitation, person: User) -> None:
    """Raise unless the invited address is surely one of `person`. The refusal names neither tenant nor address."""
    if invitation.email in addresses_of(person):
        return
    if invitation.email in unconfirmed_of(person):
        raise AddressNotConfirmed(
            "This invitation is for an address of yours that you have not confirmed yet. Confirm it, then come back: "
            "the invitation waits.",
            way_out="/accounts/email/",
        )
    raise NotForYou(
        f"You are signed in as {person.username}, and this invitation was sent to an address that is not yours. "
        "Sign in as the person who was invited, or add the address to your account. Nothing was used up: the "
        "invitation waits.",
        way_out="/accounts/email/",
    )


def over(invitation: Invitation) -> InvitationOver:
    """The refusal that says how the invitation ended and what to do."""
    sentences = {
        "accepted": "This invitation was accepted already; its link works once.",
        "declined": "This invitation was declined. To join after all, ask to be invited again.",
        "withdrawn": "This invitation was withdrawn. If you expected it, ask who invited you.",
        "expired": "This invitation has expired. Ask who invited you to send it again.",
    }
    return InvitationOver(sentences.get(invitation.state, "This invitation can be answered now."))


def tell(people: list[User], tenant: Tenant, by: User | Actor) -> None:
    """Put an invitation into people's bells."""
    title = f"{by.label if isinstance(by, Actor) else by} invites you to {tenant}"
    notify(people, kind="turn", title=title, path="/invitations/", body="Accept it or decline it.")


def _refuse_unbacked(invitation: Invitation) -> None:
    inviter = invitation.created_by
    if inviter is None:
        return
    allowed = {role.slug for role in assignable(inviter, invitation.tenant)}
    if invitation.role not in allowed:
        raise RoleAboveYours(
            f"{inviter} invited you and may no longer give this role in {invitation.tenant}. Ask an owner of "
            f"{invitation.tenant} to invite you again."
        )


def _person(by: User | Actor) -> User | None:
    return None if isinstance(by, Actor) else by


def _locked(invitation: Invitation) -> Invitation:
    # First locked, then read: who stands behind it may change while one waits (`tenants.key_lock`).
    Invitation.objects.select_for_update(no_key=True).get(pk=invitation.pk)
    return Invitation.objects.select_related("tenant", "created_by").get(pk=invitation.pk)


def _tell_inviter(invitation: Invitation, title: str) -> None:
    if invitation.created_by is not None:
        path = f"/tenants/{invitation.tenant.slug}/members/"
        notify([invitation.created_by], kind="membership", title=title, path=path, tenant=invitation.tenant)
