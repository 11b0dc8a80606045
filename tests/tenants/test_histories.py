"""Histories of people who act on what they saw earlier: after each deed everybody holds what the rules give, no more.

Hypothesis chooses who does what, through the front door; a refusal is an answer, a fault is none. What is done is told
to a model of the rules (`tests.tenants.histories.model`), with which memberships, permissions and keys are compared.
Every history goes on from a state in which there is something of every kind (`tests.tenants.histories.opening`).

As it runs here it is short and the same each time. `HISTORIES=2000 pytest tests/tenants/test_histories.py` makes that
many new histories, each of 60 deeds. Which faults the short one finds, `tests.tenants.planted` shows.
"""

from __future__ import annotations

import os
import time
from random import randrange

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.cast import Cast
from tests.tenants.histories import opening
from tests.tenants.histories.faults import FAULTS, UNLOCKED
from tests.tenants.histories.machine import Histories
from tests.tenants.histories.planting import Fault, planted
from tests.tenants.histories.stage import Stage

LONG = int(os.environ.get("HISTORIES", "0"))
RUNS = 7
SHORT = settings(
    max_examples=9,  # of a run; from the tenth on most are parts of earlier ones put together anew
    stateful_step_count=16,
    phases=[Phase.generate],  # to shorten a history of this size takes longer than to read it
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


@pytest.fixture
def stage(cast: Cast) -> Stage:
    made = Stage(cast)
    opening.play(made)
    return made


def run(stage: Stage, number: int, profile: settings = SHORT) -> None:
    """Make the histories of the run of this number."""
    run_state_machine_as_test(seed(number)(lambda: Histories(stage)), settings=profile)


def looked_for(stage: Stage, fault: Fault, number: int) -> str:
    """In which run and after how long the short histories, begun from `number`, come upon `fault`; "" for not."""
    began = time.monotonic()
    with planted(fault):
        for each in range(RUNS):
            try:
                run(stage, number * RUNS + each)
            except (AssertionError, KeyError):
                return f"run {each + 1}, {time.monotonic() - began:.0f} s"
    return ""


def test_after_any_history_nobody_holds_what_no_rule_gives(stage: Stage) -> None:
    if not LONG:
        for number in range(RUNS):
            run(stage, number)
    for _ in range(0, LONG, SHORT.max_examples):
        run(stage, randrange(2**32), settings(SHORT, stateful_step_count=60))


def test_every_fault_can_be_planted() -> None:
    """Its words are in the product still, so that `tests.tenants.planted` looks for it."""
    for fault in (*FAULTS, *UNLOCKED):
        with planted(fault):
            pass


def test_what_is_planted_is_found(stage: Stage) -> None:
    """Of some faults it is sure here that the histories would find them; of all of them `tests.tenants.planted` is."""
    assert [fault for fault in FAULTS[:3] if not looked_for(stage, fault, 0)] == []
