"""A key in an address is refused, as servers, proxies and browsers write addresses down; one of ours is revoked for it.

What is no key of ours costs no database: it is compared with the snapshot. A real one is handed in once, by the
ledger's thread; until the snapshot knows, a second time changes nothing. Personal tokens the snapshot does not know:
what has the checksum of one is looked up there, few at a time.
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
from tenants.leaks import PATTERN, hand_in

if TYPE_CHECKING:
    from gateway.runtime import Runtime

log = logging.getLogger(__name__)

NAMES = {"access_token", "api-key", "api_key", "apikey", "authorization", "key", "x-api-key"}
LONGEST_QUERY = 8_000  # bytes that are looked at
MOST_FIELDS = 50
MOST_AT_ONCE = 100  # keys that wait to be handed in; more leak at once in no installation
MOST_TOKENS_AT_ONCE = 10  # of personal tokens, as anybody can make up what has to be looked up


class KeyInAddress(Refusal):
    code = "key_in_address"
    status = 400
    title = "A key does not belong in an address"


class TooMuchInAddress(Refusal):
    code = "address_too_long"
    status = 414
    title = "The address holds too much"


class LeakedKeys:
    """What was seen in addresses and is not handed in yet, by its prefix, with where it was seen."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._seen: dict[str, tuple[str, str, str]] = {}

    def takes(self, secret: str, path: str, address: Address | None, *, most: int = MOST_AT_ONCE) -> bool:
        """Whether `secret` will be handed in: not when `most` wait already. Called in the loop."""
        prefix = secret.rpartition("_")[0]
        if prefix not in self._seen and len(self._seen) >= most:
            return False
        self._seen.setdefault(prefix, (secret, path, str(address or "")))
        self._wake()
        return True

    def report(self) -> None:
        """Revoke them and tell their people, in the ledger's thread. Raises `DatabaseError`; then they stay."""
        for prefix, (secret, path, address) in list(self._seen.items()):
            where = f"In the address of a request to {path[:200]}"
            try:
                hand_in(text=secret, address=address, by=SYSTEM, where=where)
            except Refusal as refusal:
                log.warning("%s… was seen in an address and cannot be revoked: %s", prefix, refusal)
            self._seen.pop(prefix, None)


def refuse_key_in_address(query: bytes, path: str, address: Callable[[], Address | None], held: Runtime) -> None:
    """Raise `KeyInAddress` where the query of an address holds a key, by its name or by its look, and
    `TooMuchInAddress` for one that is not looked through to its end."""
    text = query[:LONGEST_QUERY].decode("latin-1")
    is_whole = len(query) <= LONGEST_QUERY
    try:
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        fields, is_whole = [("", text)], False
    named = next((name for name, value in fields if value and name.lower() in NAMES), "")
    found = {secret for field in fields for each in field for secret in PATTERN.findall(each)}
    if named or found:
        handed_in = [done for secret in found if (done := _handed_in(secret, path, address, held))]
        raise KeyInAddress(
            f"A key stands in the address{f' (“?{named[:40]}=…”)' if named else ''}, which servers and proxies write "
            "down. Send it as “Authorization: Bearer atrium_…” instead. "
            f"{handed_in[0] if handed_in else 'If it works, revoke it where it was issued, and issue a new one.'}"
        )
    if not is_whole:
        raise TooMuchInAddress(
            f"What follows the “?” of an address may have {LONGEST_QUERY:,} bytes and {MOST_FIELDS} fields here. Send "
            "the request in its body."
        )


def _handed_in(secret: str, path: str, address: Callable[[], Address | None], held: Runtime) -> str:
    """Have what may work here revoked, and say so; empty where that is not done."""
    prefix = secrets.prefix_of(secret)
    if prefix is not None and prefix.startswith("atrium_pat_"):
        is_taken = held.leaked.takes(secret, path, address(), most=MOST_TOKENS_AT_ONCE)
        return "If it is a personal token that works here, it is revoked now: issue a new one." if is_taken else ""
    if prefix is None or not _works(prefix, secret, held) or not held.leaked.takes(secret, path, address()):
        return ""
    return "It is revoked now and its people are told: issue a new one."


def _works(prefix: str, secret: str, held: Runtime) -> bool:
    """Whether it is a key of ours, neither revoked nor of an environment that is closed, where nothing is changed."""
    snapshot = held.keeper.snapshot
    key = snapshot.keys.get(prefix) if snapshot is not None else None
    if snapshot is None or key is None or key.revoked_at is not None:
        return False
    place = snapshot.places.get(key.environment_id)
    is_open = place is not None and not place.is_archived
    return is_open and hmac.compare_digest(key.secret_hash, secrets.keyed_hash(secret))
