"""Ask for a key where the platform decides on keys: the subject kind `key`, whose approval permits one key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from access.keys.capability import KEYS, who_decides
from access.keys.tables import KeyPermit
from access.models import Grant
from approvals.evidence.collectors import Collector
from approvals.models import Decision, Request
from approvals.subjects import Evidence, SubjectKind, facts_stay
from approvals.submit import submit
from audit.record import record
from refusals.errors import Conflict
from tenants.archiving import refuse_archived
from tenants.models import ApiKey, Environment, User
from tenants.scoping import require

KIND = "key"
MANAGE_KEYS = "tenants.manage_keys"
COLLECT_WITHIN = dt.timedelta(days=14)


class LeftToTenant(Conflict):
    code = "left_to_tenant"
    title = "You can issue it yourself"


class PermittedAlready(Conflict):
    code = "permitted_already"
    title = "It was approved already"


@transaction.atomic
def request_key(*, environment: Environment, reason: str, by: User) -> Request:
    """Ask that `by` may issue a key of `environment`.

    Raises `Missing` or `Forbidden` (needs `tenants.manage_keys`), `LeftToTenant`, `PermittedAlready`, `TenantArchived`,
    `ProjectArchived` and the refusals of `approvals.submit`.
    """
    _require(environment, by)
    return submit(
        subject_kind=KIND,
        subject_key=f"{environment.pk}:{by.pk}",
        title=f"{environment.project.name} asks for a key in {environment.kind}",
        reason=reason,
        facts={"environment": environment.path},
        tenant=environment.tenant,
        environment=environment,
        by=by,
    )


def _require(environment: Environment, by: User) -> None:
    """Raise why `by` cannot ask for a key of `environment`."""
    require(by, MANAGE_KEYS, environment)
    refuse_archived(environment.tenant, environment.project)
    if who_decides(environment) is None:
        raise LeftToTenant(
            f"Keys of {environment} are left to {environment.tenant}, so you can issue it yourself.",
            way_out=issuing_page(environment),
        )
    held = KeyPermit.objects.unused().filter(environment=environment, user=by).first()
    if held is not None:
        raise PermittedAlready(
            f"You may issue a key of {environment} already, until {held.expires_at:%d %b %Y}.",
            way_out=issuing_page(environment),
        )


def _revise(request: Request, facts: Mapping[str, Any], by: User) -> Mapping[str, Any]:
    if request.environment is not None:
        _require(request.environment, by)
    return facts_stay(request, facts, by)


def issuing_page(environment: Environment) -> str:
    """Where a key of `environment` is issued."""
    return f"{reverse('tenants:issue-key', args=[environment.tenant.slug])}?environment={environment.path}"


def _lock(request: Request) -> None:
    if request.environment is not None:
        Environment.objects.select_for_update(no_key=True).get(pk=request.environment.pk)


def _permit(request: Request, decision: Decision, by: Any) -> None:
    if request.environment is not None:
        permit(environment=request.environment, user=request.requester, request=request, by=by)


def permit(*, environment: Environment, user: User, request: Request | None, by: Any) -> KeyPermit:
    """Let `user` issue one key of `environment`, as `request` was approved; within the caller's transaction."""
    made = KeyPermit.objects.create(
        tenant=environment.tenant,
        environment=environment,
        user=user,
        request_number=request.number if request else None,
        expires_at=timezone.now() + COLLECT_WITHIN,
    )
    record(
        "permit.given", by=by, subject=made, tenant=environment.tenant.slug, environment=environment.path,
        user=user.username,
    )  # fmt: skip
    return made


def _evidence(request: Request) -> list[Evidence]:
    environment = request.environment
    usable = ApiKey.objects.filter(environment=environment).usable()
    granted = Grant.objects.in_force().filter(environment=environment).select_related("route")
    routes = ", ".join(sorted(grant.route.slug for grant in granted))
    unused = usable.filter(last_used_at=None).count()
    keys = f"{usable.count()}, of which {unused} never used" if usable.exists() else "none"
    return [
        Evidence("Keys of this environment that work", keys, "Keys"),
        Evidence("What a key would open", routes or "nothing yet: no grant is in force", "Grants"),
    ]


def _page(request: Request) -> str:
    return issuing_page(request.environment) if request.environment else ""


ASKING_FOR_A_KEY = SubjectKind(
    slug=KIND,
    name="A key",
    effect=f"Who asked may issue one key of the environment, within {COLLECT_WITHIN.days} days.",
    on_approved=_permit,
    lock=_lock,
    collectors=(
        Collector(
            "keys",
            "Keys and grants",
            "Keys of the environment, and what a key would open.",
            dt.timedelta(days=1),
            _evidence,
        ),
    ),
    revise=_revise,
    page=_page,
    is_replaced=False,  # each is for a key of its own
    capability=KEYS,
    measure=lambda facts, environment_kind: {"environment": environment_kind},
    looks_at=(
        "Is a program named that needs a key of its own?",
        "Are there keys already that nobody uses?",
        "Are the grants of this environment what that program should open?",
    ),
)
