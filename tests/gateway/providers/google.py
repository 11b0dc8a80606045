"""A service account of tests, and a server that exchanges what it signs for access tokens."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@cache
def private_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def key_file(token_uri: str, **more: Any) -> str:
    """As Google's console gives one."""
    pem = private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    told = {
        "type": "service_account", "project_id": "acme", "private_key_id": "k1", "private_key": pem,
        "client_email": "atrium@acme.iam.gserviceaccount.com", "token_uri": token_uri,
    }  # fmt: skip
    return json.dumps(told | more, indent=2)


class TokenServer:
    """Gives `token-1`, `token-2` … for what the account signed; `claims` are those that came."""

    def __init__(self) -> None:
        self.claims: list[dict[str, Any]] = []
        self.status, self.lasts_s = 200, 3600
        told = self

        class Answering(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                """Quiet."""

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
                told.claims.append(verified(form["assertion"][0]))
                said = {"access_token": f"token-{len(told.claims)}", "expires_in": told.lasts_s, "token_type": "Bearer"}
                body = json.dumps(said if told.status == 200 else {"error": "invalid_grant"}).encode()
                self.send_response(told.status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/token"


def verified(assertion: str) -> dict[str, Any]:
    """The claims of a JSON Web Token that the account of these tests has signed."""
    signed, _, signature = assertion.rpartition(".")
    private_key().public_key().verify(_decoded(signature), signed.encode(), PKCS1v15(), SHA256())
    head, claims = (json.loads(_decoded(part)) for part in signed.split("."))
    assert head == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    return dict(claims)


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


@contextmanager
def token_server() -> Iterator[TokenServer]:
    running = TokenServer()
    threading.Thread(target=running.server.serve_forever, daemon=True).start()
    yield running
    running.server.shutdown()
    running.server.server_close()
