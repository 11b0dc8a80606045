"""The people and groups of a directory as pages and the API list them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.fields import ArrayField
from django.db.models import CharField, Count, Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from tenants.arrivals import Invitation
from tenants.directory.standing import ACTIVE, seen_by
from tenants.models import Directory, DirectoryGroup, DirectoryGroupMember, DirectoryPerson, Membership

STATES = ("active", "invited", "waiting", "inactive")
SORTS = {"user_name": "user_name", "email": "email", "changed": "changed_at", "since": "created_at"}


@dataclass(frozen=True)
class Figures:
    """What a directory holds, in numbers."""

    people: int
    told: int
    groups: int
    members: int


def figures(directory: Directory) -> Figures:
    """How many people the directory sees, of how many it spoke itself, its groups, and who is a member by its rules."""
    counted = seen_by(directory).aggregate(people=Count("pk"), told=Count("pk", filter=Q(is_adopted=False)))
    groups = DirectoryGroup.objects.filter(directory=directory).count()
    members = Membership.objects.filter(directory=directory).count()
    return Figures(counted["people"], counted["told"], groups, members)


def people(directory: Directory, *, text: str = "", state: str = "", group: str = "") -> QuerySet[DirectoryPerson]:
    """The people of `directory`, each with the names of their groups and a `state` of `STATES`."""
    rows = with_state(seen_by(directory))
    for word in text.split():
        rows = rows.filter(
            Q(user_name__icontains=word) | Q(email__icontains=word) | Q(user__display_name__icontains=word)
        )
    if group:
        rows = rows.filter(in_groups__group__display_name=group)
    return _in_state(rows, state) if state else rows


def with_state(rows: QuerySet[DirectoryPerson]) -> QuerySet[DirectoryPerson]:
    """`rows` with what their state is made of, and the names of their groups."""
    asked = Invitation.objects.in_state("invited").filter(directory=OuterRef("directory"), email=OuterRef("email"))
    names = (
        DirectoryGroupMember.objects.filter(person=OuterRef("pk")).order_by().values("person")
        .annotate(names=ArrayAgg("group__display_name", order_by="group__display_name")).values("names")
    )  # fmt: skip
    nobody = Value([], output_field=ArrayField(CharField()))
    return rows.annotate(is_asked=Exists(asked), is_on=ACTIVE, group_names=Coalesce(Subquery(names), nobody))


def state_of(person: DirectoryPerson) -> str:
    """`inactive` (switched off), `invited`, `waiting` (known, and no rule asks them in) or `active`."""
    found: Any = person  # with what `with_state` adds
    if not found.is_on:
        return "inactive"
    if person.user_id is not None:
        return "active"
    return "invited" if found.is_asked else "waiting"


def groups(directory: Directory) -> QuerySet[DirectoryGroup]:
    """The groups of `directory` by name, each with how many people are in it."""
    rows = DirectoryGroup.objects.filter(directory=directory).annotate(people=Count("members"))
    return rows.order_by("display_name", "pk")


def _in_state(rows: Any, state: str) -> QuerySet[DirectoryPerson]:
    found: QuerySet[DirectoryPerson] = rows.none()
    match state:
        case "inactive":
            found = rows.filter(is_on=False)
        case "active":
            found = rows.filter(is_on=True, user__isnull=False)
        case "invited":
            found = rows.filter(is_on=True, user=None, is_asked=True)
        case "waiting":
            found = rows.filter(is_on=True, user=None, is_asked=False)
    return found
