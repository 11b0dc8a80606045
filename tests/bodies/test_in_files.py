"""What is kept can be said in a tenant's file."""

from __future__ import annotations

import pytest

from access.applying.applying import apply
from access.applying.exporting import export
from access.applying.planning import plan
from access.applying.reading import read
from access.applying.steps import Plan
from tests.cast import Cast
from usage.bodies.keeping import Keeping
from usage.bodies.setting import stated_at
from usage.limits.places import of_environment, of_tenant

pytestmark = pytest.mark.django_db
HEAD = "schema: 1\ntenant: acme\n"
INSIDE = "projects:\n  support:\n    environments:\n      development:\n        content:"


def applied(cast: Cast, text: str) -> Plan:
    document = read(text)
    told = plan(document=document, tenant=cast.acme, prune=False, by=cast.olivia)
    return apply(document=document, tenant=cast.acme, prune=False, fingerprint=told.fingerprint, by=cast.olivia)


def test_a_file_says_what_is_kept_and_its_export_changes_nothing(cast: Cast) -> None:
    made = applied(
        cast, f"{HEAD}content: {{keep: prompts, days: 7}}\n{INSIDE} {{keep: both, share: 10, media: true}}\n"
    )
    assert [step.kind for step in made.steps] == ["content", "content"]
    assert stated_at(of_tenant(cast.acme)) == Keeping(prompts=True, days=7)
    place = of_environment(cast.environment())
    assert stated_at(place) == Keeping(prompts=True, answers=True, share=10, media=True)
    again = plan(document=read(export(cast.acme)), tenant=cast.acme, prune=True, by=cast.olivia)
    assert not [step for step in again.steps if step.kind == "content"]
    assert applied(cast, HEAD).steps == (), "what a file does not speak of stays"


def test_a_place_that_a_file_leaves_empty_says_nothing_itself(cast: Cast) -> None:
    applied(cast, f"{HEAD}{INSIDE} {{keep: both}}\n")
    applied(cast, f"{HEAD}{INSIDE}\n")
    assert stated_at(of_environment(cast.environment())) is None


def test_who_may_not_is_told_before_anything_is_done(cast: Cast) -> None:
    told = plan(document=read(f"{HEAD}content: {{keep: both}}\n"), tenant=cast.acme, prune=False, by=cast.dev)
    assert told.refused and "permission" in told.refused[0].refused
