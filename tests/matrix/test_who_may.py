"""Who may what: every address of the product as everybody, against the table in `who_may.txt`.

A line is an address, the method and the status for each of the people. Verbs are sent an empty body: 422 means that
the person may and the body was wanting, 403 and 404 that they may not. Nothing that is done stays.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client

from tests.cast import Cast
from tests.matrix.addresses import Address, live
from tests.matrix.stage import Stage

TABLE = Path(__file__).parent / "who_may.txt"
PEOPLE = ("nobody", "ned", "vera", "dev", "olivia", "greta", "rita", "fin", "ada", "pat")
# Not asked here: what streams, reaches out to a provider, or answers for every path.
ELSEWHERE = {"playground:run", "playground-session-runs", "playground-session-again", "api-missing", "api-schema"}
ELSEWHERE |= {"provider-test", "provider-models", "catalog:test-provider"}


def told() -> dict[str, tuple[str, list[str]]]:
    """The table: by name the method and the statuses in the order of `PEOPLE`."""
    rows = [line.split() for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    return {name: (method, statuses) for name, method, *statuses in rows}


def asked() -> list[Address]:
    return [address for address in live() if address.name not in ELSEWHERE]


def test_the_table_names_every_address_and_no_other() -> None:
    assert sorted(told()) == sorted({address.name for address in asked()})


@pytest.mark.django_db
@pytest.mark.parametrize("person", PEOPLE)
def test_everybody_may_what_the_table_says(cast: Cast, person: str) -> None:
    stage, table = Stage.set_up(cast), told()
    client = Client(raise_request_exception=False)
    if person != "nobody":
        client.force_login(getattr(cast, person))
    place = PEOPLE.index(person)
    wrong = []
    for address in asked():
        method, statuses = table.get(address.name, ("GET", ["?"] * len(PEOPLE)))
        seen = str(_status(client, method, stage.path_of(address)))
        if seen != statuses[place]:
            wrong.append(
                f"{method} {stage.path_of(address)} ({address.name}): {seen}, the table says {statuses[place]}"
            )
    assert not wrong, "\n".join(wrong)


def _status(client: Client, method: str, path: str) -> int:
    with transaction.atomic():
        answer = client.get(path) if method == "GET" else client.post(path, {}, "application/json")
        if answer.streaming:
            list(answer.streaming_content)  # type: ignore[attr-defined]
        transaction.set_rollback(True)
    return answer.status_code
