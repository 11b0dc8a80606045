"""The wish that a call should end, told from anywhere in its event loop and heard wherever the call happens to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Stopped(Exception):
    """Nobody wants the answer any more."""


class Stop:
    """Set once. What waits registers how it can be woken, and asks `check` before it goes on."""

    __slots__ = ("_wake", "is_set")

    def __init__(self) -> None:
        self.is_set = False
        self._wake: Callable[[], object] | None = None  # a call waits in one place at a time

    def set(self) -> None:
        self.is_set = True
        if self._wake is not None:
            self._wake()

    def check(self) -> None:
        """Raises `Stopped` once it is set."""
        if self.is_set:
            raise Stopped

    def wake_by(self, wake: Callable[[], object] | None) -> None:
        self._wake = wake

    async def heard_in[Made](self, future: asyncio.Future[Made]) -> Made:
        """What `future` comes to; set meanwhile, it is cancelled and this ends by `Stopped`."""
        self.wake_by(future.cancel)
        if self.is_set:
            future.cancel()
        try:
            return await future
        except asyncio.CancelledError:
            if self.is_set:
                raise Stopped from None
            raise
        finally:
            self.wake_by(None)

    async def pause(self, seconds: float) -> None:
        """Sleep, and end early by `Stopped`."""
        self.check()
        woken = asyncio.Event()
        self.wake_by(woken.set)
        try:
            async with asyncio.timeout(seconds):
                await woken.wait()
        except TimeoutError:
            pass
        finally:
            self.wake_by(None)
        self.check()
