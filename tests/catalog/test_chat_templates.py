"""A chat template of somebody's own is bounded: whatever it does, it ends soon, with a reason, and reaches nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest

from catalog.prompting.known_templates import KNOWN
from catalog.prompting.sandbox import NotRendered, TemplateRefused, compiled, ours, rendered

GIVEN: dict[str, Any] = {
    "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}],
    "big": "x" * 1_000_000,
    "add_generation_prompt": True,
    "bos_token": "<s>",
    "eos_token": "</s>",
}
DOUBLED = (
    "{{% set ns = namespace(s={first}) %}}{{% for i in range(100) %}}{{% set ns.s = {next} %}}{{% endfor %}}"
    "{{{{ ns.s }}}}"
)

ENDLESS = {
    "a loop": "{% for i in range(10**12) %}x{% endfor %}",
    "loops in loops": "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
    "a loop that writes nothing": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "a macro that calls itself": "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
    "a macro that calls itself twice": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}"
    "{{ f(60) }}",
    "a filter in a filter": "{{ range(99999) | map('list') | map('join') | list | length }}",
}
HUGE = {
    "a text times a number": "{{ 'x' * 10000000 }}",
    "a list times a number": "{{ [big] * 100 }}",
    "a power": "{{ 10 ** 10 ** 10 }}",
    "a number squared": DOUBLED.format(first="3", next="ns.s * ns.s"),
    "a text doubled": DOUBLED.format(first="'xx'", next="ns.s ~ ns.s"),
    "a text added": DOUBLED.format(first="'xx'", next="ns.s + ns.s"),
    "lists in lists": DOUBLED.format(first="[1]", next="[ns.s, ns.s]"),
    "tuples in tuples": DOUBLED.format(first="()", next="(ns.s, ns.s)"),
    "objects in objects": DOUBLED.format(first="{}", next="{'a': ns.s, 'b': ns.s}"),
    "objects that are made": DOUBLED.format(first="1", next="dict(a=ns.s, b=ns.s)"),
    "a namespace in itself": "{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns.a }}",
    "an old format": "{{ '%1000000000d' % 1 }}",
    "a format": "{{ '{:1000000000}'.format(1) }}",
    "a wide text": "{{ 'x'.center(1000000000) }}",
    "a text replaced": "{{ big.replace('x', big) }}",
    "a text replaced by a filter": "{{ big | replace('x', big) }}",
    "texts joined": "{{ big.join(range(100) | map('string') | list) }}",
    "letters joined": "{{ big | join(big) }}",
    "an indented text": "{{ (big ~ '\n') | indent(1000000) }}",
    "wide JSON": "{{ messages | tojson(indent=1000000000) }}",
    "much output": "{% for i in range(9999) %}{{ big }}{% endfor %}",
    "much output in a macro": "{% macro f() %}{% for i in range(9999) %}{{ big }}{% endfor %}{% endmacro %}{{ f() }}",
    "much that is set": "{% set x %}{% for i in range(9999) %}{{ big }}{% endfor %}{% endset %}",
    "much of the template": "{% for i in range(99999) %}" + "x" * 10_000 + "{% endfor %}",
}
REACHING = {
    "a class": "{{ ''.__class__.__mro__ }}",
    "globals": "{{ messages[0]['content'].__init__.__globals__ }}",
    "globals of ours": "{{ raise_exception.__globals__.x }}",
    "the context": "{{ self._TemplateReference__context.x }}",
    "an attribute by a filter": "{{ ('' | attr('__class__')).x }}",
    "a list that is changed": "{{ messages.append(1) }}",
    "an object that is changed": "{{ messages[0].update({}) }}",
    "what is not there": "{{ lipsum(1000) }}",
}


def test_texts_are_joined_of_what_can_be_gone_through_once() -> None:
    source = "{{ ', '.join(messages | map(attribute='content')) }}|{{ '-'.join(['a', 'b']) }}|{{ ''.join([]) }}"
    assert rendered(compiled(source), GIVEN) == "hi, ho|a-b|"


def outcome(source: str) -> str:
    """Why it is not rendered."""
    with pytest.raises((NotRendered, TemplateRefused)) as caught:
        rendered(compiled(source), GIVEN)
    return str(caught.value)


@pytest.mark.parametrize("source", [*ENDLESS.values(), *HUGE.values()], ids=[*ENDLESS, *HUGE])
def test_what_never_ends_or_grows_is_ended(source: str) -> None:
    began = time.process_time()
    assert outcome(source)
    assert time.process_time() - began < 3  # of the processor; a quarter of a second is what it may have


@pytest.mark.parametrize("source", REACHING.values(), ids=REACHING)
def test_what_reaches_out_is_refused(source: str) -> None:
    assert outcome(source)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("a\n{% if x %}\nb", "Line 3: "),
        ("{{ x | nofilter }}", "Line 1: No filter named 'nofilter'"),
        ("\n{% include 'x' %}", "Line 2: other templates cannot be used"),
        ("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "Line 1: a loop cannot be recursive"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "nested too deep"),
        ("{% for i in [1] %}" * 40 + "{% endfor %}" * 40, "nested too deep"),
        ("x" * 70_000, "at most 65,536 characters"),
    ],
)
def test_what_is_no_template_says_where(source: str, reason: str) -> None:
    with pytest.raises(TemplateRefused) as caught:
        compiled(source)
    assert reason in str(caught.value)


def test_what_published_templates_use_works() -> None:
    source = (
        "{%- set ns = namespace(found=false, text='') -%}"
        "{%- for m in messages | selectattr('role', 'equalto', 'user') -%}{% set ns.found = true %}"
        "{%- set ns.text = ns.text + m['content'].strip() + '/' ~ loop.index0 -%}{%- endfor -%}"
        "{% generation %}{{ ns.text | trim }}{% endgeneration %} {{ messages[1:] | tojson }} {{ messages | length }}"
        " {{ messages[-1].get('tool_calls') is none }} {{ 'a,b'.split(',') | join('-') }} {{ ns.found }}"
        "{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %} {{ dict(a=1).items() | list }}"
        " {{ '<b>' | tojson }}"
    )
    assert rendered(compiled(source), GIVEN) == (
        'hi/0 [{"role": "assistant", "content": "ho"}] 2 True a-b True01 [(\'a\', 1)] "<b>"'
    )


def test_it_says_why_in_its_own_words() -> None:
    assert outcome("{{ raise_exception('Only users speak.') }}") == "The chat template says: Only users speak."


@pytest.mark.parametrize("name", KNOWN)
def test_known_templates_write_down_a_long_conversation(name: str) -> None:
    known = KNOWN[name]
    turns = [
        {"role": role, "content": f"turn {turn} {'word ' * 50}"}
        for turn in range(500)
        for role in ("user", "assistant")
    ]
    given = GIVEN | {"messages": [*turns, GIVEN["messages"][0]], "eos_token": known.eos}
    text = rendered(ours(known.source), given)
    assert text == rendered(compiled(known.source), given)  # watched or not, it says the same
    assert text.count("turn 499") == 2 and text.index("turn 0") < text.index("turn 499")
