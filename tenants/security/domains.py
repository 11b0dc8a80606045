"""Which e-mail domains a tenant's members may have: exactly the named ones, and for `*.example.com` those below it.

A domain is compared in the form that the name service knows (IDNA 2008, RFC 5891; UTS 46 for case and width), so one
that only looks like another is another. An address counts that is surely the person's own (`tenants.own_addresses`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

import idna

from refusals.errors import Forbidden, Invalid
from tenants.models import Membership, Tenant, User
from tenants.own_addresses import addresses_of, addresses_of_many

MOST_DOMAINS = 100
_FORM = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


class DomainNotUnderstood(Invalid):
    code = "domain_not_understood"


class DomainNotAllowed(Forbidden):
    """The tenant takes members with addresses of other domains only."""

    code = "domain_not_allowed"
    title = "This address is of another domain"


def domains_of(asked: Sequence[str]) -> list[str]:
    """`asked` in the form that they are kept in, by name, each once. Raises `DomainNotUnderstood`."""
    found = set()
    for text in asked:
        if given := text.strip():
            bare = given.removeprefix("*.")
            domain = _plain(bare)
            if domain is None or not _FORM.fullmatch(domain) or len(domain) > 253:
                raise DomainNotUnderstood(
                    f"“{given[:100]}” is no domain. Write one as example.com, or *.example.com for those below it.",
                    field="allowed_email_domains",
                )
            found.add(domain if bare == given else f"*.{domain}")
    if len(found) > MOST_DOMAINS:
        raise DomainNotUnderstood(f"Name at most {MOST_DOMAINS} domains.", field="allowed_email_domains")
    return sorted(found)


def is_of(address: str, domains: Collection[str]) -> bool:
    """Whether `address` is of one of `domains`; where none is named, every address is."""
    if not domains:
        return True
    domain = _plain(address.rpartition("@")[2])
    if domain is None:
        return False
    above = domain.split(".")
    return domain in domains or any(f"*.{'.'.join(above[n:])}" in domains for n in range(1, len(above)))


def refuse_address(tenant: Tenant, address: str) -> None:
    """Raise `DomainNotAllowed` for an address that is to be invited into `tenant` and is of another domain."""
    if not is_of(address, tenant.allowed_email_domains):
        raise DomainNotAllowed(
            f"{address} is not of a domain that {tenant} allows ({_told(tenant)}). Invite an address of one of them, "
            "or have an owner add the domain.",
            field="email",
        )


def refuse_person(tenant: Tenant, user: User) -> None:
    """Raise `DomainNotAllowed` where `user` is to become a member of `tenant` and no surely own address is of a domain
    that it allows. Service accounts have no address, and are its own."""
    domains = tenant.allowed_email_domains
    if not domains or user.is_service or any(is_of(address, domains) for address in addresses_of(user)):
        return
    raise DomainNotAllowed(
        f"{user} has no confirmed e-mail address of a domain that {tenant} allows ({_told(tenant)}). They can add and "
        "confirm one, or an owner can add the domain.",
        field="person",
    )


def outside(members: Iterable[Membership], domains: Collection[str]) -> list[Membership]:
    """Those of `members` without an address of `domains`. One query, however many there are."""
    people = [each for each in members if not each.user.is_service] if domains else []
    own = addresses_of_many([each.user for each in people])
    return [each for each in people if not any(is_of(address, domains) for address in own[each.user_id])]


def _told(tenant: Tenant) -> str:
    named = tenant.allowed_email_domains
    return ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")


def _plain(domain: str) -> str | None:
    """A domain as the name service knows it; None for what is none."""
    text = domain.strip().rstrip(".")
    try:
        return idna.encode(text, uts46=True, transitional=False).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return None
