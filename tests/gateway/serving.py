"""The portal's own ASGI application served by Granian in a thread of the test, on a real socket."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Self

from granian.server.embed import Server

from portal.asgi import application


class Served:
    """A context manager; `url` is the base address."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.02)
        raise TimeoutError("the server did not start")

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(15)
        assert not self._thread.is_alive(), "the server did not stop"

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self._server = Server(application, address="127.0.0.1", port=self.port, interface="asgi", log_enabled=False)
        self.loop.run_until_complete(self._server.serve())
        self.loop.close()
