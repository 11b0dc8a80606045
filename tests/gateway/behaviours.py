"""How providers behave in these tests, and the hurry in which they are waited for."""

from __future__ import annotations

import asyncio
from typing import Any

from django.db import transaction

from catalog.models import Deployment, ModelVersion, Route, RouteTarget
from catalog.models import Provider as ProviderRow
from tenants.changes import announce
from tenants.credentials import encrypt
from tests.gateway.provider import Behaviour, Exchange, Provider


def answers(status: int, content: bytes, kind: str = "application/json", extra: str = "") -> Behaviour:
    async def behaviour(exchange: Exchange) -> None:
        await exchange.whole(status, content, kind, extra)

    return behaviour


def streams(*events: Any, ends: bool = True, then: str = "") -> Behaviour:
    """A stream of events; `then` may be `break` (the connection) or `silence`."""

    async def behaviour(exchange: Exchange) -> None:
        await exchange.head(kind="text/event-stream")
        for event in events:
            await exchange.event(event)
        if then == "break":
            exchange.writer.transport.abort()
        elif then == "silence":
            await asyncio.sleep(30)
        elif ends:
            await exchange.end()

    return behaviour


def drips(piece: bytes, *, kind: str = "text/event-stream", first: bytes = b"", status: int = 200) -> Behaviour:
    """`piece` again and again, for ever."""

    async def behaviour(exchange: Exchange) -> None:
        await exchange.head(status, kind)
        if first:
            await exchange.piece(first)
        while True:
            await exchange.piece(piece)
            await asyncio.sleep(0.05)

    return behaviour


@transaction.atomic
def second_target(route: Route, provider: Provider, *, first_url: str) -> None:
    """The route is served by a provider at `first_url` first, by `provider` after that."""
    ProviderRow.objects.filter(slug="echo").update(base_url=first_url)
    other = ProviderRow.objects.create(
        slug="other", name="Other", base_url=provider.url, credential=encrypt("sk-other")
    )
    version = ModelVersion.objects.get(model=route.model)
    deployment = Deployment.objects.create(version=version, provider=other, upstream_name="other-name")
    RouteTarget.objects.create(route=route, deployment=deployment, priority=2)
    announce("route")


def hurry(**timeouts: float) -> None:
    """Shorten what the served gateway waits for."""
    from gateway import runtime

    for held in runtime._runtimes.values():
        held.upstream.timeouts = held.upstream.timeouts._replace(**timeouts)


def deployments(route: Route) -> int:
    from gateway import runtime

    held = runtime.current_snapshot()
    return len(held.routes[route.slug].targets) if held else 0


async def keeps_silent(exchange: Exchange) -> None:
    await asyncio.sleep(30)


async def breaks_off(exchange: Exchange) -> None:
    exchange.writer.transport.abort()
