"""What a provider says in an error is told, wherever it says it; of our connection to it nothing is."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from gateway.failures import PromptTooLong, ProviderBusy, from_error, from_status
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


@pytest.mark.parametrize(
    "told",
    [
        {"type": "throttlingException", "message": "Too many tokens, please wait before trying again."},
        {"type": "ThrottlingException", "message": "Input is too long for so many calls."},
        {"type": "rate_limit_error", "message": "x"},
        {"code": "rate_limit_exceeded", "type": "tokens", "message": "x"},
        {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "x"},
    ],
)
def test_who_is_asked_too_often_is_busy_whatever_it_says_of_tokens(told: Any) -> None:
    failure = from_error(TARGET, told)
    assert isinstance(failure, ProviderBusy) and failure.status == 429 and failure.may_try_elsewhere
    assert told["message"].rstrip(".") in failure.sentence
    assert not isinstance(from_status(TARGET, 400, {}, json.dumps({"error": told}).encode()), PromptTooLong)


@pytest.mark.parametrize(
    "said",
    ["Input is too long for requested model.", "prompt is too long: 9 tokens", "too many tokens: size limit exceeded"],
)
def test_a_prompt_that_is_too_long_is_told_so(said: str) -> None:
    assert isinstance(from_error(TARGET, {"type": "validationException", "message": said}), PromptTooLong)
