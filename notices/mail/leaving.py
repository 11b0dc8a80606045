"""Turn mails of a kind off by the link in one of them (RFC 8058), without signing in, and undo that.

The link carries who and which kind, signed; it opens nothing else and does not expire, as a mail may be read years
later. Where it stands for a daily summary it turns off every kind that comes in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import transaction

from audit.record import record
from notices.mail.choosing import lines_of
from notices.mail.tables import MailChoice
from refusals.errors import Missing
from tenants.models import Tenant, User
from tenants.notice_kinds import DAILY, KINDS, NEVER, Kind
from tenants.scope import everything

_LEAVE, _UNDO = "notices.leave", "notices.undo"
SUMMARY = ""  # in the place of a kind


@dataclass(frozen=True)
class Leaving:
    """Whose mails of which kinds a link is about."""

    user: User
    kinds: list[Kind]
    is_summary: bool

    @property
    def words(self) -> str:
        return "The daily summary" if self.is_summary else f"“{self.kinds[0].name}”"


def link(user: User, kind: str = SUMMARY) -> str:
    """The address that turns mails of `kind` (or the daily summary) off for `user`."""
    token = signing.dumps([str(user.pk), kind], salt=_LEAVE)
    return f"{settings.PUBLIC_URL}/mail/stop/{token}/"


@everything("whoever holds a mail's link may turn that kind off, whatever tenants they are in")
def read(token: str) -> Leaving:
    """What a link is about. Raises `Missing`."""
    user, kind = _opened(token, _LEAVE)
    if kind == SUMMARY:
        return Leaving(user, [line.kind for line in lines_of(user) if line.applies == DAILY], is_summary=True)
    if kind not in KINDS:
        raise _no_link()
    return Leaving(user, [KINDS[kind]], is_summary=False)


@everything("whoever holds a mail's link may turn that kind off, whatever tenants they are in")
@transaction.atomic
def leave(token: str) -> tuple[Leaving, str]:
    """Turn the kinds of a link off, in general and for each tenant; a second time changes nothing.

    Returns what was turned off and the token that undoes it.
    """
    found = read(token)
    User.objects.select_for_update(no_key=True).get(pk=found.user.pk)
    slugs = [kind.slug for kind in found.kinds]
    rows = MailChoice.objects.filter(user=found.user, kind__in=slugs)
    before = [[str(tenant or ""), kind, how] for tenant, kind, how in rows.values_list("tenant", "kind", "how")]
    undo = signing.dumps([str(found.user.pk), [slugs, before]], salt=_UNDO)
    if sum(how == NEVER for _, _, how in before) == len(before) and len({k for t, k, _ in before if not t}) == len(
        slugs
    ):
        return found, undo
    rows.update(how=NEVER)
    MailChoice.objects.bulk_create(
        (MailChoice(user=found.user, tenant=None, kind=slug, how=NEVER) for slug in slugs), ignore_conflicts=True
    )
    record("person.mail_left", by=found.user, subject=found.user, kinds=slugs)
    return found, undo


@everything("whoever turned a kind off by a mail's link may undo it")
@transaction.atomic
def undo(token: str) -> Leaving:
    """Choose again what was chosen before the link was used. Raises `Missing`."""
    user, (slugs, before) = _opened(token, _UNDO)
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    there = set(
        Tenant.objects.filter(pk__in={UUID(tenant) for tenant, _, _ in before if tenant}).values_list("pk", flat=True)
    )
    MailChoice.objects.filter(user=user, kind__in=slugs).delete()
    MailChoice.objects.bulk_create(
        MailChoice(user=user, tenant_id=UUID(tenant) if tenant else None, kind=kind, how=how)
        for tenant, kind, how in before
        if not tenant or UUID(tenant) in there
    )
    record("person.mail_taken_up", by=user, subject=user, kinds=slugs)
    return Leaving(user, [KINDS[slug] for slug in slugs if slug in KINDS], is_summary=len(slugs) != 1)


def _opened(token: str, salt: str) -> tuple[User, Any]:
    try:
        key, rest = signing.loads(token, salt=salt)
    except signing.BadSignature as error:
        raise _no_link() from error
    user = User.objects.filter(pk=key, is_active=True).first()
    if user is None:
        raise _no_link()
    return user, rest


def _no_link() -> Missing:
    return Missing("This link is not one of ours, or it was cut off on its way. Sign in to choose your mails instead.")
