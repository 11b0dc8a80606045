"""A conversation goes on: what it carries, what cannot be sent, who may."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from django.test import AsyncClient
from django.utils import timezone

from playground.models import Answer, Session, Turn
from tests.playground.conftest import HTMX, Stage, Tab, form

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_second_prompt_carries_what_was_said_in_its_own_column(stage: Stage) -> None:
    stage.grant("says-blue", "says-red")
    stage.run(stage.cast.dev, form("says-blue", "says-red", prompt="A colour?"))
    session = Session.objects.get()
    stage.run(stage.cast.dev, form("says-blue", "says-red", prompt="Why?", session=session.pk))
    told = {body["model"]: body["messages"] for body in stage.upstream.bodies[2:]}
    for colour in ("blue", "red"):
        assert told[f"says-{colour}"] == [
            {"role": "user", "content": "A colour?"},
            {"role": "assistant", "content": colour},
            {"role": "user", "content": "Why?"},
        ]
    assert [turn.position for turn in Turn.objects.all()] == [1, 2]


def test_settings_go_to_the_provider_as_numbers_and_variables_are_filled(stage: Stage) -> None:
    stage.grant("says-hi")
    fields = {
        "c1-system": "Answer in {{language}}.",
        "c1-temperature": "0,5",
        "c1-max_tokens": "20",
        "c1-stop": "END\n",
        "var-language": "Latin",
    }
    stage.run(stage.cast.dev, form("says-hi", prompt="Greet in {{language}}, not {{other}}.", **fields))
    [body] = stage.upstream.bodies
    assert (body["temperature"], body["max_tokens"], body["stop"]) == (0.5, 20, ["END"])
    assert body["messages"] == [
        {"role": "system", "content": "Answer in Latin."},
        {"role": "user", "content": "Greet in Latin, not {{other}}."},
    ]
    turn = Turn.objects.get()
    assert (turn.template, turn.variables) == ("Greet in {{language}}, not {{other}}.", {"language": "Latin"})


def test_the_same_model_twice_with_other_settings(stage: Stage) -> None:
    stage.grant("says-hi")
    stage.run(stage.cast.dev, form("says-hi", "says-hi", **{"c1-temperature": "0", "c2-temperature": "1.5"}))
    assert sorted(body["temperature"] for body in stage.upstream.bodies) == [0.0, 1.5]


def test_regenerate_makes_another_attempt_of_one_column_and_keeps_the_first(stage: Stage) -> None:
    stage.grant("says-one", "says-two")
    stage.run(stage.cast.dev, form("says-one", "says-two", prompt="Count"))
    session = Session.objects.get()
    again = form("says-one", "says-two", prompt="ignored", session=session.pk, again="2", known="1")
    answered = stage.run(stage.cast.dev, again)
    assert answered.begun["isPrompt"] is False
    assert Turn.objects.count() == 1
    assert list(Answer.objects.values_list("column", "attempt", "state")) == [
        (1, 1, "done"), (2, 1, "done"), (2, 2, "done"),
    ]  # fmt: skip
    assert stage.upstream.bodies[-1]["messages"] == [{"role": "user", "content": "Count"}]


def test_the_same_press_twice_makes_one_turn(stage: Stage) -> None:
    stage.grant("says-hi")
    once = form("says-hi")
    stage.run(stage.cast.dev, once)
    assert stage.run(stage.cast.dev, once).status == 204
    assert (Turn.objects.count(), Session.objects.count(), len(stage.upstream.bodies)) == (1, 1, 1)


def test_a_session_that_answers_in_another_tab_says_so(stage: Stage) -> None:
    stage.grant("endless-x", "says-hi")

    async def two_tabs(client: AsyncClient) -> tuple[int, str]:
        post = client.post
        first = Tab(client, form("endless-x"))
        await first.press()
        await first.read()
        session = await Session.objects.aget()
        second = await post("/playground/run/", form("says-hi", session=session.pk), headers=HTMX)
        await first.close()
        return second.status_code, second.content.decode()

    status, told = stage.during(stage.cast.dev, two_tabs)
    assert status == 409
    assert "another tab" in told
    assert Turn.objects.count() == 1


def test_a_tab_that_missed_a_turn_gets_it_with_its_own(stage: Stage) -> None:
    stage.grant("says-hi")
    stage.run(stage.cast.dev, form("says-hi", prompt="First"))
    session = Session.objects.get()
    stage.run(stage.cast.dev, form("says-hi", prompt="Second", session=session.pk, known="1"))
    answered = stage.run(stage.cast.dev, form("says-hi", prompt="Third", session=session.pk, known="1"))
    assert "Second" in answered.html and "Third" in answered.html
    assert "First" not in answered.html


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("", "Write a prompt first."),
        (" \n\x00 ", "Write a prompt first."),
        ("x" * 2_000_000, "The prompt has 2,000,000 characters; the playground takes 200,000."),
        ("\N{PARTY POPPER}" * 500_000, "The prompt has 500,000 characters; the playground takes 200,000."),
    ],
    ids=["empty", "nothing but blanks and null bytes", "2 MB", "2 MB of emoji"],
)
def test_a_prompt_that_cannot_be_sent_is_told_in_place(stage: Stage, prompt: str, told: str) -> None:
    stage.grant("says-hi")
    answered = stage.run(stage.cast.dev, form("says-hi", prompt=prompt))
    assert answered.status == 422
    assert 'hx-target="#prompt-error"' in answered.text
    assert told in answered.text
    assert not Session.objects.exists()


def test_null_bytes_emoji_and_right_to_left_text_arrive(stage: Stage) -> None:
    stage.grant("echo-x")
    answered = stage.run(stage.cast.dev, form("echo-x", prompt="a\x00b 👋🏽 שלום\r\nnext"))
    assert stage.upstream.bodies[0]["messages"][0]["content"] == "ab 👋🏽 שלום\nnext"
    assert Answer.objects.get().text == "ab 👋🏽 שלום\nnext"
    assert "👋🏽 שלום" in answered.html


def test_html_and_script_of_an_answer_are_inert(stage: Stage) -> None:
    stage.grant("strange-x")
    answered = stage.run(stage.cast.dev, form("strange-x", prompt="<img src=x onerror=alert(2)></textarea>"))
    assert "<script" not in answered.html
    assert "<img" not in answered.html
    assert "&lt;script&gt;" in answered.html
    assert 'href="javascript' not in answered.html
    assert "<strong>bold</strong>" in answered.html


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"c1-temperature": "hot"}, "Column 1: Temperature is not a number."),
        ({"c1-temperature": "3"}, "Column 1: Temperature must lie between 0 and 2."),
        ({"c1-max_tokens": "1.5"}, "Column 1: Longest answer must be a whole number."),
        ({"c1-stop": "a\nb\nc\nd\ne"}, "Column 1: Stop at takes at most 4 texts, one a line."),
        ({"c1-route": ""}, "Choose a model for column 1."),
    ],
)
def test_settings_that_cannot_be_sent_are_told_at_their_column(stage: Stage, fields: dict[str, str], told: str) -> None:
    stage.grant("says-hi")
    answered = stage.run(stage.cast.dev, {**form("says-hi"), **fields})
    assert answered.status == 422
    assert 'hx-target="#column-error-1"' in answered.text
    assert told in answered.text


def test_a_viewer_cannot_run_and_a_stranger_learns_nothing(stage: Stage) -> None:
    stage.grant("says-hi")
    assert stage.run(stage.cast.vera, form("says-hi")).status == 403
    assert stage.run(stage.cast.greta, form("says-hi")).status == 404
    stage.run(stage.cast.dev, form("says-hi"))
    session = Session.objects.get()
    assert stage.run(stage.cast.olivia, form("says-hi", session=session.pk)).status == 404
    assert Turn.objects.count() == 1


def test_an_ended_session_is_told_with_401_so_that_one_signs_in_in_place(stage: Stage) -> None:
    async def press() -> int:
        response = await AsyncClient().post("/playground/run/", form("says-hi"), headers=HTMX)
        return int(response.status_code)

    assert asyncio.run(press()) == 401


def test_an_answer_whose_writer_died_is_shown_as_interrupted(stage: Stage) -> None:
    stage.grant("says-hi")
    stage.run(stage.cast.dev, form("says-hi"))
    long_ago = timezone.now() - timezone.timedelta(minutes=5)
    Answer.objects.update(state="running", text="Half an ans", saved_at=long_ago)
    session = Session.objects.get()

    async def load(client: AsyncClient) -> str:
        response = await client.get(f"/playground/{session.pk}/")
        return str(response.content.decode())

    page = stage.during(stage.cast.dev, load)
    assert "Interrupted" in page
    assert "Half an ans" in page
    assert "Answering" not in page
    again = form("says-hi", session=session.pk, again="1", known="1", token=str(uuid4()))
    assert stage.run(stage.cast.dev, again).status == 200
