"""A call leaves nothing behind that only the collector of cycles would find: it looks seldom, and prompts are large."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import httpx
import pytest

from catalog.models import Route
from gateway.metering import Meter
from tests.gateway.behaviours import answers
from tests.gateway.conftest import eventually
from tests.gateway.provider import Provider, well_behaved
from tests.gateway.routing import also_at, ask, known


@pytest.fixture
def uncollected() -> Iterator[Callable[[], int]]:
    """How many accounts of calls are alive, while nothing is collected."""
    gc.collect()
    gc.disable()
    yield lambda: sum(isinstance(each, Meter) for each in gc.get_objects())
    gc.enable()


@pytest.mark.parametrize("stream", [False, True])
def test_nothing_is_left_of_calls(
    client: httpx.Client, provider: Provider, route: Route, uncollected: Callable[[], int], stream: bool
) -> None:
    with Provider() as other:
        also_at(route, "other", other.url, tier=2)
        known(route, 2)
        for first, second, status in (
            (well_behaved, well_behaved, 200),
            (answers(500, b"{}"), well_behaved, 200),
            (answers(500, b"{}"), answers(400, b"{}"), 400),
            (answers(500, b"{}"), answers(500, b"{}"), 502),
        ):
            provider.behaves(first)
            other.behaves(second, model="other-name")
            assert ask(client, stream=stream).status_code == status
            eventually(lambda: uncollected() == 0)
