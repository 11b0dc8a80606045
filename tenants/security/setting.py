"""Change what a tenant asks of who comes in, and say beforehand whom that concerns.

Nobody shuts themselves out: what would be closed to who sets it is refused. Members who do not fit a new domain stay
until they are removed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils import timezone

from audit.record import record
from refusals.errors import Invalid
from tenants import scope
from tenants.archiving import refuse_archived
from tenants.arrivals import Invitation
from tenants.changes import announce
from tenants.models import Membership, Tenant, User
from tenants.networks import networks_of
from tenants.notifications import notify
from tenants.reach import SECOND_FACTORS, has_second_factor
from tenants.security import domains
from tenants.security.closing import SET_UP, Asked, Person, because

LONGEST_GRACE = dt.timedelta(days=365)
FIELDS = ("allowed_email_domains", "allowed_networks", "second_factor_from")


class ShutsYouOut(Invalid):
    code = "shuts_you_out"


class NoneYourself(Invalid):
    """Who asks others for a second factor has one."""

    code = "no_second_factor_yourself"


class TooLate(Invalid):
    code = "too_late"


class Keep:
    """Stands for what is not to be changed where None means that nothing is asked."""


KEEP: Final = Keep()


@dataclass(frozen=True)
class Concerned:
    """Whom a setting concerns; `asked` is the tenant as it would ask (not saved). `outside` are members, `invited` open
    invitations of other domains than it names, `without` members without a second factor."""

    asked: Tenant
    outside: list[Membership]
    invited: list[Invitation]
    without: list[Membership]


@transaction.atomic
def secure(
    *,
    tenant: Tenant,
    by: Any,
    allowed_email_domains: Sequence[str] | None = None,
    allowed_networks: Sequence[str] | None = None,
    second_factor_from: dt.datetime | Keep | None = KEEP,
) -> Tenant:
    """Set what `tenant` asks from the next request on, for calls with its keys within a second; None (`KEEP`) leaves a
    part as it is, an empty one asks nothing. A moment that is over means: from now on.

    The same again changes nothing. Raises `DomainNotUnderstood`, `NetworkNotUnderstood`, `TooMany`, `TooLate`,
    `ShutsYouOut`, `NoneYourself`, `TenantArchived`.
    """
    locked = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    refuse_archived(locked)
    before = told(locked)
    _put(locked, allowed_email_domains, allowed_networks, second_factor_from)
    if told(locked) == before:
        return locked
    _refuse_to_shut_out(locked, by, before)
    locked.save(update_fields=FIELDS)
    if locked.second_factor_from and before["second_factor_from"] != told(locked)["second_factor_from"]:
        _tell(locked, by)
    record("security.changed", by=by, subject=locked, tenant=locked.slug, before=before, after=told(locked))
    announce("tenant", locked.pk)
    return locked


def concerned(
    tenant: Tenant,
    *,
    by: Any = None,
    allowed_email_domains: Sequence[str] | None = None,
    allowed_networks: Sequence[str] | None = None,
    second_factor_from: dt.datetime | Keep | None = KEEP,
) -> Concerned:
    """Whom it concerns if `tenant` asked this; nothing is changed. Three queries. Raises as `secure` does for values
    that are not understood, and for what `by`, where they are told, could not set."""
    asked = Tenant.objects.get(pk=tenant.pk)
    before = told(asked)
    _put(asked, allowed_email_domains, allowed_networks, second_factor_from)
    if told(asked) != before:
        _refuse_to_shut_out(asked, by, before)
    members = list(Membership.objects.filter(tenant=tenant).select_related("user", "tenant"))
    open_ones = Invitation.objects.in_state("invited").filter(tenant=tenant) if asked.allowed_email_domains else ()
    return Concerned(
        asked=asked,
        outside=domains.outside(members, asked.allowed_email_domains),
        invited=[each for each in open_ones if not domains.is_of(each.email, asked.allowed_email_domains)],
        without=list(without_second_factor(tenant)) if asked.second_factor_from else [],
    )


def without_second_factor(tenant: Tenant) -> Any:
    """The memberships of people who have set none up here. Their sign-in service may vouch for some of them."""
    factors = Authenticator.objects.filter(user=OuterRef("user"), type__in=SECOND_FACTORS)
    rows = Membership.objects.filter(tenant=tenant, user__is_service=False, user__is_active=True)
    return rows.filter(~Exists(factors)).select_related("user", "tenant").order_by("created_at", "pk")


def told(tenant: Tenant) -> dict[str, Any]:
    """What `tenant` asks, as the audit keeps it."""
    since = tenant.second_factor_from
    return {
        "allowed_email_domains": list(tenant.allowed_email_domains),
        "allowed_networks": list(tenant.allowed_networks),
        "second_factor_from": since.isoformat(timespec="seconds") if since else None,
    }


def _put(
    tenant: Tenant,
    allowed_email_domains: Sequence[str] | None,
    allowed_networks: Sequence[str] | None,
    second_factor_from: dt.datetime | Keep | None,
) -> None:
    if allowed_email_domains is not None:
        tenant.allowed_email_domains = domains.domains_of(allowed_email_domains)
    if allowed_networks is not None:
        tenant.allowed_networks = networks_of(allowed_networks, whose="A tenant")
    if not isinstance(second_factor_from, Keep):
        if second_factor_from and second_factor_from > timezone.now() + LONGEST_GRACE:
            raise TooLate(
                f"Ask for it within {LONGEST_GRACE.days} days, or do not ask for it yet.", field="second_factor_from"
            )
        tenant.second_factor_from = second_factor_from.replace(microsecond=0) if second_factor_from else None


def _is_sooner(before: str | None, after: dt.datetime | None) -> bool:
    """Whether a second factor is asked for now that was not, or earlier than it was."""
    return after is not None and (before is None or after < dt.datetime.fromisoformat(before))


def _refuse_to_shut_out(tenant: Tenant, by: Any, before: dict[str, Any]) -> None:
    """Of `tenant` as it would ask, which asked what `before` tells."""
    asking = scope.current()
    if asking.whence is None or not isinstance(by, User) or asking.person != by.pk:
        return  # an operator at the command line, or work that was asked for and checked before
    person = Person(asking.whence, has_second_factor(by), by.is_service)
    is_sooner = _is_sooner(before["second_factor_from"], tenant.second_factor_from)
    if is_sooner and not person.shows_second_factor:
        here = quote(reverse("tenants:security", args=[tenant.slug]), safe="")
        raise NoneYourself(
            "You have no second factor yourself. Set one up first, then ask it of others.",
            field="second_factor_from", way_out=f"{SET_UP}?next={here}",
        )  # fmt: skip
    asked = Asked(tenant.pk, tenant.slug, tenant.name, tuple(tenant.allowed_networks))
    is_bound = asking.tenants is not None
    if is_bound and because(asked, replace(person, has_second_factor=True), timezone.now()):
        seen = asking.whence.address
        whence = f"you come from {seen}, which is in none of them" if seen else "where you come from cannot be told"
        raise ShutsYouOut(
            f"This would shut you out: {whence}. Add your own network, or have the platform team set it.",
            field="allowed_networks",
        )


def _tell(tenant: Tenant, by: Any) -> None:
    since = tenant.second_factor_from
    if since is None:
        return
    people = {membership.user for membership in without_second_factor(tenant)} - {by}
    when = "now" if since <= timezone.now() else f"{since:%-d %B %Y}"
    notify(
        people, kind="tenant", title=f"{tenant} asks for a second factor from {when} on",
        body="Without one its pages are closed to you from then on. Setting one up takes two minutes.",
        path=SET_UP,  # of no tenant: they read it also once this one is closed to them
    )  # fmt: skip
