"""A client that closes the connection while it is answered: its call is broken off."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.wire import Exchange

LISTEN_AFTER_S = 0.02


class Leaving:
    """Cancels the task that it is made in when the client closes the connection.

    It is listened for once a stream begins, and of a whole answer from a moment later on: what is answered by then has
    nobody to wait for, and to listen takes the server another task in another thread.
    """

    __slots__ = ("_coming", "_exchange", "_has_left", "_task", "_timer")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange, self._task = exchange, asyncio.current_task()
        self._has_left = False
        self._coming: asyncio.Future[dict[str, Any]] | None = None
        self._timer = asyncio.get_running_loop().call_later(LISTEN_AFTER_S, self.listen)

    def is_heeded(self) -> bool:
        """Whether that is why the task was cancelled, which then counts as done."""
        if self._has_left and self._task is not None:
            self._task.uncancel()
        return self._has_left

    def forget(self) -> None:
        """The call has ended."""
        self._timer.cancel()
        if self._coming is not None:
            self._coming.cancel()

    def listen(self) -> None:
        """From now on, if that is not done already."""
        if self._coming is None:
            self._timer.cancel()
            self._listen()

    def _listen(self) -> None:
        self._coming = asyncio.ensure_future(self._exchange.receive())
        self._coming.add_done_callback(self._hears)

    def _hears(self, coming: asyncio.Future[dict[str, Any]]) -> None:
        if coming.cancelled():
            return
        if coming.exception() is None and coming.result()["type"] != "http.disconnect":
            self._listen()
        elif self._task is not None:
            self._has_left = True
            self._task.cancel()
