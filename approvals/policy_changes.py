"""Change policies: itself a request of governance, put in force by its approval.

Until a policy says who decides on it, two pairs of eyes do: another of the platform's administrators approves. Where
there is only one, what they change is in force at once. An operator at the command line passes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from approvals.evidence.collectors import Collector
from approvals.models import ADMINISTRATORS, Board, Decision, Policy, Request
from approvals.policy_documents import Change, changed_alone, put_in_force
from approvals.policy_trial import tried
from approvals.subjects import Evidence, SubjectKind, facts_stay
from approvals.submit import submit
from refusals.errors import Conflict, Forbidden
from tenants.models import User
from tenants.scoping import people_above_who_may

KIND = "policy_change"
MOST_AT_A_GLANCE = 8
LONGEST_KEY = 120


class NothingChanges(Conflict):
    code = "nothing_changes"
    title = "It is so already"


class ChangedSince(Conflict):
    code = "policy_changed_since"
    title = "The policy was changed since"


def is_governed(by: Any) -> bool:
    """Whether somebody else has to approve what `by` changes."""
    if not isinstance(by, User):
        return False
    if Policy.objects.in_force().filter(subject_kind=KIND).exists():
        return True
    return people_above_who_may(ADMINISTRATORS).exclude(pk=by.pk).exists()


def put(text: str, *, reason: str, by: Any) -> Request | list[Change]:
    """Put in force what the document changes, and say what; or, where that is governed, ask for it: the request.

    Raises `Forbidden` (needs `approvals.manage_policies`), what `put_in_force` and `approvals.submit` do, and of what
    is asked for `NothingChanges`.
    """
    if isinstance(by, User):
        _require(by)
    return _propose(text, reason=reason, by=by) if is_governed(by) else put_in_force(text, by=by)


def _require(by: User) -> None:
    if not by.has_perm(ADMINISTRATORS):
        raise Forbidden("Only the platform team changes who decides.", permission=ADMINISTRATORS)


@transaction.atomic
def _propose(text: str, *, reason: str, by: User) -> Request:
    trial = tried(text, by=by)
    if not trial.changes:
        raise NothingChanges("These policies are as you want them already.")
    slugs = [change.slug for change in trial.changes]
    key = " ".join(slugs)
    named = slugs[0] if len(slugs) == 1 else f"{len(slugs)} policies: {', '.join(slugs)}"
    return submit(
        subject_kind=KIND,
        subject_key=key if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest(),
        title=f"Change {'the policy ' if len(slugs) == 1 else ''}{named}",
        reason=reason,
        facts={
            "document": changed_alone(text, slugs),
            "versions": _versions(slugs),
            "changes": [
                {"policy": change.slug, "name": each.name, "before": each.before, "after": each.after}
                for change in trial.changes
                for each in change.changes
            ],
            "trial": trial.sentences,
        },
        by=by,
    )


def _versions(slugs: list[str]) -> dict[str, int]:
    rows = Policy.objects.filter(slug__in=slugs, superseded_at=None)
    return dict.fromkeys(slugs, 0) | dict(rows.values_list("slug", "version"))


def _lock(request: Request) -> None:
    list(Board.objects.select_for_update(no_key=True).order_by("pk"))


def _revise(request: Request, facts: Mapping[str, Any], by: User) -> Mapping[str, Any]:
    _require(by)
    _refuse_changed(request)
    return facts_stay(request, facts, by)


def _put_in_force(request: Request, decision: Decision, by: Any) -> None:
    _refuse_changed(request)
    put_in_force(request.facts["document"], by=by)


def _refuse_changed(request: Request) -> None:
    asked, now = request.facts["versions"], _versions(list(request.facts["versions"]))
    for slug, version in asked.items():
        if now[slug] != version:
            raise ChangedSince(
                f"“{slug}” was changed after this was asked for, so it would undo that. Refuse it, or withdraw it and"
                " ask anew."
            )


def _evidence(request: Request) -> list[Evidence]:
    told = [
        Evidence(f"{line['policy']}: {line['name'].lower()}", _words(line), "The change asked for")
        for line in request.facts["changes"]
    ]
    return [*told, Evidence("On past requests", " ".join(request.facts["trial"]), "Requests of the last year")]


def _glance(request: Request) -> list[Evidence]:
    return _evidence(request)[-1:] + _evidence(request)[:-1][:MOST_AT_A_GLANCE]


def _words(line: dict[str, str]) -> str:
    return f"{line['before'] or 'nothing'} → {line['after'] or 'nothing'}"


POLICY_CHANGE = SubjectKind(
    slug=KIND,
    name="A change of policies",
    effect="The new versions are in force at once, or from the time they name; requests under way keep theirs.",
    on_approved=_put_in_force,
    lock=_lock,
    collectors=(
        Collector(
            "change",
            "What changes",
            "Each field, before and after, and what past requests say of it.",
            dt.timedelta(days=30),
            _evidence,
        ),
    ),
    glance=_glance,
    revise=_revise,
    page=lambda request: "/platform/policies/",
    is_replaced=False,
    bootstrap_permission=ADMINISTRATORS,
    bootstrap_sentence="Until a policy says who decides on policies, another administrator of the platform approves.",
    looks_at=(
        "Which requests would others decide on, and are they the right ones?",
        "Does anything that was looked at before pass unseen now?",
        "Can each board reach its quorum?",
    ),
)
