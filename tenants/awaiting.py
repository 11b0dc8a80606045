"""What waits in tenants for who answers for them: who asks to join or for a role, and members to be confirmed."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject

from tenants.access_reviews import AccessReview
from tenants.arrivals import JoinRequest
from tenants.attention import Concern, count_of
from tenants.delegation import MANAGE_MEMBERS, MANAGE_TENANT, may_give, passed_on
from tenants.elevations import Elevation
from tenants.models import User
from tenants.own_roles import CustomRole
from tenants.reach import reach_of
from tenants.reviewing import unconfirmed_in
from tenants.roles import TENANT_ROLES
from tenants.scoping import held, tenants_for


def waiting_for(person: User) -> list[Concern]:
    """What waits in the tenants that `person` is a member of and answers for, by tenant, in one query at most."""
    if not reach_of(person):
        return []
    answered_for = tenants_for(person, MANAGE_MEMBERS) | tenants_for(person, MANAGE_TENANT)
    rows: Any = answered_for.filter(memberships__user=person, archived_at=None)
    found = rows.annotate(**asked_of(person)).order_by("name", "pk")
    return [each for row in found for each in questions(row, person, held(person, row))]


def asked_of(person: User) -> dict[str, Any]:
    """The annotations of a tenant that `questions` reads."""
    return {
        "joining": count_of(JoinRequest.objects.in_state("waiting")),
        "asking": ArraySubquery(_asked_roles(person)),
        "review_due_at": Subquery(_reviews(person).filter(tenant=OuterRef("pk")).values("due_at")[:1]),
    }


def questions(tenant: Any, person: User, held: frozenset[str]) -> list[Concern]:
    """What waits in `tenant`, annotated with `asked_of`, for `person`, who holds `held` there: what they can answer."""
    path, found = tenant.get_absolute_url(), []
    if tenant.joining and MANAGE_MEMBERS in held:
        who = "Somebody asks" if tenant.joining == 1 else f"{tenant.joining} people ask"
        found.append(Concern("waiting", f"{who} to join {tenant}.", f"{path}members/"))
    if asking := _answerable(tenant, person, held):
        who = "A member asks" if asking == 1 else f"{asking} members ask"
        found.append(Concern("waiting", f"{who} for a role in {tenant} for a time.", f"{path}elevations/"))
    if tenant.review_due_at:
        until = f"{tenant.review_due_at:%d %B}".lstrip("0")
        found.append(Concern("waiting", f"Confirm until {until} who still needs {tenant}.", f"{path}access-review/"))
    return found


def _asked_roles(person: User) -> QuerySet[Any]:
    """The role of each wish of others for a time, with what a role of the tenant's own may."""
    rows: Any = Elevation.objects.waiting().exclude(user=person).filter(tenant=OuterRef("pk")).order_by()
    own = CustomRole.objects.filter(tenant=OuterRef("tenant"), slug=OuterRef("role")).values("permissions")[:1]
    asked: QuerySet[Any] = rows.annotate(may=Subquery(own)).values(asked=JSONObject(role="role", may="may"))
    return asked


def _answerable(tenant: Any, person: User, held: frozenset[str]) -> int:
    """How many wishes for a role `person` may grant."""
    if not tenant.asking or MANAGE_MEMBERS not in held:
        return 0
    own = passed_on(person, tenant, held)
    wanted = (
        TENANT_ROLES[each["role"]].permissions if each["role"] in TENANT_ROLES else each["may"] or ()
        for each in tenant.asking
    )
    return sum(may_give(own, permissions) for permissions in wanted)


def _reviews(person: User) -> QuerySet[AccessReview]:
    """Those under way in which somebody is not confirmed yet, where `person` may confirm."""
    under_way = AccessReview.objects.filter(tenant__in=tenants_for(person, MANAGE_TENANT), concluded_at=None)
    left = unconfirmed_in(OuterRef("pk"), tenant=OuterRef("tenant"), began_at=OuterRef("began_at"))
    return under_way.filter(Exists(left))
