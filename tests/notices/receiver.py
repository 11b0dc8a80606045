"""A program of a tenant that takes events: a real HTTP server on 127.0.0.1, and its own check of signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Got:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return dict(json.loads(self.raw))


def is_signed(got: Got, secret: str) -> bool:
    """As https://www.standardwebhooks.com tells receivers to check, in a few lines of their own."""
    key = base64.b64decode(secret.split("_", 1)[1])
    text = got.headers["webhook-id"] + "." + got.headers["webhook-timestamp"] + "." + got.raw.decode()
    wanted = base64.b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).decode()
    fresh = abs(time.time() - int(got.headers["webhook-timestamp"])) < 300
    return fresh and any(
        one.split(",")[0] == "v1" and one.split(",")[1] == wanted for one in got.headers["webhook-signature"].split()
    )


@dataclass
class Receiver:
    """Runs in a thread of its own, as a context manager. `answers`: statuses in turn, the last one for ever."""

    answers: list[int] = field(default_factory=lambda: [200])
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b"thanks"
    before: Callable[[], None] = lambda: None
    got: list[Got] = field(default_factory=list)

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(Got(self.path, {k.lower(): v for k, v in self.headers.items()}, raw))
                receiver.before()
                status = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(receiver.answer)))
                self.end_headers()
                self.wfile.write(receiver.answer)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"
