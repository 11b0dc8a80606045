"""Write into the audit who was turned away at the sign-in, without letting them fill it.

One entry a minute for the same name from the same address, and so many a minute altogether; what is over that is a
line in the log. What somebody typed as their name is kept cut short; what they typed as a password is never seen here.
"""

from __future__ import annotations

import hashlib
import time

import structlog
from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest

from audit.record import Actor, record
from tenants.models import User

log = structlog.get_logger(__name__)

LONGEST_LOGIN = 60
MOST_A_MINUTE = 60
VISITOR = Actor("Somebody at the sign-in", kind="visitor")


def turned_away(login: str, request: HttpRequest | None, *, how: str) -> None:
    """Record `person.turned_away` about `login`, who failed with `how` (`password`, or a kind of second factor)."""
    login = login[:LONGEST_LOGIN].replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
    address = _address(request)
    named = hashlib.sha256(f"{login.casefold()} {address} {how}".encode()).hexdigest()
    if not cache.add(f"portal:turned_away:{named}", True, 60) or not _has_room():
        log.info("turned_away", address=address, how=how)
        return
    user = User.objects.filter(Q(username=login) | Q(email__iexact=login)).first() if login else None
    with transaction.atomic():
        record(
            "person.turned_away",
            by=VISITOR,
            subject=user,
            subject_kind="" if user else "login",
            subject_label="" if user else login,
            login=login,
            address=address,
            how=how,
        )


def _has_room() -> bool:
    minute = f"portal:turned_away:{time.time() // 60:.0f}"
    cache.add(minute, 0, 120)
    try:
        return cache.incr(minute) <= MOST_A_MINUTE
    except ValueError:  # it was put out of the cache meanwhile
        return True


def _address(request: HttpRequest | None) -> str:
    try:
        return str(get_adapter(request).get_client_ip(request)) if request else ""
    except PermissionDenied:
        return ""
