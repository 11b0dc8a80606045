"""Which faults of the product the short histories find: each is planted and looked for, from three beginnings.

Run by whoever changes the histories, as it takes half an hour; the suite looks for a few of them
(`tests.tenants.test_histories`):

    .venv/bin/python -m pytest -n 0 tests/tenants/planted.py

`SEEDS=1` looks once for each, `FAULTS=project` for those with this word. Pairs of deeds are tried both ways.
"""

from __future__ import annotations

import os

import pytest

from tests.cast import Cast
from tests.tenants.histories.faults import FAULTS, UNLOCKED
from tests.tenants.histories.planting import planted
from tests.tenants.histories.stage import Stage
from tests.tenants.team import Kept
from tests.tenants.test_histories import looked_for
from tests.tenants.test_histories import stage as stage  # a fixture
from tests.tenants.test_two_deeds_at_once import house as house  # a fixture
from tests.tenants.test_two_deeds_at_once import pairs, wrong_ones

SEEDS = int(os.environ.get("SEEDS", "3"))


def test_the_histories_find_what_is_planted(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    missed = []
    for fault in [fault for fault in FAULTS if os.environ.get("FAULTS", "") in fault.sentence]:
        found = [looked_for(stage, fault, number) for number in range(SEEDS)]
        with capsys.disabled():
            print(f"{sum(map(bool, found))} of {SEEDS}: {fault} ({', '.join(told or 'no' for told in found)})")
        missed += [] if all(found) else [fault.sentence]
    assert missed == []


def test_two_deeds_at_once_find_what_does_not_wait(house: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    kept, missed = Kept(house), []
    both_ways = [names[::way] for way in (1, -1) for names in pairs(kept)]
    for fault in [fault for fault in UNLOCKED if os.environ.get("FAULTS", "") in fault.sentence]:
        with planted(fault):
            found = next((wrong for wrong, _ in wrong_ones(kept, both_ways) if wrong), "")
        with capsys.disabled():
            print(f"{fault}: {found[:150] or 'no'}")
        missed += [] if found else [fault.sentence]
    assert missed == []
