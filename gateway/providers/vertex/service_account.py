"""A Google service account: what its key file says, and the assertion that an access token is had for.

Source: https://developers.google.com/identity/protocols/oauth2/service-account (RFC 7523, RFC 7515).
"""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from catalog.dialects import TokenRequest
from refusals.errors import Invalid

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
LASTS_S = 3600  # the longest that Google takes
NEEDED = ("client_email", "private_key", "token_uri")


class KeyFileUnreadable(Invalid):
    code = "key_file_unreadable"
    title = "This is no key file of a service account"


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """Who signs, with which key, and where a signature is exchanged. The key is never shown."""

    email: str
    key_id: str
    token_uri: str
    key: RSAPrivateKey = field(repr=False, compare=False)

    def token_request(self) -> TokenRequest:
        """What is posted for an access token, signed now; it takes about a millisecond."""
        now = int(time.time())
        claims = {"iss": self.email, "scope": SCOPE, "aud": self.token_uri, "iat": now, "exp": now + LASTS_S}
        head = {"alg": "RS256", "typ": "JWT"} | ({"kid": self.key_id} if self.key_id else {})
        signed = f"{_part(orjson.dumps(head))}.{_part(orjson.dumps(claims))}"
        signature = self.key.sign(signed.encode(), PKCS1v15(), SHA256())
        return TokenRequest(self.token_uri, {"grant_type": GRANT, "assertion": f"{signed}.{_part(signature)}"})


@lru_cache(maxsize=64)
def account_of(credential: str) -> ServiceAccount | None:
    """The service account whose key file `credential` is; None for what is no JSON, such as an access token. Raises
    `KeyFileUnreadable`."""
    if not credential.startswith("{"):
        return None
    try:
        told: Any = orjson.loads(credential)
        stated = [told.get(name) for name in NEEDED]
        email, pem, token_uri = (each if isinstance(each, str) else "" for each in stated)
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError) as error:
        raise _unreadable() from error
    if not isinstance(key, RSAPrivateKey) or not email or not token_uri:
        raise _unreadable()
    return ServiceAccount(email, str(told.get("private_key_id") or ""), token_uri, key)


def _unreadable() -> KeyFileUnreadable:
    return KeyFileUnreadable(
        f"The key file must be JSON with {', '.join(NEEDED)}, the private key in PEM. Paste all of the file.",
        field="credential",
    )


def _part(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
