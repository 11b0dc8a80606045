"""Lists of tenants and people as they are searched and sorted, on pages and in the API alike."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from audit.models import Entry
from tenants.key_reach import wider_than_used
from tenants.models import ApiKey, Membership, Project, ProjectRole, Tenant, User
from tenants.scoping import tenants_for

# Names of orders in addresses, and their columns.
TENANT_SORTS = {
    "name": "name", "cost_centre": "cost_centre", "created_at": "created_at", "members": "members",
    "projects": "projects_count",
}  # fmt: skip
PEOPLE_SORTS = {name: name for name in ("username", "display_name", "last_login", "date_joined")}
KEY_SORTS = {name: name for name in ("name", "created_at", "last_used_at", "expires_at")}
TOKEN_SORTS = KEY_SORTS
MEMBER_SORTS = {
    "person": "user__display_name", "username": "user__username", "role": "role", "since": "created_at",
    "added_by": "created_by__username",
}  # fmt: skip
PROJECT_ROLE_SORTS = {
    "person": "user__display_name", "username": "user__username", "role": "role", "since": "created_at",
    "given_by": "created_by__username",
}  # fmt: skip
PROJECT_SORTS = {"name": "name", "purpose": "purpose", "keys": "keys", "since": "created_at"}
PROJECT_STATES = {"keys": "With keys", "no-keys": "Without keys", "archived": "Archived"}


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
    """Everybody who is a person, with the words of `text` in user name, name or e-mail; `role` is one above tenants."""
    found = User.objects.filter(is_service=False)
    for word in text.split():
        found = found.filter(Q(username__icontains=word) | Q(display_name__icontains=word) | Q(email__icontains=word))
    if role:
        found = found.filter(appointments__role=role)
    return found if active is None else found.filter(is_active=active)


def members[M: (Membership, ProjectRole)](rows: QuerySet[M], *, text: str = "", role: str = "") -> QuerySet[M]:
    """Those of `rows` with the words of `text` in user name, name or e-mail, and with `role`; members of a tenant, or
    who has a role in a project."""
    for word in text.split():
        rows = rows.filter(
            Q(user__username__icontains=word) | Q(user__display_name__icontains=word) | Q(user__email__icontains=word)
        )
    return rows.filter(role=role) if role else rows


def projects(rows: QuerySet[Project], *, text: str = "", state: str = "") -> QuerySet[Project]:
    """Those of `rows` with the words of `text` in name, slug or purpose and in a state of `PROJECT_STATES`, with the
    number of their `keys` that are not revoked."""
    found: QuerySet[Any] = rows.annotate(
        keys=Count("environments__keys", filter=Q(environments__keys__revoked_at=None))
    )
    for word in text.split():
        found = found.filter(Q(name__icontains=word) | Q(slug__icontains=word) | Q(purpose__icontains=word))
    match state:
        case "archived":
            return found.filter(archived_at__isnull=False)
        case "keys":
            return found.filter(archived_at=None, keys__gt=0)
        case "no-keys":
            return found.filter(archived_at=None, keys=0)
    return found


def keys(rows: QuerySet[ApiKey], *, text: str = "", state: str = "", kind: str = "") -> QuerySet[ApiKey]:
    """Those of `rows` in `state`, of a kind of environment, with the words of `text` in name or prefix, or as issuer or
    project."""
    found: Any = rows
    if state == "wide":
        found = wider_than_used(found)
    elif state:
        found = found.in_state(state)
    if kind:
        found = found.filter(environment__kind=kind)
    for word in text.split():
        found = found.filter(
            Q(name__icontains=word)
            | Q(prefix__icontains=word[:40])
            | Q(created_by__username=word)
            | Q(environment__project__slug=word)
        )
    narrowed: QuerySet[ApiKey] = found
    return narrowed


def entries(tenant: Tenant, *, text: str = "", verb: str = "") -> QuerySet[Entry]:
    """What was done in `tenant`, with the words of `text` in actor, subject or verb, and verbs that begin as `verb`."""
    rows = Entry.objects.filter(tenant=tenant.slug)
    if verb:
        rows = rows.filter(verb__startswith=verb)
    for word in text.split():
        rows = rows.filter(Q(actor_label__icontains=word) | Q(subject_label__icontains=word) | Q(verb__icontains=word))
    return rows


def person(text: str) -> User | None:
    """The active person with this user name or e-mail, exactly but for case; None where nobody or more than one is.

    What has an `@` is an e-mail address and never a user name, so that nobody is found by calling themselves like
    somebody else's address.
    """
    return _called(User.objects.filter(is_service=False), text)


def member(tenant: Tenant, text: str) -> User | None:
    """The same among the members of `tenant`, service accounts too: nobody learns here who else has an account."""
    return _called(User.objects.filter(memberships__tenant=tenant), text)


def _called(rows: QuerySet[User], text: str) -> User | None:
    text = text.replace("\x00", "").strip()
    if not text:
        return None
    named = Q(email__iexact=text) if "@" in text else Q(username__iexact=text)
    found = list(rows.filter(named, is_active=True)[:3])
    exact = [user for user in found if user.username == text]
    return exact[0] if exact else found[0] if len(found) == 1 else None


def _count(rows: QuerySet[Any]) -> Any:
    counted = rows.filter(tenant=OuterRef("pk")).order_by().values("tenant").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)
