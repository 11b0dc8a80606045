"""One request to one address: to what was resolved and looked at, no redirect followed, no proxy, an end to all
waiting."""

from __future__ import annotations

import datetime as dt
import http.client
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from urllib.parse import urlsplit

from django.utils import timezone

from notices.webhooks.addresses import resolve

CONNECT_S = 5
ANSWER_S = 10  # from the connection to the end of what is read of the answer
EXCERPT = 500
READ = 2_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or why there is none."""

    duration_ms: int
    status: int | None = None
    excerpt: str = ""
    error: str = ""
    retry_after: dt.timedelta | None = None

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class _Connection(http.client.HTTPConnection):
    """A connection to a given address under the name of the URL; TLS checks the certificate for that name."""

    def __init__(self, host: str, port: int, address: str, tls: ssl.SSLContext | None) -> None:
        super().__init__(host, port, timeout=ANSWER_S)
        self.default_port = 443 if tls else 80  # what the Host header leaves out
        self._address, self._tls = address, tls

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), timeout=CONNECT_S)
        self.sock.settimeout(ANSWER_S)
        if self._tls:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)


def send(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """POST `body`. Never raises for what the other side does: a refusal is an `Answer` too."""
    begun = time.monotonic()
    try:
        status, text, retry_after = _exchange(url, body, headers)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(_ms(begun), error=_why(error))
    return Answer(_ms(begun), status, text, retry_after=retry_after)


def _exchange(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str, dt.timedelta | None]:
    parts = urlsplit(url)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    connection = _Connection(host, port, resolve(host, port), _context() if is_tls else None)
    try:
        connection.connect()
        alarm = threading.Timer(ANSWER_S, _hang_up, [connection.sock])
        alarm.daemon = True
        alarm.start()
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            text = answer.read(READ).decode(errors="replace").replace("\0", "")[:EXCERPT]
            return answer.status, text, _wait(answer.headers.get("Retry-After", ""))
        finally:
            alarm.cancel()
    finally:
        connection.close()


def _hang_up(sock: socket.socket) -> None:
    """End an answer that comes byte by byte: a time-out of the socket begins anew with each."""
    with suppress(OSError):  # it ended by itself
        sock.shutdown(socket.SHUT_RDWR)


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _wait(text: str) -> dt.timedelta | None:
    """What `Retry-After` asks for (RFC 9110 §10.2.3): seconds or a date; None for what is neither."""
    if text.isascii() and text.isdigit() and len(text) < 8:
        return dt.timedelta(seconds=int(text))
    try:
        return parsedate_to_datetime(text) - timezone.now() if text else None
    except (ValueError, TypeError):
        return None


def _why(error: Exception) -> str:
    """What happened, in words that hold nothing of this side."""
    match error:
        case PermissionError():
            return str(error) if not error.errno else "The connection is not permitted."
        case socket.gaierror():
            return "The name cannot be resolved."
        case ssl.SSLCertVerificationError():
            return f"The certificate is not valid: {error.verify_message}"[:200]
        case TimeoutError():
            return "No answer in time."
        case ConnectionRefusedError():
            return "The connection was refused."
    return f"The connection failed: {type(error).__name__}"


def _ms(begun: float) -> int:
    return int((time.monotonic() - begun) * 1000)
