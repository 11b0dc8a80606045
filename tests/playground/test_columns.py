"""Columns and what may be set in them."""

from __future__ import annotations

import pytest
from django.http import QueryDict

from playground.columns import Column, UnacceptableColumns, added, from_api, from_form, next_key, removed
from playground.parameters import BY_NAME, UnacceptableParameter
from playground.variables import filled


@pytest.mark.parametrize(
    ("name", "entered", "sent"),
    [
        ("temperature", "0.7", 0.7),
        ("temperature", " 1,5 ", 1.5),
        ("temperature", "2", 2.0),
        ("top_p", "1", 1.0),
        ("max_tokens", "300", 300),
        ("max_tokens", "300.0", 300),
        ("seed", "-5", -5),
        ("presence_penalty", "-2", -2.0),
        ("stop", "END\n\nSTOP\r\n", ["END", "STOP"]),
        ("stop", "a\\nb", ["a\nb"]),
    ],
)
def test_a_value_is_sent_as_the_provider_wants_it(name: str, entered: str, sent: object) -> None:
    assert BY_NAME[name].read(entered) == sent
    assert type(BY_NAME[name].read(entered)) is type(sent)


@pytest.mark.parametrize(
    ("name", "entered"),
    [
        ("temperature", "NaN"),
        ("temperature", "Infinity"),
        ("temperature", "-0.1"),
        ("temperature", "2.01"),
        ("temperature", "１e999"),
        ("temperature", True),
        ("max_tokens", "0"),
        ("max_tokens", "1e12"),
        ("top_p", "1.1"),
        ("stop", "x" * 101),
    ],
)
def test_a_value_outside_its_bounds_names_itself(name: str, entered: object) -> None:
    with pytest.raises(UnacceptableParameter) as refused:
        BY_NAME[name].read(entered)
    assert refused.value.field == name
    assert BY_NAME[name].label in refused.value.sentence


def test_a_form_keeps_what_was_typed_beside_its_error() -> None:
    [column] = from_form(QueryDict("column=3&c3-route=a&c3-temperature=hot&c3-top_p=0.5"))
    assert column.parameters == {"top_p": 0.5}
    shown = {parameter.name: (value, error) for parameter, value, error in column.fields()}
    assert shown["temperature"] == ("hot", "Temperature is not a number.")
    assert shown["top_p"] == ("0.5", "")


def test_a_form_with_odd_columns_gives_four_good_ones_at_most() -> None:
    text = "&".join(
        f"column={key}&c{key}-route=r{key}" for key in ("1", "1", "x", "-2", "0", "99999999", "2", "3", "4", "5")
    )
    assert [column.key for column in from_form(QueryDict(text))] == [1, 2, 3, 4]


def test_a_copy_stands_beside_its_original_under_a_key_of_its_own() -> None:
    columns = [Column(1, "a", "s", {"seed": 1}), Column(2, "b")]
    copied = added(columns, key=next_key(columns, used=[7]), copy_of=1)
    assert [(c.key, c.route, c.system, c.parameters) for c in copied] == [
        (1, "a", "s", {"seed": 1}),
        (8, "a", "s", {"seed": 1}),
        (2, "b", "", {}),
    ]


def test_there_are_one_to_four_columns() -> None:
    four = [Column(key) for key in range(1, 5)]
    with pytest.raises(UnacceptableColumns):
        added(four, key=5)
    with pytest.raises(UnacceptableColumns):
        removed([Column(1)], 1)
    with pytest.raises(UnacceptableColumns):
        from_api([])
    with pytest.raises(UnacceptableColumns):
        from_api([{"route": "a"}] * 5)


def test_the_api_refuses_a_parameter_it_does_not_know() -> None:
    with pytest.raises(UnacceptableParameter, match="best_of"):
        from_api([{"route": "a", "parameters": {"best_of": 3}}])


def test_what_is_no_variable_stays_as_it_is_written() -> None:
    text = "{{}} {{1a}} {a} {{a b}} {{ünïcode}}"
    assert filled(text, {"": "x", "1a": "x", "a": "x", "a b": "x", "ünïcode": "x"}) == text


def test_a_variable_without_a_value_stays_and_a_value_is_not_searched_again() -> None:
    assert filled("{{a}} {{b}} {{ c }}", {"a": "{{b}}", "c": "x"}) == "{{b}} {{b}} x"
