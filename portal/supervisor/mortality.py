"""No orphans: a child ends when its parent does, however the parent ended.

On Linux the kernel sends the child a signal when its parent dies (`prctl(PR_SET_PDEATHSIG)`, prctl(2)), also after
`kill -9`. Elsewhere there is no such thing; there the next `atrium up` ends what it finds left (`leftovers`).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def die_with_parent(with_signal: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send this process `with_signal` when the thread that started it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0)


def leash(with_signal: signal.Signals) -> Callable[[], None]:
    """What a new child runs between fork and exec. The library is loaded before: nothing may be after the fork."""
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return tie
