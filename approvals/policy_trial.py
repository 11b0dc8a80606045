"""Try a document of policies on the requests of the past: what it changes, and where they would have gone."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.utils import timezone

from approvals.models import Board, Policy, Request
from approvals.policies import chosen_among
from approvals.policy_conditions import Traits
from approvals.policy_documents import Change, put_in_force
from approvals.stage_rules import words
from approvals.subjects import kind_of, kinds
from tenants.scope import everything

LOOK_BACK = dt.timedelta(days=365)
MOST = 10_000
MOST_TOLD = 50
NOBODY = "nobody: no policy fits"

Choice = Policy | None


@dataclass(frozen=True)
class BoardEffect:
    """How many of the past requests go to the board now, and how many would."""

    board: str
    before: int
    after: int


@dataclass(frozen=True)
class Moved:
    """A past request that others would decide on: its number, and the stages in words."""

    number: int
    before: str
    after: str


@dataclass(frozen=True)
class Trial:
    """`changes` of the policies; of `count` past requests `moved` would be decided otherwise (`examples`, the newest of
    them), by `boards`."""

    changes: list[Change]
    count: int
    moved: int
    boards: list[BoardEffect]
    examples: list[Moved]

    @property
    def sentences(self) -> list[str]:
        """What it comes to, a sentence each."""
        if not self.count:
            return ["No request was sent in the last year, so there is no history to try it on."]
        if not self.moved:
            return ["Every request of the last year would have gone where it goes now."]
        noun = "request" if self.count == 1 else "requests"
        told = [f"{self.moved:,} of {self.count:,} {noun} of the last year would be decided otherwise."]
        for each in self.boards:
            if each.before != each.after:
                told.append(f"{each.board}: {each.after:,} of {self.count:,} would go there, {each.before:,} do now.")
        return told


@everything("a policy is tried on the requests of every tenant, and told by number")
def tried(text: str, *, by: Any) -> Trial:
    """What `text` would do; nothing is kept. What it puts in force later counts as if it were. Raises what
    `approvals.policy_documents.put_in_force` does."""
    now = list(Policy.objects.in_force())
    with transaction.atomic():
        changes = [change for change in put_in_force(text, by=by) if change.changes]
        changed = [change.slug for change in changes]
        then = _latest(Policy.objects.not_over().filter(slug__in=changed))
        transaction.set_rollback(True)
    return _compare(changes, now, [*(policy for policy in now if policy.slug not in changed), *then])


def _latest(policies: Iterable[Policy]) -> list[Policy]:
    latest: dict[str, Policy] = {}
    for policy in policies:
        if policy.slug not in latest or latest[policy.slug].version < policy.version:
            latest[policy.slug] = policy
    return list(latest.values())


def _compare(changes: list[Change], now: list[Policy], then: list[Policy]) -> Trial:
    before, after = _by_kind(now), _by_kind(then)
    names = dict(Board.objects.values_list("slug", "name"))
    counted: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
    count, moved, examples = 0, 0, list[Moved]()
    known = {kind.slug for kind in kinds()}
    # What was left to its tenant or to who asked is no policy's.
    rows = Request.objects.filter(policy__isnull=False, sent_at__gte=timezone.now() - LOOK_BACK, subject_kind__in=known)
    fields = ("number", "subject_kind", "facts", "environment__kind", "environment__data_classes")
    for row in rows.order_by("-number").values_list(*fields)[:MOST].iterator(chunk_size=2000):
        number, kind, facts, environment_kind, said = row
        traits = _traits(kind, facts, said)
        sides = [_decides(side[kind], environment_kind or "", traits) for side in (before, after)]
        count += 1
        for is_after, policy in enumerate(sides):
            counted[bool(is_after)].update({stage["board"] for stage in policy.stages} if policy else ())
        if _stages(sides[0]) != _stages(sides[1]):
            moved += 1
            if len(examples) < MOST_TOLD:
                examples.append(Moved(number, *(_words(policy, names) for policy in sides)))
    boards = [
        BoardEffect(names.get(slug, slug), counted[False][slug], counted[True][slug])
        for slug in sorted({*counted[False], *counted[True]})
    ]
    return Trial(changes, count, moved, boards, examples)


def _by_kind(policies: Iterable[Policy]) -> dict[str, list[Policy]]:
    found: dict[str, list[Policy]] = defaultdict(list)
    for policy in policies:
        found[policy.subject_kind].append(policy)
    return found


def _traits(kind: str, facts: Mapping[str, Any], said: list[str] | None) -> Traits:
    traits = kind_of(kind).traits(facts)
    return replace(traits, data_classes=traits.data_classes | set(said)) if said else traits


def _decides(policies: list[Policy], environment_kind: str, traits: Traits) -> Choice:
    chosen = chosen_among(policies, environment_kind, traits)
    return chosen.policy if chosen else None


def _stages(policy: Choice) -> list[dict[str, Any]] | None:
    return policy.stages if policy else None


def _words(policy: Choice, names: Mapping[str, str]) -> str:
    return words(policy.stages, names) if policy else NOBODY
