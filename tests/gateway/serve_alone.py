"""The portal's ASGI application in a process of its own, to be killed: `python -m tests.gateway.serve_alone PORT`.

The database and the journal are told by the environment, as for the real server.
"""

from __future__ import annotations

import asyncio
import sys

from granian.server.embed import Server

from portal.asgi import application


async def main(port: int) -> None:
    await Server(application, address="127.0.0.1", port=port, interface="asgi", log_enabled=False).serve()


asyncio.run(main(int(sys.argv[1])))
