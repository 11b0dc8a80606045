"""Which policy decides on a request, and how a policy is changed: never in place, always as a new version.

Of the policies that fit, the one with the highest priority decides; then the one that asks for most: an environment and
each condition count one; then the one whose slug comes first. So there is always one, and two that only their slugs
tell apart are told when they are saved.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from approvals import policy_conditions, stage_rules
from approvals.models import Board, Policy
from approvals.policy_conditions import NO_TRAITS, Traits
from approvals.subjects import kind_of
from audit.record import record
from refusals.errors import Conflict, Invalid
from tenants.models import Environment, slug_form
from tenants.names import require_form

POLICY_LOCK = 0x50_4F_4C_49  # one change of policies at a time: a version has one successor
HIGHEST = 100
LATEST = dt.timedelta(days=366)
LONGEST_VALIDITY = 3650  # days
LONGEST_SLUG, LONGEST_SENTENCE = 60, 300  # characters, as the table keeps them


class NoPolicy(Conflict):
    code = "no_policy"
    title = "Nobody is named to decide on this"


class PolicyOfAnother(Invalid):
    code = "policy_of_another_kind"


@dataclass(frozen=True)
class Chosen:
    """The policy that decides, and what of the request made it so, in words (empty: its kind alone)."""

    policy: Policy
    because: str


def policy_for(subject_kind: str, environment_kind: str = "", traits: Traits = NO_TRAITS) -> Policy:
    """The policy that decides on such a request now. Raises `NoPolicy`."""
    return choose(subject_kind, environment_kind, traits).policy


def choose(subject_kind: str, environment_kind: str = "", traits: Traits = NO_TRAITS) -> Chosen:
    """The same with the reason. Raises `NoPolicy`."""
    found = chosen_among(Policy.objects.in_force().filter(subject_kind=subject_kind), environment_kind, traits)
    if found is None:
        raise NoPolicy(
            f"No policy says who decides on “{kind_of(subject_kind).name}”"
            f"{f' in {environment_kind}' if environment_kind else ''}. The platform team can set one under Policies."
        )
    return found


def chosen_among(policies: Iterable[Policy], environment_kind: str, traits: Traits) -> Chosen | None:
    """Which of `policies`, all of one kind of subject, decides; None where none fits."""
    fit = [
        policy
        for policy in policies
        if policy.environment_kind in ("", environment_kind) and policy_conditions.holds(policy.when, traits)
    ]
    if not fit:
        return None
    policy = min(fit, key=lambda each: (*_rank(each), each.slug))
    met = policy_conditions.because(policy.when, traits, settings.CURRENCY)
    met = [policy.environment_kind, *met] if policy.environment_kind else met
    return Chosen(policy, f"{', '.join(met[:-1])} and {met[-1]}" if len(met) > 1 else "".join(met))


def equals_of(policy: Policy, among: Iterable[Policy] | None = None) -> list[Policy]:
    """The other policies, in force or to come (`among` those), that only their slugs tell apart from `policy` for some
    request."""
    others = Policy.objects.not_over().order_by("slug") if among is None else among
    return [
        other
        for other in others
        if other.subject_kind == policy.subject_kind
        and other.slug != policy.slug
        and _rank(other) == _rank(policy)
        and (not policy.environment_kind or not other.environment_kind
             or policy.environment_kind == other.environment_kind)
        and policy_conditions.may_meet(policy.when, other.when)
    ]  # fmt: skip


@transaction.atomic
def change_policy(
    *,
    subject_kind: str,
    environment_kind: str = "",
    slug: str = "",
    when: Mapping[str, Any] | None = None,
    priority: int = 0,
    sentence: str,
    stages: list[dict[str, Any]],
    validity_days: int | None = None,
    effective_from: dt.datetime | None = None,
    by: Any,
) -> Policy:
    """Put a new version in force at once, or from `effective_from` on; requests under way keep the version that they
    were sent under. A `slug` that is not known yet begins another policy; empty, it is that of kind and environment.

    `stages` are in their order, each as `approvals.stage_rules` reads it, `when` as `approvals.policy_conditions` does.
    Raises `UnknownSubjectKind`, `UnfitStage`, `UnfitCondition`, `PolicyOfAnother`, `Invalid`.
    """
    kind_of(subject_kind)
    slug = slug.strip() or slug_of(subject_kind, environment_kind)
    require_form(slug_form, slug, Invalid, field="slug")
    if len(slug) > LONGEST_SLUG:
        raise Invalid(f"A policy's name has at most {LONGEST_SLUG} characters.", field="slug")
    if environment_kind and environment_kind not in Environment.Kind.values:
        raise Invalid(f"There is no environment “{environment_kind}”.", field="environment_kind")
    sentence = sentence.replace("\x00", "").strip()
    if not sentence:
        raise Invalid("Say in one sentence why it is so: people read it on their request.", field="sentence")
    if len(sentence) > LONGEST_SENTENCE:
        raise Invalid(f"Say in at most {LONGEST_SENTENCE} characters why it is so.", field="sentence")
    if validity_days is not None and not 1 <= validity_days <= LONGEST_VALIDITY:
        raise Invalid(
            f"A decision is valid for 1 to {LONGEST_VALIDITY:,} days; leave it empty for no end.", field="validity_days"
        )
    if not -HIGHEST <= priority <= HIGHEST:
        raise Invalid(f"The priority is a number from {-HIGHEST} to {HIGHEST}.", field="priority")
    begins = _begins(effective_from)
    # Locked in one order, so that none is removed and nobody unseated between our counting and the policy.
    asked = [str(stage.get("board")).replace("\x00", "") for stage in stages if isinstance(stage, dict)]
    named = Board.objects.filter(slug__in=asked).order_by("pk")
    boards = {board.slug: board for board in named.select_for_update(no_key=True)}
    kept = [stage.as_json() for stage in stage_rules.read(stages, boards)]
    conditions = policy_conditions.read(when or {})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [POLICY_LOCK])
    versions = Policy.objects.filter(slug=slug)
    before = versions.order_by("-version").first()
    if before is not None and before.subject_kind != subject_kind:
        raise PolicyOfAnother(
            f"“{slug}” decides on “{kind_of(before.subject_kind).name}”. Choose another name for this.", field="slug"
        )
    _end(versions, begins)
    policy = Policy.objects.create(
        slug=slug,
        subject_kind=subject_kind,
        environment_kind=environment_kind,
        when=conditions,
        priority=priority,
        version=before.version + 1 if before else 1,
        sentence=sentence,
        stages=kept,
        validity_days=validity_days,
        effective_from=begins,
    )
    record(
        "policy.changed",
        by=by,
        subject=policy,
        slug=slug,
        when=conditions,
        priority=priority,
        stages=kept,
        validity_days=validity_days,
        stages_before=before.stages if before else None,
        sentence=policy.sentence,
        effective_from=begins.isoformat(),
    )
    return policy


def slug_of(subject_kind: str, environment_kind: str) -> str:
    """The slug of the policy that holds for a kind in an environment ("": any), unless it is given another."""
    return "-".join(part for part in (subject_kind.replace("_", "-"), environment_kind) if part)


def _begins(effective_from: dt.datetime | None) -> dt.datetime:
    now = timezone.now()
    if effective_from is None or effective_from <= now:
        return now
    if effective_from > now + LATEST:
        raise Invalid("A version takes effect within a year.", field="effective_from")
    return effective_from


def _end(versions: Any, at: dt.datetime) -> None:
    """Let the version in force end at `at`, and one that would have begun later never begin."""
    for version in versions.filter(superseded_at=None):
        version.superseded_at = max(version.effective_from, at)
        version.save(update_fields=["superseded_at"])
    versions.filter(effective_from__lte=at, superseded_at__gt=at).update(superseded_at=at)


def _rank(policy: Policy) -> tuple[int, int]:
    return -policy.priority, -(len(policy.when) + bool(policy.environment_kind))
