"""How a stored response is named: by the call that made it, so that its content is found without anything kept beside
it, and in a way that nobody can make up.

A name is `resp_`, the call's identifier and the first eight bytes of an HMAC-SHA-256 (RFC 2104) under the tenant's data
key, over the environment and the call, all in hexadecimal. So a name of another environment, or an invented one, is
known for that before the database is asked; and what an erasure of the whole tenant took has no name any more.
"""

from __future__ import annotations

import hmac
import re
from uuid import UUID

_NAME = re.compile(r"resp_([0-9a-f]{32})([0-9a-f]{16})")
LONGEST = 5 + 32 + 16


def response_name(secret: bytes, environment: UUID, call: UUID) -> str:
    """What the response that `call` made is called by programs; `secret` is the tenant's data key."""
    return f"resp_{call.hex}{_mark(secret, environment, call)}"


def call_named(secret: bytes, environment: UUID, name: str) -> UUID | None:
    """The call whose response is called `name`; None for what is no name of a response of this environment."""
    found = _NAME.fullmatch(name[: LONGEST + 1])
    if found is None:
        return None
    call = UUID(found[1])
    return call if hmac.compare_digest(found[2], _mark(secret, environment, call)) else None


def _mark(secret: bytes, environment: UUID, call: UUID) -> str:
    return hmac.digest(secret, b"response " + environment.bytes + call.bytes, "sha256")[:8].hex()
