"""What the ledger does not take as it is: kept without a cost, or put aside, told, and tried again; never lost."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from pytest_django import Settings

from audit.identifiers import uuid7
from gateway.delivery import adopt_orphans, deliver, retry_refused
from gateway.refused import REFUSED, count
from portal import status
from portal.command import main
from tenants.changes import announce
from tests.cast import Cast
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.journal_of_rows import JournalOfRows
from tests.gateway.provider import Provider, usage
from tests.gateway.serving import Served
from tests.gateway.test_misbehaviour import answers
from tests.usage.test_ledger import assert_totals_are_the_sums_of_the_calls, record
from usage.calls import LARGEST_COUNT
from usage.models import Call, Price, Rollup

DEAREST = Decimal("9999999999.999999")  # what the columns of prices hold


def row(cast: Cast, **changes: Any) -> dict[str, Any]:
    return record(cast, id=uuid7(), **changes).row()


def of_nobody(cast: Cast) -> dict[str, Any]:
    return row(cast) | {"tenant_id": str(uuid7())}


def aside(root: Path) -> list[str]:
    return [orjson.loads(line)["row"]["id"] for line in (root / REFUSED).read_bytes().splitlines()]


def test_the_dearest_call_that_can_be_told_is_in_the_ledger_with_its_cost(
    client: httpx.Client, provider: Provider
) -> None:
    Price.objects.update(input_per_million=DEAREST, output_per_million=DEAREST)
    announce("price")
    told = {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}
    content = orjson.dumps(told | {"usage": usage(LARGEST_COUNT, LARGEST_COUNT)})
    provider.behaves(answers(200, content))
    asked = {"model": "echo-model", "messages": HELLO}
    dearest = DEAREST * LARGEST_COUNT * 2 / 1_000_000

    def costs() -> bool:
        answer = client.post("/v1/chat/completions", json=asked)
        return Decimal(answer.headers["x-atrium-cost"]) == dearest

    eventually(costs)
    calls = kept(len(provider.exchanges))
    assert calls.last().cost == dearest  # type: ignore[union-attr]
    assert sum(total.cost for total in Rollup.objects.all()) == sum(call.cost or 0 for call in calls)


def test_a_cost_that_no_column_holds_leaves_the_call_without_one(cast: Cast, tmp_path: Path) -> None:
    good, dear = row(cast), row(cast) | {"cost": "1" + "0" * 40}
    deliver([good, dear], tmp_path)
    assert Call.objects.get(pk=dear["id"]).cost is None and Call.objects.get(pk=good["id"]).cost is not None
    assert sum(total.unpriced for total in Rollup.objects.all()) == 1
    assert_totals_are_the_sums_of_the_calls()
    assert count(tmp_path) == 0


def test_a_call_is_put_aside_once_however_often_its_journal_is_read(cast: Cast, tmp_path: Path) -> None:
    bad, other = of_nobody(cast), of_nobody(cast)
    deliver([bad], tmp_path)
    journal = JournalOfRows(tmp_path)
    for each in (bad, other):
        journal.open_row(each)
        journal.close_row(each)
    journal.release()
    adopt_orphans(tmp_path)
    assert aside(tmp_path) == [bad["id"], other["id"]] and count(tmp_path) == 2


def test_what_was_put_aside_is_taken_once_it_can_be(cast: Cast, tmp_path: Path) -> None:
    still_bad, mended = of_nobody(cast), row(cast)
    for each in (still_bad, mended | {"tenant_id": str(uuid7())}):
        deliver([each], tmp_path)
    lines = (tmp_path / REFUSED).read_bytes().splitlines()
    last = orjson.loads(lines[1]) | {"row": mended}  # the tenant is known again
    (tmp_path / REFUSED).write_bytes(lines[0] + b"\n" + orjson.dumps(last) + b"\n" + b'{"torn')
    assert retry_refused(tmp_path) == (1, 1)
    assert str(Call.objects.get().pk) == mended["id"]
    assert aside(tmp_path) == [still_bad["id"]]
    assert retry_refused(tmp_path) == (0, 1)
    (tmp_path / REFUSED).unlink()
    assert retry_refused(tmp_path) == (0, 0)


def test_a_start_tries_again_what_was_put_aside(
    settings: Settings, tmp_path: Path, transactional_db: None, team: Cast
) -> None:
    settings.JOURNAL_FOLDER = tmp_path / "journal"
    settings.JOURNAL_FOLDER.mkdir()
    mended = row(team)
    (settings.JOURNAL_FOLDER / REFUSED).write_bytes(orjson.dumps({"at": 1, "reason": "x", "row": mended}) + b"\n")
    with Served():
        kept()
        eventually(lambda: count(settings.JOURNAL_FOLDER) == 0)


def test_calls_put_aside_are_told_by_the_doctor_and_measured(
    client: httpx.Client, team: Cast, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    def found() -> status.Finding:
        return next(one for one in status.findings() if one.name == "ledger")

    assert found().state == status.State.GOOD
    assert "atrium_calls_refused_by_ledger 0.0" in client.get("/metrics").text
    deliver([of_nobody(team), of_nobody(team)], settings.JOURNAL_FOLDER)
    assert found().state == status.State.WARNING and found().words.startswith("2 calls are not in the ledger")
    assert "atrium ledger retry-refused" in found().mend
    assert "atrium_calls_refused_by_ledger 2.0" in client.get("/metrics").text
    assert main(["ledger", "retry-refused"]) == 1
    assert capsys.readouterr().out == "0 calls are in the ledger now; it still refuses 2.\n"
