"""What is wrong with a tenant's file is told with its line, all of it, before anything is done."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access.applying.exporting import written
from access.applying.reading import read
from access.applying.schema import (
    BudgetPart,
    Document,
    EnvironmentPart,
    KeyPart,
    MemberPart,
    PlacePart,
    ProjectPart,
    RolePart,
)
from refusals.problems import FileNotUnderstood
from refusals.yaml_trees import MOST_BYTES
from usage.bodies.keeping import KEEPS, Keeping
from usage.limits.tables import Metric, Span

HEAD = "schema: 1\ntenant: acme\n"


def problems(content: str | bytes) -> list[tuple[int, str]]:
    with pytest.raises(FileNotUnderstood) as refused:
        read(content)
    return [(each.line, each.sentence) for each in refused.value.problems]


def test_it_works() -> None:
    document = read(
        HEAD + "projects:\n  support: {name: 'Support', environments: {test: {limits: {tokens: 5}}}}\nmembers: []\n"
    )
    assert document.slug == "acme" and document.name is None and document.members == ()
    assert document.projects is not None and document.projects[0].environment("test").place.limits == {"tokens": 5}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("naem: Acme\n", 3, "There is no field “naem” here. Did you mean “name”?"),
        ("name: 4711\n", 3, "This is text: put it in quotes"),
        ("cost_centre: 0715\n", 3, 'put it in quotes, as in "0715"'),
        ("discoverable: maybe\n", 3, "This is true or false."),
        ("name: ''\n", 3, "A name cannot be empty."),
        ("security: {domains: [example.com]}\n", 3, "There is no field “domains” here. Did you mean “email_domains”?"),
        ("security:\n  email_domains: [example]\n", 4, "“example” is no domain."),
        ("security:\n  networks: [10.0.0.1/8]\n", 4, "Write 10.0.0.0/8 for the network"),
        ("security:\n  second_factor_from: soon\n", 4, "This is a day such as 2027-01-31"),
        ("name: A\nname: B\n", 4, "“name” is here twice."),
        (f"name: {'x' * 121}\n", 3, "121 characters; 120 is the most"),
        ('name: "a\\0b"\n', 3, "The character U+0000 cannot be in it."),
        ('name: "a\\uD800"\n', 3, "invalid Unicode character escape"),
        ("name: [a]\n", 3, "Text is needed here."),
        ("limits: {request: 5}\n", 3, "There is no limit “request” here. Did you mean “requests”?"),
        ("limits: {requests: -1}\n", 3, "a whole number from 1 to 1,000,000,000"),
        ("limits: {requests: 1e9}\n", 3, "a whole number"),
        ("limits: {requests: '5'}\n", 3, "a whole number"),
        ("limits: {requests: 0}\n", 3, "a whole number"),
        (
            "limits: [5]\n",
            3,
            "Names and values are needed here: requests, tokens, input_tokens, output_tokens, concurrent.",
        ),
        ("budgets: {fortnight: {amount: 5}}\n", 3, "no period “fortnight” here."),
        ("budgets: {month: {hard: true}}\n", 3, "A budget has an amount."),
        ("budgets: {month: {amount: .nan}}\n", 3, "an amount from 0 to"),
        ("budgets: {month: {amount: 5.1234567}}\n", 3, "at most six digits"),
        ("budgets: {month: {amount: 5, currency: XAU}}\n", 3, "Convert the amount."),
        ("budgets: {month: {amount: 5, warn_at: [0, 101]}}\n", 3, "a whole number from 1 to 100"),
        ("content: {days: 5}\n", 3, "Say what is kept"),
        ("content: {keep: all}\n", 3, "There is no word “all” here."),
        ("content: {keep: answers, media: true}\n", 3, "keep that too"),
        ("content: {keep: both, days: 366}\n", 3, "a whole number from 1 to 365"),
        ("projects: [support]\n", 3, "Names and values are needed here."),
        ("projects:\n  Größe: {name: X}\n", 4, "is no short name"),
        ('projects:\n  "evil\\n": {name: X}\n', 4, "is no short name"),
        ('roles:\n  "evil\\n": {name: X, sentence: Y}\n', 4, "is no short name"),
        ("security:\n  second_factor_from: 9999-12-31T23:59:59-23:59\n", 4, "This is a day such as 2027-01-31"),
        ("projects:\n  support: {environments: {prod: {}}}\n", 4, "There is no environment “prod” here."),
        ("members: {olivia: owner}\n", 3, "A list is needed here"),
        (
            "roles:\n  helper: {name: Helper, sentence: Helps, may: [view_usag]}\n",
            4,
            "There is no permission “view_usag” here. Did you mean “view_usage”?",
        ),
        ("roles:\n  helper: {name: Helper}\n", 4, "A role has a name and a sentence that says what it is for."),
        ("members:\n  - {person: olivia}\n", 4, "A member has a person"),
        ("members:\n  - olivia\n", 4, "Names and values are needed here: person, role."),
        ("? [a]\n: b\n", 3, "A name is plain text."),
        ("name: &a x\n", 3, "Anchors and aliases"),
        ("name: *a\n", 3, "Anchors and aliases"),
        ("name: !!python/object/apply:os.system [ls]\n", 3, "Tags (!) are not taken"),
        ("name: !env HOME\n", 3, "Tags (!) are not taken"),
        ("<<: {name: x}\n", 3, "There is no field “<<” here."),
        ("name: [1,\n", 4, "This is not YAML"),
        ("name: 'x\n", 4, "This is not YAML"),
        ("\tname: x\n", 3, "This is not YAML"),
        (f"name: {'[' * 20}{']' * 20}\n", 3, "deeper than 12 levels"),
        ("---\nschema: 1\n", 3, "This is not YAML"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, said: str) -> None:
    told = problems(HEAD + text)
    assert told[0][0] == line and said in told[0][1], told


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "The file is empty"),
        ("# nothing\n", "The file is empty"),
        ("- a\n", "begins with names and values"),
        ("just words", "begins with names and values"),
        ("tenant: acme\n", "Say which form the file has: “schema: 1”."),
        ("schema: 1\n", "Say which tenant this is"),
        ("schema: 2\ntenant: acme\n", "This version of Atrium reads schema 1."),
        ("schema: {}\ntenant: acme\n", "This form is not known here."),
        (b"schema: 1\ntenant: \xff\n", "This is not UTF-8"),
        (b"\x00\x01", "a character that text does not have"),
        (b"x" * (MOST_BYTES + 1), "1,048,576 is the most"),
        ("schema: 1\ntenant: acme\nmembers: [" + "a," * 110_000 + "]", "more than 100,000 values"),
    ],
)
def test_what_is_no_file_of_a_tenant_is_told_in_a_sentence(content: Any, said: str) -> None:
    assert said in problems(content)[0][1]


def test_everything_wrong_is_told_at_once() -> None:
    told = problems("schema: 1\ntenant: acme\nnaem: A\nlimits: {requests: 0}\nmembers: [{person: 1, role: y}]\n")
    assert [line for line, _ in told] == [3, 4, 5]


def test_a_file_of_the_largest_size_is_read_in_a_moment() -> None:
    line = "  - {person: somebody.with.a.long.name@example.test, role: viewer}\n"
    content = HEAD + "members:\n" + line * (MOST_BYTES // len(line) - 2)
    began = time.monotonic()
    assert len(read(content).members or ()) > 10_000
    assert time.monotonic() - began < 10


def test_a_file_from_windows_is_read() -> None:
    content = b"\xef\xbb\xbf" + HEAD.replace("\n", "\r\n").encode() + b"name: Gr\xc3\xb6\xc3\x9fe\r\n"
    assert read(content).name == "Größe"


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=60).map(
    str.strip
)
CONTENTS = st.builds(
    lambda keep, days, share, failed, media: Keeping(*KEEPS[keep], days, share, failed, media and KEEPS[keep][0]),
    st.sampled_from(list(KEEPS)), st.integers(1, 365), st.integers(1, 100), st.booleans(), st.booleans(),
)  # fmt: skip
PLACES = st.builds(
    PlacePart,
    st.dictionaries(st.sampled_from(Metric.values), st.integers(1, 10**9)),
    st.dictionaries(
        st.sampled_from(Span.values),
        st.builds(
            BudgetPart,
            st.decimals(0, 10**9, places=6).map(abs),
            st.booleans(),
            st.lists(st.integers(1, 100), max_size=6, unique=True).map(lambda numbers: tuple(sorted(numbers))),
        ),
    ),
    st.one_of(st.none(), CONTENTS),
)


ODD_TEXTS = ["no", "null", "0715", "1e3", "a: b # c", "- x", "~", *(f"a b{end}c" for end in "\n\x85\u2028\u2029")]


@given(
    name=NAMES.filter(bool),
    purpose=st.one_of(NAMES, st.sampled_from(ODD_TEXTS)),
    cost_centre=st.sampled_from(["", "0815", "0715", "CC-1", "no", "1_000", "2026-01-01", "1:30"]), place=PLACES,
    discoverable=st.booleans(), user=st.sampled_from(["123", "true", "olivia", "a@b.example", "=", "svc.acme.ci"]),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_whatever_is_written_is_read_as_it_was(
    name: str, purpose: str, cost_centre: str, place: PlacePart, discoverable: bool, user: str
) -> None:
    environment = EnvironmentPart("test", place, (KeyPart("atrium_test_x", name, PlacePart({"tokens": 5}, {})),))
    people = (MemberPart(user, "developer"),)
    projects = (
        ProjectPart("support", name, purpose, place, (environment,), people),
        ProjectPart("other", name, purpose, place, (environment,)),
    )
    roles = (RolePart("helper", name, name, ("tenants.view_usage",)),)
    whole = Document("acme", name, cost_centre, discoverable, place, roles, projects, (MemberPart(user, "helper"),))
    assert without_lines(read(written(whole))) == without_lines(whole)


def without_lines(document: Document) -> Document:
    def bare(key: KeyPart) -> KeyPart:  # of a key an empty part is not written
        place = PlacePart(key.place.limits or None, key.place.budgets or None)
        return replace(key, line=0, place=place)

    projects = tuple(
        replace(
            project,
            line=0,
            roles=None if project.roles is None else tuple(replace(each, line=0) for each in project.roles),
            environments=tuple(replace(each, keys=tuple(map(bare, each.keys))) for each in project.environments),
        )
        for project in document.projects or ()
    )
    members = tuple(replace(member, line=0) for member in document.members or ())
    roles = tuple(replace(role, line=0) for role in document.roles or ())
    return replace(document, roles=roles, projects=projects, members=members)
