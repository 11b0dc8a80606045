"""Begin to end calls when the server's process is told to stop, not when the server has stopped.

A server waits for its open answers before it tells the application of its end, and is killed when they take too long:
whoever reads a long stream would be cut off without a word. So the signal itself is heard, beside the server.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType


def when_told_to_stop(begin_to_end: Callable[[], object]) -> None:
    """Call `begin_to_end` in the running loop on SIGINT and SIGTERM, besides what the server does on them.

    The loop takes signals from a descriptor that the interpreter writes to, so the function that is replaced here is
    not the server's, which still runs (asyncio, `loop.add_signal_handler`). Where the process has no such server, or
    the loop is not the main thread's, there is nothing to hear.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)
        if callable(before) and before is not signal.default_int_handler:
            signal.signal(number, _both(before, loop, begin_to_end))


def _both(
    before: Callable[[int, FrameType | None], object],
    loop: asyncio.AbstractEventLoop,
    begin_to_end: Callable[[], object],
) -> Callable[[int, FrameType | None], None]:
    def heard(number: int, frame: FrameType | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(begin_to_end)
        before(number, frame)

    return heard
