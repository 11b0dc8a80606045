"""A key that was seen where it must not be: revoked at once, on record where and by whom, its people told.

Whoever belongs to the tenant reports it by its name. Anybody at all, a scanner of repositories too, hands in the text
that they found (`hand_in`): that proves itself, as nobody knows a secret without having seen it.
"""

from __future__ import annotations

import hmac
import re
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.record import Actor, record
from refusals.errors import Invalid
from tenants import keys, secrets, tokens
from tenants.key_lock import hold
from tenants.models import ApiKey, PersonalToken, User
from tenants.notifications import notify
from tenants.scope import everything
from tenants.scoping import members_who_may

# What a scanner looks for (docs/interface.md); the checksum then tells a real one from what only looks like it.
PATTERN = re.compile(r"(?<![0-9A-Za-z])atrium_(?:dev|test|prod|pat)_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}(?![0-9A-Za-z])")
LONGEST_TEXT = 8_000
MOST_IN_A_TEXT = 20
LONGEST_WHERE = 300
FINDER = Actor("Somebody who found it", kind="visitor")
HANDED_IN = "Handed in to Atrium"


class WhereNotSaid(Invalid):
    code = "where_not_said"


@transaction.atomic
def report(*, key: ApiKey, by: Any, where: str, **facts: Any) -> ApiKey:
    """Revoke `key` because it was seen at `where` (an address, or in words); a second report changes nothing.

    Who may is asked before, by `scoping.require`. `facts` are further safe values for the audit. Raises `WhereNotSaid`.
    """
    where = where.replace("\0", "").strip()
    if not where or len(where) > LONGEST_WHERE:
        raise WhereNotSaid(
            f"Say where it was seen, in at most {LONGEST_WHERE} characters: an address, a file, a chat.", field="where"
        )
    where = PATTERN.sub("atrium_…", where)
    locked = hold(key)
    if locked.leaked_at is not None:
        return locked
    tenant = locked.environment.tenant
    was_revoked = locked.revoked_at is not None
    keys.revoke(key=locked, by=by, reason="It was seen where it must not be.")
    locked.refresh_from_db(fields=["revoked_at", "revoked_by"])
    locked.leaked_at, locked.leaked_where = timezone.now(), where
    locked.leaked_by = by if isinstance(by, User) else None
    locked.save(update_fields=["leaked_at", "leaked_by", "leaked_where"])
    record("key.leaked", by=by, subject=locked, tenant=tenant.slug, where=where, was_revoked=was_revoked, **facts)
    notify(
        members_who_may("tenants.manage_keys", locked),
        kind="keys",
        title=f"The key “{locked.name}” has leaked and {'was revoked before' if was_revoked else 'is revoked'}",
        body=f"{locked.prefix}… of {locked.environment.path}. Seen: {where}. Issue a new one, look at the calls that "
        "were made with it, and remove it where it was seen.",
        path=f"/tenants/{tenant.slug}/keys/{locked.pk}/",
        tenant=tenant,
    )
    return locked


@everything("a secret that was handed in is looked up; whose it is, nobody knows before")
@transaction.atomic
def hand_in(*, text: str, address: str = "", by: Any = FINDER, where: str = HANDED_IN) -> int:
    """Revoke every key and personal token that stands in `text`, which was found `where`. Who hands in must not be told
    how many that were.

    Only what has the right checksum is looked up, and only what has the right hash is revoked: a prefix alone, which
    many may see, does nothing. Nothing of the text is kept.
    """
    revoked = 0
    for secret in list(dict.fromkeys(PATTERN.findall(text[:LONGEST_TEXT])))[:MOST_IN_A_TEXT]:
        prefix = secrets.prefix_of(secret)
        if prefix is None:
            continue
        kind: Any = PersonalToken if prefix.startswith("atrium_pat_") else ApiKey
        found = kind.objects.filter(prefix=prefix).first()
        if found is None or not hmac.compare_digest(found.secret_hash, secrets.keyed_hash(secret)):
            continue
        revoked += 1
        if isinstance(found, ApiKey):
            report(key=found, by=by, where=where, address=address)
        else:
            _token(found, by, where)
    return revoked


def _token(token: PersonalToken, by: Any, where: str) -> None:
    if token.revoked_at is not None:
        return
    tokens.revoke(token=token, by=by)
    notify(
        [token.user],
        kind="keys",
        title=f"Your token “{token.name}” has leaked and is revoked",
        body=f"{token.prefix}…. Seen: {PATTERN.sub('atrium_…', where)}. Issue a new one where you need it.",
        path="/account/tokens/",
    )
