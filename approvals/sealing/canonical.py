"""The canonical form of a record: the same bytes on any machine, so that their hash can be computed anywhere.

RFC 8785 (JSON Canonicalization Scheme), for what records are made of: objects, lists, text, whole numbers, true, false
and null. The one part of it that is hard, how fractions are written, is left out because records hold none: an amount
is text. Nothing here needs Django, a database or settings.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

LARGEST = 2**53 - 1  # beyond it a reader that keeps numbers as RFC 8785 section 3.2.2.3 says loses digits


def canonical(value: Any) -> bytes:
    """The bytes of `value`. Raises `ValueError` for a fraction, for text that is no Unicode, and for other types."""
    return _written(value).encode()


def hash_of(value: Any) -> str:
    """SHA-256 (FIPS 180-4) of the canonical form, 64 hexadecimal characters."""
    return hashlib.sha256(canonical(value)).hexdigest()


def storable(value: Any) -> Any:
    """`value` in a form that the database gives back as it was: no floats, no keys but text, nothing but JSON."""
    if isinstance(value, dict):
        return {str(key): storable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [storable(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def sealable(value: Any) -> Any:
    """`storable`, with whole numbers that a reader might not keep exactly as text."""
    if isinstance(value, dict):
        return {str(key): sealable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [sealable(inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST:
        return str(value)
    return storable(value)


def _written(value: Any) -> str:
    if isinstance(value, dict):
        # Section 3.2.3: by the UTF-16 code units of the names.
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_written(name)}:{_written(value[name])}" for name in names) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_written, value)) + "]"
    if value is None or isinstance(value, bool | int | str):
        # The escapes of section 3.2.2.2 are those that `json` writes where it may write Unicode as it is.
        return json.dumps(value, ensure_ascii=False)
    raise ValueError(f"{type(value).__name__} has no place in a record: {value!r}")
