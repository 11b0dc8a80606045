"""Time-ordered identifiers (UUID version 7, RFC 9562 §5.7) for every row that has an address of its own."""

import os
import time
import uuid


def uuid7() -> uuid.UUID:
    """A new identifier: 48 bits of Unix time in milliseconds, then 74 random bits."""
    return uuid.UUID(int=_value())


def uuid7_text() -> str:
    """One as text, for who makes many: an object of `uuid.UUID` costs several times what is in it."""
    digits = f"{_value():032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _value() -> int:
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    return value & ~(0x3 << 62) | 0x2 << 62
