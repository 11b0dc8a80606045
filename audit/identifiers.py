"""Time-ordered identifiers (UUID version 7, RFC 9562 §5.7) for every row that has an address of its own."""

import os
import time
import uuid


def uuid7() -> uuid.UUID:
    """A new identifier: 48 bits of Unix time in milliseconds, then 74 random bits."""
    return uuid.UUID(uuid7_text())


def uuid7_text() -> str:
    """One as text, for who makes many: an object of `uuid.UUID` costs several times what is in it."""
    drawn = os.urandom(10).hex()
    at = f"{time.time_ns() // 1_000_000:012x}"
    return f"{at[:8]}-{at[8:]}-7{drawn[:3]}-{_VARIANT[drawn[3]]}{drawn[4:7]}-{drawn[7:19]}"


_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}  # its highest two bits are 10
