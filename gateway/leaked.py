"""A key in an address is refused, as servers, proxies and browsers write addresses down; one of ours is revoked for it.

What is no key of ours costs no database: it is compared with the snapshot. A real one is reported once, by the ledger's
thread; until the snapshot knows, a second report changes nothing.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from audit.record import SYSTEM
from refusals import Refusal
from tenants import secrets
from tenants.client_address import Address
from tenants.leaks import PATTERN, report
from tenants.models import ApiKey

if TYPE_CHECKING:
    from gateway.runtime import Runtime

log = logging.getLogger(__name__)

NAMES = {"access_token", "api-key", "api_key", "apikey", "authorization", "key", "x-api-key"}
LONGEST_QUERY = 8_000  # bytes that are looked at
MOST_FIELDS = 50
MOST_AT_ONCE = 100  # keys that wait to be reported; more leak at once in no installation


class KeyInAddress(Refusal):
    code = "key_in_address"
    status = 400
    title = "A key does not belong in an address"


class LeakedKeys:
    """The keys that were seen in addresses and are not reported yet, by their prefix, with where they were seen."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._seen: dict[str, tuple[str, str]] = {}

    def seen(self, prefix: str, path: str, address: Address | None) -> None:
        """Called in the loop."""
        if len(self._seen) < MOST_AT_ONCE:
            self._seen.setdefault(prefix, (path, str(address or "")))
            self._wake()

    def report(self) -> None:
        """Revoke them and tell their people, in the ledger's thread. Raises `DatabaseError`; then they stay."""
        while self._seen:
            prefix, (path, address) = next(iter(self._seen.items()))
            key = ApiKey.objects.filter(prefix=prefix).first()
            if key is not None:
                try:
                    report(key=key, by=SYSTEM, where=f"In the address of a request to {path[:200]}", address=address)
                except Refusal as refusal:  # its tenant is archived, say: then it does not work either
                    log.warning("The key %s… was seen in an address and cannot be revoked: %s", prefix, refusal)
            self._seen.pop(prefix, None)


def refuse_key_in_address(query: bytes, path: str, address: Callable[[], Address | None], held: Runtime) -> None:
    """Raise `KeyInAddress` where the query of an address holds a key, by its name or by its look."""
    text = query[:LONGEST_QUERY].decode("latin-1")
    try:
        fields = parse_qsl(text, keep_blank_values=False, max_num_fields=MOST_FIELDS)
    except ValueError:
        fields = [("", text)]
    named = next((name for name, _ in fields if name.lower() in NAMES), "")
    found = {secret for _, value in fields for secret in PATTERN.findall(value)}
    for secret in found:
        if (prefix := _ours(secret, held)) is not None:
            held.leaked.seen(prefix, path, address())
    if named or found:
        raise KeyInAddress(
            f"A key stands in the address{f' (“?{named[:40]}=…”)' if named else ''}, which servers and proxies write "
            "down. Send it as “Authorization: Bearer atrium_…” instead. If it is a key of this Atrium, it is revoked "
            "now and its people are told: issue a new one."
        )


def _ours(secret: str, held: Runtime) -> str | None:
    """The prefix of a key that works here; None for any other."""
    prefix, snapshot = secrets.prefix_of(secret), held.keeper.snapshot
    key = snapshot.keys.get(prefix) if prefix is not None and snapshot is not None else None
    if key is None or key.revoked_at is not None:
        return None
    return key.prefix if hmac.compare_digest(key.secret_hash, secrets.keyed_hash(secret)) else None
