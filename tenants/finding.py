"""Lists of tenants and people as they are searched and sorted, on pages and in the API alike."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from tenants.models import Membership, Project, Tenant, User
from tenants.scoping import tenants_for

TENANT_SORTS = ("name", "cost_centre", "created_at", "members", "projects")
PEOPLE_SORTS = ("username", "display_name", "last_login", "date_joined")


def tenants(viewer: User, *, text: str = "", mine: bool = False, archived: bool = False) -> QuerySet[Tenant]:
    """The tenants that `viewer` may see, with the words of `text` in name, slug or cost centre."""
    found = tenants_for(viewer).filter(archived_at__isnull=not archived)
    if mine:
        found = found.filter(memberships__user=viewer)
    for word in text.split():
        found = found.filter(Q(name__icontains=word) | Q(slug__icontains=word) | Q(cost_centre__icontains=word))
    return found


def with_counts(rows: QuerySet[Tenant], viewer: User) -> QuerySet[Tenant]:
    """`rows` with `members`, `projects` and the viewer's own `role` ("" without)."""
    role = Membership.objects.filter(tenant=OuterRef("pk"), user=viewer).values("role")[:1]
    return rows.annotate(
        members=_count(Membership.objects.all()), projects_count=_count(Project.objects.all()), role=Subquery(role)
    )


def people(*, text: str = "", role: str = "", active: bool | None = None) -> QuerySet[User]:
    """Everybody, with the words of `text` in user name, name or e-mail; `role` is one above tenants."""
    found = User.objects.all()
    for word in text.split():
        found = found.filter(Q(username__icontains=word) | Q(display_name__icontains=word) | Q(email__icontains=word))
    if role:
        found = found.filter(appointments__role=role)
    return found if active is None else found.filter(is_active=active)


def person(text: str) -> User | None:
    """The active person with this user name or e-mail, exactly but for case; None where nobody or more than one is.

    What has an `@` is an e-mail address and never a user name, so that nobody is found by calling themselves like
    somebody else's address.
    """
    text = text.replace("\x00", "").strip()
    if not text:
        return None
    named = Q(email__iexact=text) if "@" in text else Q(username__iexact=text)
    found = list(User.objects.filter(named, is_active=True)[:3])
    exact = [user for user in found if user.username == text]
    return exact[0] if exact else found[0] if len(found) == 1 else None


def ordered[M: Model](
    rows: QuerySet[M], wanted: str, allowed: tuple[str, ...], default: str
) -> tuple[QuerySet[M], str]:
    """`rows` in the order `wanted` when it is allowed, else in the default one; and the order that holds."""
    sort = wanted if wanted.removeprefix("-") in allowed else default
    columns = {"projects": "projects_count"}
    column = columns.get(sort.removeprefix("-"), sort.removeprefix("-"))
    return rows.order_by(f"-{column}" if sort.startswith("-") else column, "pk"), sort


def _count(rows: QuerySet[Any]) -> Any:
    counted = rows.filter(tenant=OuterRef("pk")).order_by().values("tenant").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)
