"""What a provider says in an error is told, wherever it says it; of our connection to it nothing is."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from gateway.failures import from_status
from gateway.snapshot import Target

TARGET = Target(uuid4(), "x", "X", "openai", "https://x.test", "", "m")
SAID = [
    {"message": "Too long"}, {"Message": "Too long"}, {"object": "error", "message": "Too long", "param": None},
    {"error": {"message": "Too long"}}, {"error": "Too long"}, {"detail": "Too long"},
    {"error": None, "message": "Too long"},
]  # fmt: skip


@pytest.mark.parametrize("told", SAID)
def test_the_reason_is_told_wherever_it_stands(told: Any) -> None:
    body = json.dumps(told).encode()
    for status in (400, 429, 500):
        assert "“Too long”" in from_status(TARGET, status, {}, body).sentence
    for status in (401, 403):
        assert "Too long" not in from_status(TARGET, status, {}, body).sentence


@pytest.mark.parametrize("told", [{"message": {"detail": []}}, {"message": 5}, {}, [], {"x": "Too long"}])
def test_what_is_no_reason_is_not_told(told: Any) -> None:
    assert "“" not in from_status(TARGET, 400, {}, json.dumps(told).encode()).sentence


def test_the_field_is_told_as_well() -> None:
    told = {"object": "error", "message": "Too long", "param": "messages"}
    assert from_status(TARGET, 422, {}, json.dumps(told).encode()).field == "messages"
