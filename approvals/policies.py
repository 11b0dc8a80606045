"""Which policy decides on a request, and how a policy is changed: never in place, always as a new version."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from approvals import stage_rules
from approvals.models import Board, Policy
from approvals.subjects import kind_of
from audit.record import record
from refusals.errors import Conflict, Invalid
from tenants.models import Environment

POLICY_LOCK = 0x50_4F_4C_49  # one change of policies at a time: a version has one successor


class NoPolicy(Conflict):
    code = "no_policy"
    title = "Nobody is named to decide on this"


def policy_for(subject_kind: str, environment_kind: str = "") -> Policy:
    """The policy in force for a kind of subject: that of the environment's kind, else the one for any.

    Raises `NoPolicy`.
    """
    found = in_force(subject_kind)
    policy = found.get(environment_kind) or found.get("")
    if policy is None:
        raise NoPolicy(
            f"No policy says who decides on “{kind_of(subject_kind).name}”"
            f"{f' in {environment_kind}' if environment_kind else ''}. The platform team can set one under Policies."
        )
    return policy


def in_force(subject_kind: str) -> dict[str, Policy]:
    """The policies in force for a kind of subject, by the kind of environment they are for ("": any)."""
    rows = Policy.objects.filter(subject_kind=subject_kind, superseded_at=None)
    return {policy.environment_kind: policy for policy in rows}


@transaction.atomic
def change_policy(
    *,
    subject_kind: str,
    environment_kind: str = "",
    sentence: str,
    stages: list[dict[str, Any]],
    validity_days: int | None = None,
    by: Any,
) -> Policy:
    """Put a new version in force at once; requests under way keep the version that they were sent under.

    `stages` are in their order, each as `approvals.stage_rules` reads it. Raises `UnknownSubjectKind`, `UnfitStage`,
    `Invalid`.
    """
    kind_of(subject_kind)
    if environment_kind and environment_kind not in Environment.Kind.values:
        raise Invalid(f"There is no environment “{environment_kind}”.", field="environment_kind")
    if not sentence.strip():
        raise Invalid("Say in one sentence why it is so: people read it on their request.", field="sentence")
    if validity_days is not None and validity_days < 1:
        raise Invalid("A decision is valid for at least one day; leave it empty for no end.", field="validity_days")
    # Locked in one order, so that none is removed and nobody unseated between our counting and the policy.
    asked = [str(stage.get("board")) for stage in stages if isinstance(stage, dict)]
    named = Board.objects.filter(slug__in=asked).order_by("pk")
    boards = {board.slug: board for board in named.select_for_update(no_key=True)}
    kept = [stage.as_json() for stage in stage_rules.read(stages, boards)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [POLICY_LOCK])
    versions = Policy.objects.filter(subject_kind=subject_kind, environment_kind=environment_kind)
    before = versions.order_by("-version").first()
    versions.filter(superseded_at=None).update(superseded_at=timezone.now())
    policy = Policy.objects.create(
        subject_kind=subject_kind,
        environment_kind=environment_kind,
        version=before.version + 1 if before else 1,
        sentence=sentence.strip(),
        stages=kept,
        validity_days=validity_days,
    )
    record(
        "policy.changed",
        by=by,
        subject=policy,
        stages=kept,
        validity_days=validity_days,
        stages_before=before.stages if before else None,
        sentence=policy.sentence,
    )
    return policy
