"""Change who decides: asked as a request of its own, put in force by its approval and by nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from approvals.delegation.capabilities import Capability, capability_of
from approvals.delegation.preview import Preview, preview
from approvals.delegation.standing import Standing, standing
from approvals.delegation.tables import Delegation, Mode
from approvals.evidence.collectors import Collector
from approvals.models import Decision, Request
from approvals.subjects import Evidence, SubjectKind, facts_stay
from approvals.submit import submit
from audit.record import record
from refusals.errors import Conflict, Forbidden, Invalid
from tenants.archiving import refuse_archived
from tenants.models import Tenant, User
from tenants.scope import everything
from tenants.structure import reserve

KIND = "delegation"
MANAGE = "approvals.manage_policies"
AS_ALL = "as_all"  # an exception ends: the tenant is as all others
MOST_WORDS = 300


class UnknownMode(Invalid):
    code = "unknown_mode"


class SameAlready(Conflict):
    code = "decided_so_already"
    title = "It is so already"


def require_proposer(by: User) -> None:
    """Raise `Forbidden` unless `by` may propose who decides."""
    if not by.has_perm(MANAGE):
        raise Forbidden(
            "Only who may “Change the policies of governance” proposes who decides. The platform team holds it.",
            permission=MANAGE,
        )


def tried(
    *, capability: str, mode: str, threshold: Mapping[str, Any], tenant: Tenant | None, sentence: str = ""
) -> Preview:
    """What a change would do, without asking for it. Raises what `propose` does of its arguments."""
    known = capability_of(capability)
    before = standing(capability, tenant)
    return preview(before, _wanted(known, mode, threshold, tenant, sentence), tenant)


@transaction.atomic
def propose(
    *, capability: str, mode: str, threshold: Mapping[str, Any], tenant: Tenant | None = None, sentence: str, by: User
) -> Request:
    """Ask that `mode` (`platform`, `above`, `tenant`; `as_all` ends an exception) decides on `capability`, in `tenant`
    or (None) wherever no exception holds.

    Raises `Forbidden`, `UnknownCapability`, `UnknownMode`, `ThresholdNotUnderstood`, `SameAlready`, `TenantArchived`
    and what `approvals.submit` refuses.
    """
    require_proposer(by)
    known = capability_of(capability)
    if tenant is not None:
        refuse_archived(tenant)
    sentence = sentence.replace("\x00", "").strip()
    if not sentence or len(sentence) > MOST_WORDS:
        raise Invalid(
            f"Say in one sentence of at most {MOST_WORDS} characters why it should be so: people read it where it"
            " bites.",
            field="sentence",
        )
    before, after = standing(capability, tenant), _wanted(known, mode, threshold, tenant, sentence)
    if _is_same(before, after, tenant, mode):
        raise SameAlready(f"{known.name}: {before.words} already. Nothing would change.", field="mode")
    told = preview(before, after, tenant)
    where = f"in {tenant}" if tenant else "everywhere"
    return submit(
        subject_kind=KIND,
        subject_key=f"{capability}:{tenant.pk if tenant else '*'}",
        title=f"Who decides on {known.name.lower()} {where}: {after.words}",
        reason=sentence,
        facts={
            "capability": capability,
            "mode": mode,
            "threshold": dict(after.threshold) if mode != AS_ALL else {},
            "tenant": tenant.slug if tenant else "",
            "before": before.frozen(),
            "effect": told.frozen(),
        },
        tenant=tenant,
        by=by,
    )


def _wanted(
    capability: Capability, mode: str, threshold: Mapping[str, Any], tenant: Tenant | None, sentence: str
) -> Standing:
    if mode == AS_ALL and tenant is not None:
        return standing(capability.slug, None)
    if mode not in capability.means:
        allowed = ", ".join(str(each) for each in capability.means)
        why = f" {capability.lacks}" if mode in Mode.values and capability.lacks else ""
        raise UnknownMode(f"Choose one of {allowed}.{why}", field="mode")
    return Standing(capability, Mode(mode), capability.read_threshold(mode, threshold), sentence)


def _is_same(before: Standing, after: Standing, tenant: Tenant | None, mode: str) -> bool:
    if mode == AS_ALL:
        return not before.is_own
    same = before.mode == after.mode and dict(before.threshold) == dict(after.threshold)
    return same and (tenant is None or before.is_own)


def _revise(request: Request, facts: Mapping[str, Any], by: User) -> Mapping[str, Any]:
    require_proposer(by)
    return facts_stay(request, facts, by)


def _lock(request: Request) -> None:
    reserve(f"delegation {request.subject_key}")


def _put_in_force(request: Request, decision: Decision, by: Any) -> None:
    facts = request.facts
    versions = Delegation.objects.filter(capability=facts["capability"], tenant=request.tenant)
    latest = versions.order_by("-version").first()
    versions.filter(superseded_at=None).update(superseded_at=timezone.now())
    made = Delegation.objects.create(
        capability=facts["capability"],
        tenant=request.tenant,
        mode="" if facts["mode"] == AS_ALL else facts["mode"],
        threshold=facts["threshold"],
        version=latest.version + 1 if latest else 1,
        sentence=request.reason[:MOST_WORDS],
        request_number=request.number,
    )
    record(
        "delegation.changed",
        by=by,
        subject=made,
        tenant=request.tenant.slug if request.tenant else "",
        capability=facts["capability"],
        mode=facts["mode"],
        threshold=facts["threshold"],
        before=facts["before"],
        number=request.number,
    )


def _evidence(request: Request) -> list[Evidence]:
    """Who gains and loses as it is now; the preview that was sent stays in the facts."""
    facts = request.facts
    with everything("the effect is told for every tenant it holds for"):
        now = tried(
            capability=facts["capability"], mode=facts["mode"], threshold=facts["threshold"], tenant=request.tenant
        )
    return [Evidence(line["name"], line["value"], "Members, boards and requests") for line in now.frozen()]


DELEGATION = SubjectKind(
    slug=KIND,
    name="Who decides",
    effect="From then on these people decide; requests under way keep theirs.",
    on_approved=_put_in_force,
    lock=_lock,
    collectors=(
        Collector(
            "effect",
            "Who gains and who loses",
            "Who would decide from then on, and where the requests of 90 days would have gone.",
            dt.timedelta(days=1),
            _evidence,
        ),
    ),
    revise=_revise,
    page=lambda request: "/platform/delegation/",
    looks_at=(
        "Who gains the right to decide, and can they answer for it?",
        "Who loses it, and do they know?",
        "Where would the requests of the last 90 days have gone?",
        "Can the tenants stop what goes wrong, and would the platform see it?",
    ),
)
