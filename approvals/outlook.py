"""What somebody who asks may expect: who decides in which order, and how long it took before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from approvals.delegation.standing import Standing, standing
from approvals.durations import Typical, typical
from approvals.models import Board, Policy
from approvals.policies import NoPolicy, policy_for
from approvals.subjects import kind_of
from tenants.models import Tenant


@dataclass(frozen=True)
class Stage:
    """A board and how many of its members must approve."""

    board: str
    quorum: int


@dataclass(frozen=True)
class Outlook:
    """For one kind of environment (empty: any). Without a policy nobody can decide yet.

    `left` names the tenants to which it is left, with why; `only_left`: no board is asked for any of them.
    """

    environment_kind: str
    policy: Policy | None
    stages: list[Stage]
    typical: Typical | None
    left: list[tuple[str, str]]
    only_left: bool


def outlook(
    subject_kind: str,
    environment_kind: str = "",
    *,
    tenants: Iterable[Tenant | None] = (None,),
    facts: Mapping[str, Any] | None = None,
) -> Outlook:
    """What to expect of a request of this kind in `tenants` (None: where there is none yet); `facts` as far as they are
    known."""
    asked = list(tenants)
    left = [
        (str(tenant or ""), who.sentence)
        for tenant in asked
        if (who := _left(subject_kind, environment_kind, tenant, facts))
    ]
    only_left = bool(asked) and len(left) == len(asked)
    try:
        policy = policy_for(subject_kind, environment_kind)
    except NoPolicy:
        return Outlook(environment_kind, None, [], None, left, only_left)
    names = dict(Board.objects.values_list("slug", "name"))
    stages = [Stage(names.get(stage["board"], stage["board"]), stage["quorum"]) for stage in policy.stages]
    return Outlook(environment_kind, policy, stages, typical(subject_kind, environment_kind), left, only_left)


def _left(
    subject_kind: str, environment_kind: str, tenant: Tenant | None, facts: Mapping[str, Any] | None
) -> Standing | None:
    """Who decides, where it is left to the tenant; None where it is not."""
    kind = kind_of(subject_kind)
    if not kind.capability:
        return None
    who = standing(kind.capability, tenant)
    return who if who.leaves_to_tenant(kind.measure(facts or {}, environment_kind)) else None
