"""The gateway as a server of its own, without the portal's pages: beside `/v1` and `/metrics` it says how it stands."""

from __future__ import annotations

import orjson

from gateway.application import Gateway
from gateway.runtime import current_snapshot, facts
from gateway.wire import Exchange, Receive, Scope, Send


class GatewayAlone:
    """An ASGI application. `/healthz` answers while the process lives; `/readyz` is 200 once it has a snapshot, also
    while it serves from its last one because the database is away, which it tells."""

    def __init__(self) -> None:
        self._gateway = Gateway()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path == "/healthz":
            await Exchange(scope, receive, send).answer(200, b'{"status":"ok"}')
        elif path == "/readyz":
            is_ready = current_snapshot() is not None
            told = {"status": "ok" if is_ready else "unready", "gateway": facts()}
            await Exchange(scope, receive, send).answer(200 if is_ready else 503, orjson.dumps(told))
        else:
            await self._gateway(scope, receive, send)
