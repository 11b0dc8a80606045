"""A provider, the gateway served in front of it, and a key of an environment that may use the route `echo-model`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from django.db.models import QuerySet
from pytest_django import Settings

from access.models import Grant
from audit.record import SYSTEM
from catalog.models import Route
from tenants.changes import announce
from tenants.keys import issue
from tenants.models import Environment
from tests import cast as make
from tests.cast import Cast
from tests.gateway.killable import Killable
from tests.gateway.provider import Provider
from tests.gateway.serving import Served
from tests.recast import recast
from usage.models import Call

HELLO = [{"role": "user", "content": "Say something."}]


@pytest.fixture
def team(transactional_db: None) -> Cast:
    """The cast, committed: the gateway sees only what others can see."""
    return recast()


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
def route(team: Cast, provider: Provider) -> Route:
    """`echo-model`, granted to Acme's development environment."""
    made = make.route("echo-model", base_url=provider.url)
    allow(team.environment(), made)
    return made


@pytest.fixture
def key(team: Cast) -> str:
    """The secret of a key of that environment."""
    return issue(environment=team.environment(), name="Laptop", by=team.dev).secret


@pytest.fixture
def front(route: Route, key: str, tmp_path: Path, settings: Settings) -> Iterator[Served]:
    """The portal, served."""
    settings.JOURNAL_FOLDER = tmp_path / "journal"
    with Served() as served:
        yield served


@pytest.fixture
def client(front: Served, key: str) -> Iterator[httpx.Client]:
    """A client that sends the key."""
    with httpx.Client(base_url=front.url, headers={"authorization": f"Bearer {key}"}, timeout=20) as made:
        yield made


@pytest.fixture
def killable(team: Cast, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Killable]:
    """Servers to be killed; a parameter is their durability."""
    made = Killable(tmp_path / "data", GATEWAY_DURABILITY=getattr(request, "param", "process"))
    yield made
    made.stop()


@pytest.fixture
def front_with(route: Route, tmp_path: Path, settings: Settings) -> Callable[..., Any]:
    """`front_with(key)`: the portal served, with all that was set so far in force, and a client that sends the key.

    `front_with(other, client)`: another client of the same server.
    """
    settings.JOURNAL_FOLDER = tmp_path / "journal"

    @contextmanager
    def served(key: str, beside: httpx.Client | None = None) -> Iterator[httpx.Client]:
        headers = {"authorization": f"Bearer {key}"}
        if beside is not None:
            with httpx.Client(base_url=beside.base_url, headers=headers, timeout=20) as made:
                yield made
            return
        with Served() as front, httpx.Client(base_url=front.url, headers=headers, timeout=20) as made:
            yield made

    return served


@pytest.fixture
def sdk(front: Served, key: str) -> Iterator[openai.OpenAI]:
    """The unmodified OpenAI client."""
    with openai.OpenAI(base_url=f"{front.url}/v1", api_key=key, max_retries=0) as made:
        yield made


def allow(environment: Environment, route: Route, **more: Any) -> Grant:
    grant = Grant.objects.create(tenant=environment.tenant, environment=environment, route=route, **more)
    announce("grant")
    return grant


def publish(slug: str, provider: Provider) -> Route:
    """A further route at `provider`, told to the gateway."""
    made = make.route(slug, base_url=provider.url)
    announce("route")
    return made


def eventually(happened: Callable[[], Any], within_s: float = 2.0) -> Any:
    """What `happened` returns as soon as it is true; fails after `within_s`."""
    until = time.monotonic() + within_s
    while not (found := happened()):
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)
    return found


def kept(count: int = 1, within_s: float = 2.0) -> QuerySet[Call]:
    """The calls in the ledger once there are `count` of them."""
    eventually(lambda: Call.objects.count() >= count, within_s)
    assert Call.objects.count() == count
    return Call.objects.order_by("id")


__all__ = ["HELLO", "SYSTEM", "allow", "eventually", "kept", "publish"]
