"""What an entry's hash and a head's code are made of. Writing and verifying both ask here."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from typing import Any

from django.conf import settings

from audit.models import DayHead, Entry

# Every column but the row number and the hash itself.
COLUMNS = [field.attname for field in Entry._meta.concrete_fields if field.attname not in ("id", "hash")]


def opening_hash(day: dt.date, previous_hash: str = "") -> str:
    """What the first entry of a day follows on: SHA-256 of its ISO date and the last hash of the day before it."""
    return hashlib.sha256(f"atrium audit {day.isoformat()} {previous_hash}".encode()).hexdigest()


def content_hash(values: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON (sorted keys, no spaces, UTF-8) of every column, the previous hash among them."""
    values = values | {
        "at": values["at"].astimezone(dt.UTC).isoformat(timespec="microseconds"),
        "day": values["day"].isoformat(),
    }
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def entry_hash(entry: Entry) -> str:
    """The hash that `entry` must carry."""
    return content_hash({name: getattr(entry, name) for name in COLUMNS})


def head_code(head: DayHead, secret_key: str | None = None) -> str:
    """HMAC-SHA256 (RFC 2104) of everything a head says, under a key derived from the secret key."""
    secret_key = settings.SECRET_KEY if secret_key is None else secret_key
    key = hashlib.sha256(b"atrium audit head" + secret_key.encode()).digest()
    sealed_at = head.sealed_at.astimezone(dt.UTC).isoformat(timespec="microseconds") if head.sealed_at else "open"
    said = [
        head.day.isoformat(),
        head.entries,
        head.last_hash,
        head.previous_day or "first",
        head.previous_hash,
    ]
    return hmac.new(key, " ".join(map(str, [*said, sealed_at])).encode(), "sha256").hexdigest()


def is_authentic(head: DayHead) -> bool:
    """Whether the head's code was made with the secret key or with one that it replaced (`SECRET_KEY_FALLBACKS`)."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(hmac.compare_digest(head.mac, head_code(head, key)) for key in keys)


def anchor_code(day: dt.date, sequence: int, entry_hash: str, secret_key: str | None = None) -> str:
    """HMAC-SHA256 of what an anchor says, under a key of its own derived from the secret key."""
    secret_key = settings.SECRET_KEY if secret_key is None else secret_key
    key = hashlib.sha256(b"atrium audit anchor" + secret_key.encode()).digest()
    return hmac.new(key, f"{day.isoformat()} {sequence} {entry_hash}".encode(), "sha256").hexdigest()


def is_code_of_anchor(code: str, day: dt.date, sequence: int, entry_hash: str) -> bool:
    """Whether `code` was made with the secret key or with one that it replaced."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(hmac.compare_digest(code, anchor_code(day, sequence, entry_hash, key)) for key in keys)


def as_stored(facts: dict[str, Any]) -> dict[str, Any]:
    """`facts` as they come back from a `jsonb` column, so that their hash is the same before and after.

    PostgreSQL writes numbers out in full, so a float of 1e16 and more comes back as a whole number; and its zero has
    no sign.
    """
    text = json.dumps(facts, default=str)
    stored: dict[str, Any] = json.loads(text, parse_float=_number)
    return stored


def _number(text: str) -> float | int:
    value = float(text)
    return int(value) if abs(value) >= 1e16 else value + 0.0  # which makes 0.0 of -0.0
