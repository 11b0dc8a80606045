"""What somebody who asks may expect: which boards decide in which order, and how long it took before."""

from __future__ import annotations

from dataclasses import dataclass

from approvals.durations import Typical, typical
from approvals.models import Board, Policy
from approvals.policies import NoPolicy, policy_for


@dataclass(frozen=True)
class Stage:
    """A board and how many of its members must approve."""

    board: str
    quorum: int


@dataclass(frozen=True)
class Outlook:
    """For one kind of environment (empty: any). Without a policy nobody can decide yet."""

    environment_kind: str
    policy: Policy | None
    stages: list[Stage]
    typical: Typical | None


def outlook(subject_kind: str, environment_kind: str = "") -> Outlook:
    """What to expect of a request of this kind."""
    try:
        policy = policy_for(subject_kind, environment_kind)
    except NoPolicy:
        return Outlook(environment_kind, None, [], None)
    names = dict(Board.objects.values_list("slug", "name"))
    stages = [Stage(names.get(stage["board"], stage["board"]), stage["quorum"]) for stage in policy.stages]
    return Outlook(environment_kind, policy, stages, typical(subject_kind, environment_kind))
