"""Bring about what a plan says: in one transaction, under the tenant's lock, and only what was seen."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from access.applying.members import People, first_owner
from access.applying.planning import NEW, plan
from access.applying.schema import Document
from access.applying.steps import Plan, PlanIsStale, StepsRefused, TooManySteps
from audit.record import record
from refusals.problems import FileNotUnderstood, Problem
from tenants import scoping
from tenants.models import Project, Tenant, User
from tenants.scope import everything
from tenants.structure import change_tenant, create_tenant, reserve_slug


@transaction.atomic
def apply(*, document: Document, tenant: Tenant, prune: bool, fingerprint: str, by: Any) -> Plan:
    """Do every step of the plan with this `fingerprint`, or nothing. What was done is the plan that is returned.

    Raises `PlanIsStale` when the tenant has changed since it was made, `StepsRefused`, `TooManySteps`,
    `FileNotUnderstood`, and what the verbs of the steps raise.
    """
    if tenant._state.adding:
        reserve_slug(tenant.slug)
    else:
        tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
        list(Project.objects.select_for_update(no_key=True).filter(tenant=tenant).order_by("pk").values_list("pk"))
    made = plan(document=document, tenant=tenant, prune=prune, by=by)
    if made.fingerprint != fingerprint:
        raise PlanIsStale
    if made.refused:
        raise StepsRefused(made.refused)
    if made.is_too_long:
        raise TooManySteps(len(made.steps))
    if not made.steps:
        return made
    steps = made.steps
    if tenant._state.adding:
        tenant, owner = _create(document, tenant, by)
        steps = tuple(step for step in steps if not (step.kind == "member" and step.name == owner.username))
    for step in steps:
        step.perform(tenant, by)
    record(
        "tenant.applied", by=by, subject=tenant, tenant=tenant.slug, prune=prune, fingerprint=fingerprint,
        steps=[f"{step.action} {step.kind} {step.name}" for step in made.steps[:200]], count=len(made.steps),
    )  # fmt: skip
    return made


def tenant_to_apply_to(slug: str, by: Any) -> Tenant:
    """The tenant called `slug` that `by` may apply a file to, or a new one, not saved, where there is none and they
    may create tenants. Raises `Missing`, `Forbidden`."""
    if not isinstance(by, User):
        return Tenant.objects.filter(slug=slug).first() or Tenant(slug=slug, name=slug)
    if by.has_perm("tenants.add_tenant") and not _exists(slug):
        return Tenant(slug=slug, name=slug)
    return scoping.find_tenant(by, slug, "tenants.manage_members")


@everything("a short name is taken whoever has it")
def _exists(slug: str) -> bool:
    return Tenant.objects.filter(slug=slug).exists()


def _create(document: Document, tenant: Tenant, by: Any) -> tuple[Tenant, User]:
    people = People.of(tenant, [part.person for part in document.members or ()])
    owner = first_owner(document.members or (), people)
    if owner is None or document.name is None:
        raise FileNotUnderstood([Problem(0, NEW)])
    made = create_tenant(
        slug=tenant.slug, name=document.name, owner=owner, cost_centre=document.cost_centre or "", by=by
    )
    if document.is_discoverable:
        made = change_tenant(tenant=made, name=made.name, cost_centre=made.cost_centre, is_discoverable=True, by=by)
    return made, owner
