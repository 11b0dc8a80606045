"""The portal's ASGI application in processes of their own, to be killed: `python -m tests.gateway.serve_alone`.

To load the portal takes a core three seconds, so this process loads it once and serves nothing itself: for each
port that it reads, a line each, it forks a server and answers with its number. What a server opens (its journal, its
connections, its threads) it opens once it serves. The database and the journal are told by the environment, as for the
real server.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys

from django.urls import reverse
from granian.server.embed import Server

from portal.asgi import application


async def _serve(port: int) -> None:
    await Server(application, address="127.0.0.1", port=port, interface="asgi", log_enabled=False).serve()


def _forked(port: int) -> int:
    """The process of a server at `port`."""
    if pid := os.fork():
        return pid
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        os.close(sys.stdin.fileno())
        asyncio.run(_serve(port))
    finally:
        os._exit(0)


def main() -> None:
    reverse("home")  # loads the pages
    gc.freeze()  # what is loaded stays, and is shared by all servers
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for their ends
    for line in sys.stdin:
        print(_forked(int(line)), flush=True)


if __name__ == "__main__":
    main()
