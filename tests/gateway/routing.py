"""A route with several deployments, each at a provider of its own, and what the served gateway knows of them."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from django.db import transaction

from catalog.models import Deployment, ModelVersion, Route, RouteTarget
from catalog.models import Provider as ProviderRow
from gateway import runtime
from gateway.routing import Router
from gateway.snapshot import Target
from tenants.changes import announce
from tests.gateway.behaviours import deployments
from tests.gateway.conftest import HELLO, eventually
from tests.gateway.provider import Behaviour, Exchange, well_behaved

ASKED: dict[str, Any] = {"model": "echo-model", "messages": HELLO}


@transaction.atomic
def also_at(route: Route, slug: str, url: str, *, tier: int = 1, weight: int = 100, **facts: Any) -> Deployment:
    """A further deployment of the route's model, called `<slug>-name` at a provider `slug`."""
    provider = ProviderRow.objects.create(slug=slug, name=slug.title(), base_url=url)
    version = ModelVersion.objects.get(model=route.model)
    made = Deployment.objects.create(version=version, provider=provider, upstream_name=f"{slug}-name", **facts)
    RouteTarget.objects.create(route=route, deployment=made, priority=tier, weight=weight)
    announce("route")
    return made


def known(route: Route, count: int) -> None:
    """Wait until the gateway knows so many deployments of the route."""
    eventually(lambda: deployments(route) == count, within_s=5)


def router() -> Router:
    """That of the served gateway."""
    (held,) = [each for loop, each in runtime._runtimes.items() if loop.is_running()]
    return held.router


def target(route: Route, provider: str) -> Target:
    """A deployment as the gateway knows it."""
    held = runtime.current_snapshot()
    assert held is not None
    return next(each for each in held.routes[route.slug].targets if each.provider == provider)


def breaker(route: Route, provider: str) -> str:
    """How its breaker stands."""
    return router().standing(target(route, provider)).breaker.state


def ask(client: httpx.Client, **asked: Any) -> httpx.Response:
    return client.post("/v1/chat/completions", json=ASKED | asked)


def served_by(answer: httpx.Response) -> str:
    """The provider that answered."""
    return answer.headers.get("x-atrium-deployment", "").partition("/")[0]


def many(client: httpx.Client, count: int, *, at_once: int) -> list[httpx.Response]:
    """So many calls from so many clients."""

    def some(share: int) -> list[httpx.Response]:
        with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=20) as own:
            return [ask(own, stream=bool(number % 2)) for number in range(share)]

    with ThreadPoolExecutor(at_once) as threads:
        return [answer for answers in threads.map(some, [count // at_once] * at_once) for answer in answers]


def counted(answers: Iterable[httpx.Response]) -> Counter[str]:
    return Counter(served_by(answer) for answer in answers)


def slowly(seconds: float) -> Behaviour:
    """Answers well, after a while."""

    async def behaviour(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await well_behaved(exchange)

    return behaviour


def dead_url() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
