"""What bounds an answer bounds it for whoever answers: each name of it is known to every form, and is a count."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.asked import BOUNDS, InvalidRequest
from gateway.forms.chat import CHAT
from gateway.forms.completions import COMPLETIONS
from gateway.forms.form import Form
from gateway.forms.responses import RESPONSES
from tests.gateway.provider import Body

ASKED: list[tuple[Form, Body]] = [
    (CHAT, {"model": "m", "messages": [{"role": "user", "content": "Say something."}]}),
    (COMPLETIONS, {"model": "m", "prompt": "Say something."}),
    (RESPONSES, {"model": "m", "input": "Say something."}),
]
each_form = pytest.mark.parametrize(("form", "asked"), ASKED, ids=[form.name for form, _ in ASKED])


@each_form
@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("bound", [0, -1, 32000.0, "9", True, [9]])
def test_a_bound_that_is_no_count_is_refused(form: Form, asked: Body, name: str, bound: Any) -> None:
    with pytest.raises(InvalidRequest, match=f"“{name}” must be a whole number from 1") as refusal:
        form.read(asked | {name: bound})
    assert refusal.value.field == name


@each_form
def test_every_bound_is_in_what_is_reserved_by(form: Form, asked: Body) -> None:
    given: Body = {"max_tokens": 1, "max_completion_tokens": 2, "n_predict": 100_000}
    neutral = form.read(asked | given).neutral
    assert {name: neutral[name] for name in given} == given
    form.read(asked | dict.fromkeys(BOUNDS))
