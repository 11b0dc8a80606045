"""AWS Signature Version 4.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
"""

from __future__ import annotations

import datetime as dt
import hmac
import re
from hashlib import sha256
from typing import NamedTuple, Self
from urllib.parse import parse_qsl, quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
_ACCESS_KEY = re.compile(r"[A-Z0-9]{16,128}")


class Keys(NamedTuple):
    """An access key with its secret, and the token of a session where it is of one."""

    access_key: str
    secret: str
    session_token: str = ""

    @classmethod
    def read(cls, credential: str) -> Self | None:
        """`ACCESS_KEY:SECRET` or `ACCESS_KEY:SECRET:TOKEN`; None for what is something else."""
        access_key, _, rest = credential.partition(":")
        secret, _, token = rest.partition(":")
        return cls(access_key, secret, token) if secret and _ACCESS_KEY.fullmatch(access_key) else None


def signed(
    method: str, url: str, headers: dict[str, str], body: bytes, keys: Keys, region: str, service: str, at: dt.datetime
) -> dict[str, str]:
    """`headers` with those that sign the request. Their names are in lower case; `host` is added by who sends."""
    parts = urlsplit(url)
    moment = f"{at:%Y%m%dT%H%M%SZ}"
    given = headers | {"x-amz-date": moment}
    if keys.session_token:
        given["x-amz-security-token"] = keys.session_token
    told = given | {"host": parts.netloc.rpartition("@")[2]}
    names = ";".join(sorted(told))
    canonical = "\n".join(
        [
            method,
            quote(parts.path or "/", safe="/-_.~"),  # encoded a second time, as every service but S3 wants it
            _query(parts.query),
            *(f"{name}:{' '.join(told[name].split())}" for name in sorted(told)),
            "",
            names,
            sha256(body).hexdigest(),
        ]
    )
    scope = f"{at:%Y%m%d}/{region}/{service}/aws4_request"
    to_sign = "\n".join([ALGORITHM, moment, scope, sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{keys.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"Credential={keys.access_key}/{scope}"
    return given | {"authorization": f"{ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"}


def _query(query: str) -> str:
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parse_qsl(query, True))
    return "&".join(f"{name}={value}" for name, value in pairs)
