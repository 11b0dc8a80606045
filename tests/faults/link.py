"""A wire to the tests' Postgres that can be cut: a port on 127.0.0.1 behind which the real server is, or nothing.

What is served over it meets a database that is stopped (`cut`), one that takes connections and says nothing (`hang`)
and one that is started again (`mend`), while the tests keep theirs.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import parse_qs, quote, urlsplit

PIECE = 64 * 1024


class Link:
    """A context manager; `url(database)` is an address for `DATABASE_URL`."""

    def __init__(self) -> None:
        target = urlsplit(os.environ["DATABASE_URL"])
        self._login = target.netloc.rpartition("@")[0] or "postgres"
        self._options = parse_qs(target.query).get("options", [""])[0]
        self._folder = parse_qs(target.query).get("host", [""])[0]
        self._host, self._server_port = target.hostname or "", target.port or 5432
        self._listening: socket.socket | None = None
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._is_silent = False
        self._over = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]

    def url(self, database: str) -> str:
        return f"postgresql://{self._login}@127.0.0.1:{self.port}/{quote(database)}?options={quote(self._options)}"

    def __enter__(self) -> Self:
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.cut()

    def cut(self) -> None:
        """The server is stopped: every connection ends and no new one is taken."""
        if self._listening is not None:
            with suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def hang(self) -> None:
        """The server is there and answers nobody any more."""
        self._is_silent = True

    def mend(self) -> None:
        """The server is there. What was said into the silence is lost with its connection."""
        was_silent, self._is_silent = self._is_silent, False
        if was_silent:
            self.cut()
        if self._listening is None:
            self._listening = socket.create_server(("127.0.0.1", self.port))
            threading.Thread(target=self._take, args=(self._listening,), daemon=True).start()

    def _take(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while not self._over.is_set():
                near, _ = listening.accept()
                if not self._is_silent:
                    far = self._reach()
                else:
                    far, _ = socket.socketpair()
                self._pairs.append((near, far))
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _reach(self) -> socket.socket:
        if not self._folder:
            return socket.create_connection((self._host, self._server_port))
        far = socket.socket(socket.AF_UNIX)
        far.connect(f"{self._folder}/.s.PGSQL.{self._server_port}")
        return far

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE):
                if self._is_silent:
                    continue
                sink.sendall(piece)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
