"""How somebody gets mails of a kind: what they chose for the tenant, else in general, else what the tenant's owners
set, else what the kind begins with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from audit.record import record
from notices.mail.tables import DigestHour, MailChoice, MailDefault
from refusals.errors import Invalid
from tenants.archiving import refuse_archived
from tenants.models import Tenant, User
from tenants.notice_kinds import HOW, KINDS, NEVER, Kind

FIRST_HOUR = 8  # of one's own day, while one has chosen none


class ChoiceNotAcceptable(Invalid):
    code = "choice_not_acceptable"


@dataclass(frozen=True, slots=True)
class Line:
    """One kind as it stands: what was chosen here ("" for nothing), what applies, and what applied without a choice."""

    kind: Kind
    chosen: str
    applies: str
    otherwise: str

    @property
    def words(self) -> str:
        return HOW[self.applies]


def how_of(users: Iterable[User], kind: Kind, tenant: Tenant | None) -> dict[UUID, str]:
    """How each of `users` gets mails of `kind` about `tenant`, by their key: two queries, however many they are."""
    keys = [user.pk for user in users]
    default = _defaults(tenant).get(kind.slug, kind.mail)
    found = dict.fromkeys(keys, default)
    chosen = MailChoice.objects.filter(user__in=keys, kind=kind.slug)
    general = chosen.filter(tenant=None)
    here = chosen.filter(tenant=tenant) if tenant else MailChoice.objects.none()
    rows = (general | here if tenant else general).values_list("user", "tenant", "how")
    in_general = {user: how for user, of, how in rows if of is None}
    return found | in_general | {user: how for user, of, how in rows if of is not None}


def lines_of(user: User, tenant: Tenant | None = None) -> list[Line]:
    """Every kind as it stands for `user`, in general or in `tenant`."""
    rows = MailChoice.objects.filter(user=user).values_list("tenant", "kind", "how")
    general = {kind: how for of, kind, how in rows if of is None}
    here = {kind: how for of, kind, how in rows if tenant and of == tenant.pk}
    defaults = _defaults(tenant)
    lines = []
    for kind in KINDS.values():
        chosen = (here if tenant else general).get(kind.slug, "")
        begins = defaults.get(kind.slug, kind.mail)
        otherwise = general.get(kind.slug, begins) if tenant else begins
        lines.append(Line(kind, chosen, chosen or otherwise, otherwise))
    return lines


def defaults_of(tenant: Tenant) -> list[Line]:
    """Every kind as its owners set it for the members of `tenant`."""
    set_here = _defaults(tenant)
    return [
        Line(kind, set_here.get(kind.slug, ""), set_here.get(kind.slug, kind.mail), kind.mail)
        for kind in KINDS.values()
    ]


def hour_of(user: User) -> int:
    """The hour of their own day at which `user` gets the daily summary."""
    row = DigestHour.objects.filter(user=user).first()
    return row.hour if row else FIRST_HOUR


@transaction.atomic
def choose(*, user: User, choices: Mapping[str, str], tenant: Tenant | None = None, hour: int | None = None) -> None:
    """Set how `user` gets mails, by kind; "" takes a choice away, kinds that are not named stay.

    In general, or about `tenant` alone. `user` alone may. Raises `ChoiceNotAcceptable` naming the kind, or `hour`.
    """
    _check(choices)
    if hour is not None and not 0 <= hour <= 23:
        raise ChoiceNotAcceptable("Use a full hour from 0 to 23.", field="hour")
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    before = {line.kind.slug: line.chosen for line in lines_of(user, tenant)}
    changed = {kind: how for kind, how in choices.items() if before[kind] != how}
    rows = MailChoice.objects.filter(user=user, tenant=tenant)
    rows.filter(kind__in=changed).delete()
    MailChoice.objects.bulk_create(
        MailChoice(user=user, tenant=tenant, kind=kind, how=how) for kind, how in changed.items() if how
    )
    facts: dict[str, Any] = {
        kind: {"before": before[kind] or "not chosen", "after": how or "not chosen"} for kind, how in changed.items()
    }
    if hour is not None and hour != hour_of(user):
        facts["hour"] = {"before": hour_of(user), "after": hour}
        DigestHour.objects.update_or_create(user=user, defaults={"hour": hour})
    if facts:
        record("person.mail_chosen", by=user, subject=user, of=tenant.slug if tenant else "", changed=facts)


@transaction.atomic
def set_defaults(*, tenant: Tenant, defaults: Mapping[str, str], by: User) -> None:
    """Set how members of `tenant` get mails while they have not chosen; "" takes a default away.

    Raises `ChoiceNotAcceptable` naming the kind, `TenantArchived`.
    """
    _check(defaults)
    for slug, how in defaults.items():
        if KINDS[slug].is_security and how == NEVER:
            raise ChoiceNotAcceptable(
                f"“{KINDS[slug].name}” is about security: members alone decide not to hear of it.", field=slug
            )
    refuse_archived(Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk))
    before = _defaults(tenant)
    changed = {kind: how for kind, how in defaults.items() if before.get(kind, "") != how}
    if not changed:
        return
    MailDefault.objects.filter(tenant=tenant, kind__in=changed).delete()
    MailDefault.objects.bulk_create(
        MailDefault(tenant=tenant, kind=kind, how=how) for kind, how in changed.items() if how
    )
    told = {k: {"before": before.get(k, "not set"), "after": how or "not set"} for k, how in changed.items()}
    record("tenant.mail_defaults_set", by=by, subject=tenant, tenant=tenant.slug, changed=told)


def _defaults(tenant: Tenant | None) -> dict[str, str]:
    if tenant is None:
        return {}
    return dict(MailDefault.objects.filter(tenant=tenant).values_list("kind", "how"))


def _check(choices: Mapping[str, str]) -> None:
    for kind, how in choices.items():
        if kind not in KINDS:
            raise ChoiceNotAcceptable(f"There is no kind “{kind[:40]}”. Known are {', '.join(KINDS)}.", field="choices")
        if how and how not in HOW:
            raise ChoiceNotAcceptable(f"Use one of {', '.join(HOW)}, or nothing.", field=kind)
