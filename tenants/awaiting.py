"""What waits in tenants for who answers for them: who asks to join or for a role, and members to be confirmed."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Exists, IntegerField, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from tenants.access_reviews import AccessConfirmation, AccessReview
from tenants.arrivals import JoinRequest
from tenants.attention import Concern
from tenants.delegation import MANAGE_MEMBERS, MANAGE_TENANT
from tenants.elevations import Elevation
from tenants.models import Membership, Tenant, User
from tenants.scoping import tenants_for


def waiting_for(person: User, *, tenant: Tenant | None = None) -> list[Concern]:
    """What `person`, a member, can answer in their tenants or in `tenant` alone; by tenant, in one query."""
    rows: Any = tenants_for(person, MANAGE_MEMBERS).filter(memberships__user=person, archived_at=None)
    if tenant is not None:
        rows = rows.filter(pk=tenant.pk)
    found = rows.annotate(
        joining=_count(JoinRequest.objects.in_state("waiting")),
        asking=_count(Elevation.objects.waiting().exclude(user=person)),
        review_due_at=Subquery(_reviews(person).filter(tenant=OuterRef("pk")).values("due_at")[:1]),
    )
    return [each for row in found.order_by("name", "pk") for each in _concerns(row)]


def _concerns(tenant: Any) -> list[Concern]:
    path, found = tenant.get_absolute_url(), []
    if tenant.joining:
        who = "Somebody asks" if tenant.joining == 1 else f"{tenant.joining} people ask"
        found.append(Concern("waiting", f"{who} to join {tenant}.", f"{path}members/"))
    if tenant.asking:
        who = "A member asks" if tenant.asking == 1 else f"{tenant.asking} members ask"
        found.append(Concern("waiting", f"{who} for a role in {tenant} for a time.", f"{path}elevations/"))
    if tenant.review_due_at:
        until = f"{tenant.review_due_at:%d %B}".lstrip("0")
        found.append(Concern("waiting", f"Confirm until {until} who still needs {tenant}.", f"{path}access-review/"))
    return found


def _reviews(person: User) -> QuerySet[AccessReview]:
    """Those under way in which somebody is not confirmed yet, where `person` may confirm."""
    is_confirmed = Exists(AccessConfirmation.objects.filter(review=OuterRef(OuterRef("pk")), user=OuterRef("user")))
    members = Membership.objects.filter(tenant=OuterRef("tenant"), created_at__lte=OuterRef("began_at"))
    under_way = AccessReview.objects.filter(tenant__in=tenants_for(person, MANAGE_TENANT), concluded_at=None)
    return under_way.filter(Exists(members.filter(~is_confirmed)))


def _count[M: Model](rows: QuerySet[M]) -> Coalesce:
    counted = rows.filter(tenant=OuterRef("pk")).order_by().values("tenant").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted), 0, output_field=IntegerField())
