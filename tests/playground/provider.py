"""A provider for the playground's tests: a local HTTP server that answers as the model's name says.

`says-…` answers with the words of the name; `slow-…` with a pause before each word; `breaks-…` drops the connection
after two words; `endless-…` never stops; `echo-…` repeats the last message; `strange-…` answers with HTML and script;
`cut-…` stops at the limit.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STRANGE = (
    "<script>document.title='taken'</script> <img src=x onerror=alert(1)> [x](javascript:alert(1)) שלום 👋 **bold**"
)


@dataclass
class Provider:
    """Where it listens, what it was asked, and how many callers went away before the end."""

    base_url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    abandoned: int = 0
    pause_s: float = 0.05

    def words(self, body: dict[str, Any]) -> list[str]:
        model, last = body["model"], body["messages"][-1]["content"]
        if model.startswith("echo"):
            return [last]
        if model.startswith("strange"):
            return STRANGE.split(" ")
        if model.startswith("endless"):
            return ["on"] * 100_000
        return model.split("-")[1:]


@contextmanager
def provider() -> Iterator[Provider]:
    """The provider, until the block is left."""
    state = Provider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.bodies.append(body)
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            try:
                self._answer(body)
            except OSError:
                state.abandoned += 1
            self.close_connection = True

        def _answer(self, body: dict[str, Any]) -> None:
            words = state.words(body)
            for number, word in enumerate(words):
                if body["model"].startswith(("slow", "endless")):
                    time.sleep(state.pause_s)
                if body["model"].startswith("breaks") and number == 2:
                    self.connection.close()
                    return
                self._send({"delta": {"content": word if number == 0 else f" {word}"}})
            self._send({"delta": {}, "finish_reason": "length" if body["model"].startswith("cut") else "stop"})
            usage = {"prompt_tokens": 11, "completion_tokens": len(words), "total_tokens": 11 + len(words)}
            self._write({"choices": [], "usage": usage})
            self.wfile.write(b"data: [DONE]\n\n")

        def _send(self, choice: dict[str, Any]) -> None:
            self._write({"choices": [{"index": 0, **choice}]})

        def _write(self, chunk: dict[str, Any]) -> None:
            document = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", **chunk}
            self.wfile.write(f"data: {json.dumps(document)}\n\n".encode())
            self.wfile.flush()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
