"""What can be asked of governance: rooms above register their subject kinds, the engine knows none of them.

A kind says what its approval brings about (`on_approved`, run in the decision's own transaction) and which evidence a
reviewer sees; both are looked up by `Request.subject_kind`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from approvals.evidence.collectors import Collector
from approvals.policy_conditions import NO_TRAITS, Traits
from refusals.errors import Invalid

if TYPE_CHECKING:
    from django.forms import Form

    from approvals.models import Decision, Request, Vote
    from tenants.models import User


class UnknownSubjectKind(Invalid):
    code = "unknown_subject_kind"


@dataclass(frozen=True)
class Evidence:
    """One fact that a reviewer should know: a name, its value in words, where it is from and as of when."""

    name: str
    value: str
    source: str
    as_of: dt.date | None = None
    path: str = ""

    def frozen(self) -> dict[str, str]:
        """What a decision keeps of it."""
        as_of = self.as_of.isoformat() if self.as_of else ""
        return {"name": self.name, "value": self.value, "source": self.source, "as_of": as_of, "path": self.path}


def nothing(request: Request) -> None:
    """No effect."""


def no_effect(request: Request, decision: Decision, by: Any) -> None:
    """Nothing follows from the approval but the decision itself."""


def no_evidence(request: Request) -> Sequence[Evidence]:
    """Nothing is collected beyond what the requester said."""
    return ()


def no_traits(facts: Mapping[str, Any]) -> Traits:
    """Policies choose by its kind and environment alone."""
    return NO_TRAITS


def only_what_was_asked(request: Request) -> Mapping[str, Any]:
    """The facts of the request, which never change once it is decided."""
    return request.facts


class FactsStay(Invalid):
    code = "facts_stay"


def facts_stay(request: Request, facts: Mapping[str, Any], by: User) -> Mapping[str, Any]:
    """Only the reason can be changed. Raises `FactsStay` where anything else would be."""
    if any(request.facts.get(name) != value for name, value in facts.items()):
        raise FactsStay("Only the reason of this request can be changed. Withdraw it and ask anew.", field="facts")
    return request.facts


def nothing_came(decision: Decision) -> Sequence[Evidence]:
    """Nothing to be shown beside the decision."""
    return ()


@dataclass(frozen=True)
class SubjectKind:
    """A kind of subject.

    `lock(request)` takes the row locks that `on_approved` will need, before anything is written: every verb takes rows
    first and the end of the audit's chain last, so two of them can never wait for each other.
    `collectors` tell the facts that reviewers should know (`approvals.evidence`); `page(request)` is the path of the
    subject's own page; `fingerprint(request)` says, by name, what exactly is asked for as it is now: what an approval
    approves, so that a later change of it is seen; without one of its own, changes are not looked for.
    `again(request)` the one on which its requester changes what came back and asks once more;
    `glance(request)` is what everybody should see beside it, whichever part they read;
    `forecast(request)` estimates what it would be used and cost, on the assumptions in its sources;
    `came_of(decision)` tells what an approval brought about, as it stands now, with the conditions that it demands.
    `effect` says in one sentence what an approval brings about; `looks_at` what reviewers look at.
    `demands` makes the form in which deciders say what their approval demands (`conditions` once it is valid, shown by
    its `fields_template`);
    `impose(vote, conditions)` keeps that, in the vote's transaction, and raises `Invalid` for what cannot be.
    `revise(request, facts, by)` gives the facts of a draft, or of what was sent back, as `by` wants them changed, and
    raises what asking anew would; it is asked again when they are sent. `revision_form(request, data)` makes the form
    of it, with `facts` once it is valid; without one `again` leads to the page on which they are changed.
    `on_suspended(request, decision, by, reason)` takes back for a time what the approval brought about,
    `on_resumed(request, decision, by)` brings it about once more; a kind without them cannot be suspended.
    `is_replaced`: a newer approval of the same subject takes the place of this one.
    `ends_with_validity`: what an approval gave ends by itself when its validity does, and the approval with it.
    `bootstrap_permission`: where no policy fits, one other of who holds it above tenants approves, as
    `bootstrap_sentence` tells people.
    `traits(facts)` says what of them policies choose by: risk tier, classes of data, regions, cost a month.
    `capability` names what can be left to tenants (`approvals.delegation`), `measure(facts, environment_kind)` what a
    request is held against the threshold with, None where it is the platform's in every mode.
    """

    slug: str
    name: str
    effect: str
    on_approved: Callable[[Request, Decision, Any], None] = no_effect
    lock: Callable[[Request], None] = nothing
    collectors: tuple[Collector, ...] = ()
    fingerprint: Callable[[Request], Mapping[str, Any]] = only_what_was_asked
    glance: Callable[[Request], Sequence[Evidence]] = no_evidence
    forecast: Callable[[Request], Sequence[Evidence]] = no_evidence
    came_of: Callable[[Decision], Sequence[Evidence]] = nothing_came
    page: Callable[[Request], str] = lambda request: ""
    again: Callable[[Request], str] = lambda request: ""
    looks_at: tuple[str, ...] = ()
    demands: Callable[..., Form] | None = None
    impose: Callable[[Vote, Mapping[str, Any]], None] | None = None
    revise: Callable[[Request, Mapping[str, Any], User], Mapping[str, Any]] = facts_stay
    revision_form: Callable[..., Any] | None = None
    on_suspended: Callable[[Request, Decision, Any, str], None] | None = None
    on_resumed: Callable[[Request, Decision, Any], None] | None = None
    is_replaced: bool = True
    ends_with_validity: bool = False
    bootstrap_permission: str = ""
    bootstrap_sentence: str = ""
    traits: Callable[[Mapping[str, Any]], Traits] = no_traits
    capability: str = ""
    measure: Callable[[Mapping[str, Any], str], Mapping[str, Any] | None] = lambda facts, environment_kind: {}


_kinds: dict[str, SubjectKind] = {}


def register(kind: SubjectKind) -> None:
    """Make `kind` known; registering a slug again replaces it."""
    _kinds[kind.slug] = kind


def kind_of(slug: str) -> SubjectKind:
    """The kind called `slug`. Raises `UnknownSubjectKind`."""
    if slug not in _kinds:
        raise UnknownSubjectKind(f"Nothing of the kind “{slug}” can be requested.", field="subject_kind")
    return _kinds[slug]


def kinds() -> list[SubjectKind]:
    """Every registered kind, by name."""
    return sorted(_kinds.values(), key=lambda kind: kind.name)
