"""What an answer under way is to the relay: one over a connection (`gateway.upstream`), or one that is made in this
process (the loopback)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gateway.stop import Stop


class Answering(Protocol):
    """Its head is here; its body is read in pieces. Whoever opened it ends it by `Upstream.done`."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def is_read(self) -> bool:
        """Whether there is nothing more of it to be read, as far as that is known already."""
        ...

    async def read(self, timeout_s: float, stop: Stop) -> bytes:
        """What has come since the last time, waiting for something; empty at its end. Raises as `Upstream.post`."""

    def abort(self) -> None:
        """Nobody reads on."""
