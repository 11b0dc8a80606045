"""The life of a model version: (state, verb) → next state. Everything else is refused.

This table is the only place that knows; `catalog.lifecycle.moving` applies it, and the database holds every row to it
(`catalog.models.ModelVersion`, trigger `only_as_the_table_allows`).
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import models


class Lifecycle(models.TextChoices):
    PROPOSED = "proposed", "Proposed"
    EVALUATED = "evaluated", "Evaluated"
    APPROVED = "approved", "Approved"
    IN_USE = "in_use", "In use"
    DEPRECATED = "deprecated", "Deprecated"
    RETIRED = "retired", "Retired"


class Verb(models.TextChoices):
    EVALUATE = "evaluate", "Note as evaluated"
    APPROVE = "approve", "Note as approved"
    USE = "use", "Put in use"
    DEPRECATE = "deprecate", "Deprecate"
    RETIRE = "retire", "Retire"
    REOPEN = "reopen", "Propose again"


class Transition(NamedTuple):
    """Where a verb leads, and its audit kind."""

    to: Lifecycle
    audit: str


_EVALUATED, _APPROVED = "version.evaluated", "version.approved"
_USED, _REOPENED = "version.put_in_use", "version.reopened"
_DEPRECATED, _RETIRED = "version.deprecated", "version.retired"

# What is in use may be evaluated and approved afterwards: the state stays, the step is kept. Publishing also puts in
# use what nobody has evaluated or approved; the register tells of it.
TABLE: dict[tuple[Lifecycle, Verb], Transition] = {
    (Lifecycle.PROPOSED, Verb.EVALUATE): Transition(Lifecycle.EVALUATED, _EVALUATED),
    (Lifecycle.PROPOSED, Verb.USE): Transition(Lifecycle.IN_USE, _USED),
    (Lifecycle.PROPOSED, Verb.DEPRECATE): Transition(Lifecycle.DEPRECATED, _DEPRECATED),
    (Lifecycle.PROPOSED, Verb.RETIRE): Transition(Lifecycle.RETIRED, _RETIRED),
    (Lifecycle.EVALUATED, Verb.APPROVE): Transition(Lifecycle.APPROVED, _APPROVED),
    (Lifecycle.EVALUATED, Verb.USE): Transition(Lifecycle.IN_USE, _USED),
    (Lifecycle.EVALUATED, Verb.DEPRECATE): Transition(Lifecycle.DEPRECATED, _DEPRECATED),
    (Lifecycle.EVALUATED, Verb.RETIRE): Transition(Lifecycle.RETIRED, _RETIRED),
    (Lifecycle.EVALUATED, Verb.REOPEN): Transition(Lifecycle.PROPOSED, _REOPENED),
    (Lifecycle.APPROVED, Verb.USE): Transition(Lifecycle.IN_USE, _USED),
    (Lifecycle.APPROVED, Verb.DEPRECATE): Transition(Lifecycle.DEPRECATED, _DEPRECATED),
    (Lifecycle.APPROVED, Verb.RETIRE): Transition(Lifecycle.RETIRED, _RETIRED),
    (Lifecycle.APPROVED, Verb.REOPEN): Transition(Lifecycle.PROPOSED, _REOPENED),
    (Lifecycle.IN_USE, Verb.EVALUATE): Transition(Lifecycle.IN_USE, _EVALUATED),
    (Lifecycle.IN_USE, Verb.APPROVE): Transition(Lifecycle.IN_USE, _APPROVED),
    (Lifecycle.IN_USE, Verb.DEPRECATE): Transition(Lifecycle.DEPRECATED, _DEPRECATED),
    (Lifecycle.IN_USE, Verb.RETIRE): Transition(Lifecycle.RETIRED, _RETIRED),
    (Lifecycle.IN_USE, Verb.REOPEN): Transition(Lifecycle.PROPOSED, _REOPENED),
    (Lifecycle.DEPRECATED, Verb.USE): Transition(Lifecycle.IN_USE, _USED),
    (Lifecycle.DEPRECATED, Verb.RETIRE): Transition(Lifecycle.RETIRED, _RETIRED),
    (Lifecycle.DEPRECATED, Verb.REOPEN): Transition(Lifecycle.PROPOSED, _REOPENED),
    (Lifecycle.RETIRED, Verb.REOPEN): Transition(Lifecycle.PROPOSED, _REOPENED),
}

ENDING = (Lifecycle.DEPRECATED, Lifecycle.RETIRED)
BEFORE_USE = (Lifecycle.PROPOSED, Lifecycle.EVALUATED, Lifecycle.APPROVED)
# Of a model with several versions the list shows the state of the one that comes first here.
FURTHEST_FIRST = (
    Lifecycle.IN_USE, Lifecycle.APPROVED, Lifecycle.EVALUATED, Lifecycle.PROPOSED, Lifecycle.DEPRECATED,
    Lifecycle.RETIRED,
)  # fmt: skip


def verbs_of(state: str) -> list[Verb]:
    """What may be done with a version in `state`."""
    return [verb for (at, verb) in TABLE if at == state]
