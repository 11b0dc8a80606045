"""A response that one process stored is there for the others at once, and when that process was killed."""

from __future__ import annotations

import signal

import httpx
import pytest

from catalog.models import Route
from tests.cast import Cast
from tests.gateway.conftest import eventually, killable
from tests.gateway.killable import Killable
from tests.gateway.provider import Provider
from usage.bodies.keeping import Keeping
from usage.bodies.setting import set_retention
from usage.limits.places import of_environment

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["killable"]
ASK = {"model": "echo-model", "input": "Call it Nightingale."}


@pytest.fixture
def headers(team: Cast, route: Route, key: str) -> dict[str, str]:
    """What clients of an environment send that keeps what is asked and answered."""
    set_retention(place=of_environment(team.environment()), keeping=Keeping(prompts=True, answers=True), by=team.olivia)
    return {"authorization": f"Bearer {key}"}


def test_another_process_goes_on_at_once(killable: Killable, headers: dict[str, str], provider: Provider) -> None:
    (_, one), (_, other) = killable.start(), killable.start()
    with (
        httpx.Client(base_url=f"{one}/v1", headers=headers, timeout=30) as here,
        httpx.Client(base_url=f"{other}/v1", headers=headers, timeout=30) as there,
    ):
        told = here.post("/responses", json=ASK).json()
        for turn in range(1, 6):
            assert told["store"] is True
            assert there.get(f"/responses/{told['id']}").json() == told
            told = there.post("/responses", json=ASK | {"previous_response_id": told["id"]}).json()
            assert len(provider.exchanges[-1].body["messages"]) == 2 * turn + 1, told
            here, there = there, here


def test_what_was_told_to_be_stored_outlives_its_process(killable: Killable, headers: dict[str, str]) -> None:
    process, url = killable.start()
    told = httpx.post(f"{url}/v1/responses", json=ASK, headers=headers, timeout=30).json()
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert told["store"] is True
    _, url = killable.start()

    def found() -> bool:
        return httpx.get(f"{url}/v1/responses/{told['id']}", headers=headers, timeout=30).status_code == 200

    eventually(found, 60)
    assert httpx.get(f"{url}/v1/responses/{told['id']}", headers=headers, timeout=30).json() == told
