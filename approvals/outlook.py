"""What somebody who asks may expect: who decides in which order, and how long it took before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from approvals.delegation.standing import standing_in_each
from approvals.durations import Typical, typical
from approvals.models import Board, Policy
from approvals.policies import chosen_among
from approvals.stage_rules import kept
from approvals.subjects import kind_of
from tenants.models import Tenant


@dataclass(frozen=True)
class Asked:
    """A board by its name, how many of its members must approve (None: every one), and whether it looks at it at the
    same time as the one before."""

    board: str
    quorum: int | None
    is_beside: bool


@dataclass(frozen=True)
class Outlook:
    """For one kind of environment (empty: any). Without a policy nobody can decide yet.

    `left` names the tenants to which it is left, with why; `only_left`: no board is asked for any of them.
    """

    environment_kind: str
    policy: Policy | None
    stages: list[Asked]
    typical: Typical | None
    left: list[tuple[str, str]]
    only_left: bool


def outlooks(
    subject_kind: str,
    asked: Mapping[str, Sequence[Tenant | None]],
    *,
    facts: Mapping[str, Any] | None = None,
    may_be_left: bool = True,
) -> list[Outlook]:
    """What to expect of a request of this kind, for each kind of environment ("": any) in `asked`, in the tenants named
    with it (None: where there is none yet); `facts` as far as they are known. What may not be left is the platform's
    whoever decides on its capability."""
    everywhere = list(dict.fromkeys(tenant for tenants in asked.values() for tenant in tenants))
    capability = kind_of(subject_kind).capability
    who = dict(zip(everywhere, standing_in_each(capability, everywhere), strict=True)) if capability else {}
    policies = list(Policy.objects.in_force().filter(subject_kind=subject_kind))
    traits, names = kind_of(subject_kind).traits(facts or {}), dict(Board.objects.values_list("slug", "name"))
    took = typical(subject_kind, asked)
    found = []
    for kind, tenants in asked.items():
        measured = kind_of(subject_kind).measure(facts or {}, kind) if capability else None
        left = [each for each in tenants if capability and may_be_left and who[each].leaves_to_tenant(measured)]
        chosen = chosen_among(policies, kind, traits)
        policy = chosen.policy if chosen else None
        asks = policy.stages if policy else ()
        stages = [
            Asked(names.get(stage.board, stage.board), stage.quorum, stage.is_beside) for stage in map(kept, asks)
        ]
        told = [(str(each or ""), who[each].sentence) for each in left]
        only_left = bool(tenants) and len(left) == len(tenants)
        found.append(Outlook(kind, policy, stages, took.get(kind) if policy else None, told, only_left))
    return found
