"""Where the SCIM server finds and keeps what it serves: our tables by queries, our verbs for every change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any
from uuid import UUID

from django.db import DataError, IntegrityError, transaction
from django.db.models import QuerySet
from scim2_models import (
    InvalidFilterException,
    NotFoundException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    SearchRequest,
    UniquenessException,
)
from scim2_server.storage import ScimStorage, SearchPage

from audit.record import Actor
from refusals import Refusal
from tenants.directory import groups, people
from tenants.directory.importing import Import
from tenants.directory.reconciling import hold
from tenants.directory.standing import adopt_missing, seen_by
from tenants.models import Directory, DirectoryGroup, DirectoryGroupMember, DirectoryPerson
from tenants.scim import resources
from tenants.scim.refused import in_words_of_scim
from tenants.scim.searching import Search


def _told[**P, T](change: Callable[P, T]) -> Callable[P, T]:
    """`change` with our refusals in SCIM's words, where it has words for them."""

    @wraps(change)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return change(*args, **kwargs)
        except Refusal as refusal:
            raise in_words_of_scim(refusal) or refusal from refusal

    return told


class DirectoryStorage(ScimStorage):
    """What one directory sees, for one request; `changes` when the request may write: rows are locked as read."""

    def __init__(self, directory: Directory, *, by: Actor, changes: bool) -> None:
        self.directory, self.by, self.changes = directory, by, changes
        self.many: Import | None = None

    @contextmanager
    def together(self, told: list[dict[str, Any]]) -> Iterator[None]:
        """Many operations in one transaction; `told` is what they will say of new people."""
        with self.operation():
            self.many = Import(self.directory, told, by=self.by)
            yield
            self.many.keep()

    def keep(self) -> None:
        """Keep the people who wait to be kept together, before anything else is read or done."""
        if self.many is not None:
            self.many.keep()

    @contextmanager
    def operation(self) -> Iterator[None]:
        """One operation is one transaction; the changes of a directory come one after the other.

        Within many together there is a transaction already, and each sees to itself.
        """
        if self.many is not None:
            yield
            return
        try:
            with transaction.atomic():
                if self.changes:
                    hold(self.directory)
                yield
        except IntegrityError as error:  # two at once made the same: the second is told as if it had come later
            raise UniquenessException(detail="Somebody else made the same at this moment.") from error

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        if resource_type.name == "User":
            return self._shown([self._person(resource_id)], resource_type)[0]
        whole = keeps(response_parameters, "members")
        return self._shown_groups([self._group(resource_id)], resource_type, whole)[0]

    def search(
        self, resource_types: list[ResourceType], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        if search_request.filter is None and (search_request.start_index or 1) == 1:
            adopt_missing(self.directory)  # a service that lists everybody compares; who came in bulk must not lack
        of: dict[str, Callable[[], QuerySet[Any]]] = {"User": self._people, "Group": self._groups}
        search = Search(resource_types, search_request, of)
        found: dict[UUID, Resource[Any]] = {}
        try:
            total, keys = search.page()
        except (DataError, UnicodeEncodeError) as error:  # a null character, half of one, a time before all time
            raise InvalidFilterException(detail="The filter has a value that nothing can be compared with.") from error
        for kind in resource_types:
            chosen = [key for name, key in keys if name.endswith(str(kind.name))]
            rows = list(of[str(kind.name)]().filter(pk__in=chosen)) if chosen else []
            shown = (
                self._shown(rows, kind, keeps(search_request, "groups"))
                if kind.name == "User"
                else self._shown_groups(rows, kind, keeps(search_request, "members"))
            )
            found |= {row.pk: resource for row, resource in zip(rows, shown, strict=True)}
        return SearchPage(total, [found[key] for _, key in keys if key in found])

    @_told
    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        of: Any = resource
        external_id = resources.external_id_of(resource)
        if resource_type.name == "User":
            told = resources.told_by(resource) | {"active": of.active is not False}
            make = self.many.add if self.many else partial(people.create_person, directory=self.directory, by=self.by)
            person = make(told=told, external_id=external_id)
            return self._shown([person], resource_type, person.version > 1)[0]  # who is new is in no group
        group = groups.create_group(
            directory=self.directory, display_name=of.display_name, external_id=external_id,
            members=resources.member_keys(resource), by=self.by,
        )  # fmt: skip
        return self._shown_groups([group], resource_type)[0]

    @_told
    def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        of: Any = resource
        external_id = resources.external_id_of(resource)
        if resource_type.name == "User":
            person = self._person(str(resource.id))
            _require(person, expected_version)
            changed = people.change_person(
                person=person, told=resources.told_by(resource), external_id=external_id, by=self.by
            )  # fmt: skip
            return self._shown([changed], resource_type)[0]
        group = self._group(str(resource.id))
        _require(group, expected_version)
        groups.change_group(
            group=group, display_name=of.display_name or "", external_id=external_id,
            members=resources.member_keys(resource), by=self.by,
        )  # fmt: skip
        return self._shown_groups([group], resource_type)[0]

    def delete(self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None) -> None:
        if resource_type.name == "User":
            person = self._person(resource_id)
            _require(person, expected_version)
            people.remove_person(person=person, by=self.by)
        else:
            group = self._group(resource_id)
            _require(group, expected_version)
            groups.remove_group(group=group, by=self.by)

    def _people(self) -> QuerySet[DirectoryPerson]:
        return seen_by(self.directory).select_related("user", "directory")

    def _groups(self) -> QuerySet[DirectoryGroup]:
        return DirectoryGroup.objects.filter(directory=self.directory).select_related("directory__tenant")

    def _person(self, key: str) -> DirectoryPerson:
        person: DirectoryPerson = self._one(self._people(), key, "User")
        person.directory = self.directory
        return person

    def _group(self, key: str) -> DirectoryGroup:
        group: DirectoryGroup = self._one(self._groups(), key, "Group")
        group.directory = self.directory
        return group

    def _one(self, rows: QuerySet[Any], key: str, kind: str) -> Any:
        try:
            found = (rows.select_for_update(of=("self",)) if self.changes else rows).filter(pk=UUID(key)).first()
        except ValueError:
            found = None
        if found is None:
            raise NotFoundException(detail=f"There is no {kind} with this id in your directory.")
        return found

    def _shown(self, rows: list[DirectoryPerson], kind: ResourceType, with_groups: bool = True) -> list[Resource[Any]]:
        of: dict[UUID, list[DirectoryGroup]] = {row.pk: [] for row in rows}
        if rows and with_groups:
            for each in DirectoryGroupMember.objects.filter(person__in=rows).select_related("group"):
                of[each.person_id].append(each.group)
        return [resources.resource_of_person(row, of[row.pk], kind) for row in rows]

    def _shown_groups(
        self, rows: list[DirectoryGroup], kind: ResourceType, with_members: bool = True
    ) -> list[Resource[Any]]:
        of: dict[UUID, list[UUID]] = {row.pk: [] for row in rows}
        if rows and with_members:
            inside = DirectoryGroupMember.objects.filter(group__in=rows, person__removed_at=None).order_by("person")
            for group, person in inside.values_list("group_id", "person_id"):
                of[group].append(person)
        return [resources.resource_of_group(row, of[row.pk], kind) for row in rows]


def keeps(asked: ResponseParameters[Any] | None, name: str) -> bool:
    """Whether the answer holds the attribute `name`: what is left out need not be read."""
    if asked is None:
        return True
    if asked.attributes:
        return any(name in str(path).lower() for path in asked.attributes)
    return not any(str(path).lower().endswith(name) for path in asked.excluded_attributes or ())


def _require(row: DirectoryPerson | DirectoryGroup, version: str | None) -> None:
    if version is not None and resources.version_of(row) != version:
        raise PreconditionFailedException(detail="It was changed meanwhile. Read it again.")
