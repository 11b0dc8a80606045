"""Bring a team: a person asks for a tenant, a board decides, and approval creates it with the requester as owner.

The thin edition asks for what a tenant cannot be without; a wizard that asks more sends through the same verb.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse

from approvals.models import Decision, Request
from approvals.subjects import Evidence, SubjectKind
from approvals.submit import OpenRequestExists, submit
from refusals.errors import Invalid
from tenants.models import Tenant, User, slug_form
from tenants.scope import everything, only, widen
from tenants.structure import SlugTaken, create_project, create_tenant, is_taken, reserve_slug

KIND = "onboarding"


@transaction.atomic
def bring_team(
    *,
    name: str,
    slug: str,
    purpose: str,
    by: User,
    cost_centre: str = "",
    project_name: str = "",
    project_slug: str = "",
) -> Request:
    """Ask for a tenant called `slug`, with a first project if one is named.

    Raises `Invalid`, `SlugTaken` and the refusals of `approvals.submit`.
    """
    name, project_name = name.strip(), project_name.strip()
    if not name or len(name) > 120:
        raise Invalid("Give the team a name of at most 120 characters.", field="name")
    for field, value in (("slug", slug), ("project_slug", project_slug)):
        if value or field == "slug":
            _check_slug(value, field)
    if bool(project_name) != bool(project_slug):
        raise Invalid("A first project needs a name and a short name, or leave both empty.", field="project_name")
    if is_taken(slug):
        raise SlugTaken(f"“{slug}” is already taken. Choose another short name.", field="slug")
    return _submitted(
        subject_key=slug,
        title=f"{name} asks to become a tenant",
        reason=purpose,
        facts={
            "name": name,
            "slug": slug,
            "cost_centre": cost_centre.strip()[:40],
            "project_name": project_name[:120],
            "project_slug": project_slug,
        },
        by=by,
    )


def _submitted(*, by: User, **asked: Any) -> Request:
    """Hand the question in. Somebody else's open request for the same name is not shown: only one's own is followed."""
    try:
        return submit(subject_kind=KIND, by=by, **asked)
    except OpenRequestExists as earlier:
        if Request.objects.filter(number=earlier.facts["number"], requester=by).exists():
            raise
        raise SlugTaken("Somebody has asked for this short name already. Choose another.", field="slug") from None


def _check_slug(value: str, field: str) -> None:
    try:
        slug_form(value)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field=field) from error
    if len(value) > 40:
        raise Invalid("A short name has at most 40 characters.", field=field)


def _lock(request: Request) -> None:
    reserve_slug(request.facts["slug"])


def _create(request: Request, decision: Decision, by: Any) -> None:
    facts = request.facts
    tenant = create_tenant(
        slug=facts["slug"],
        name=facts["name"],
        cost_centre=facts["cost_centre"],
        owner=request.requester,
        is_demonstration=request.is_demonstration,
        by=by,
    )
    with only(tenant, because="a tenant that was just decided on is set up"):
        if facts["project_slug"]:
            create_project(
                tenant=tenant, slug=facts["project_slug"], name=facts["project_name"], purpose=request.reason, by=by
            )
        Request.objects.filter(pk=request.pk).update(tenant=tenant)
    request.tenant = tenant
    widen([tenant.pk], "a tenant that was just decided on")


def _evidence(request: Request) -> list[Evidence]:
    facts, requester = request.facts, request.requester
    with everything("other tenants of the same name are counted, not named"):
        alike = Tenant.objects.filter(name__iexact=facts["name"]).exclude(slug=facts["slug"]).count()
        elsewhere = [f"{m.tenant} ({m.role})" for m in requester.memberships.select_related("tenant")]
    project = f"{facts['project_name']} ({facts['project_slug']})" if facts["project_slug"] else "none yet"
    return [
        Evidence("Name", f"{facts['name']} ({facts['slug']})", "Requester"),
        Evidence("Cost centre", facts["cost_centre"] or "not stated", "Requester"),
        Evidence("First project", project, "Requester"),
        Evidence("Future owner", str(requester), "Requester"),
        Evidence("Their other tenants", ", ".join(elsewhere) or "none", "Tenants"),
        # Counted, not named: the requester reads this too. Whoever may see other tenants finds them behind the path.
        Evidence(
            "Tenants of the same name",
            str(alike or "none"),
            "Tenants",
            path=f"{reverse('tenants:list')}?{urlencode({'q': facts['name']})}" if alike else "",
        ),
    ]


def _page(request: Request) -> str:
    tenant = Tenant.objects.filter(slug=request.facts.get("slug")).first()
    return tenant.get_absolute_url() if tenant else ""


ONBOARDING = SubjectKind(
    slug=KIND,
    name="A new tenant",
    effect="The tenant is created with the requester as its owner, who can then invite the team.",
    on_approved=_create,
    lock=_lock,
    evidence=_evidence,
    page=_page,
    looks_at=(
        "Is it a team or line of business, and does somebody answer for it?",
        "Is the cost centre right?",
        "Is there a tenant for this team already?",
    ),
)
