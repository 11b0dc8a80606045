"""Rows as SCIM's resources, and what a resource says as the arguments of our verbs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from scim2_models import InvalidValueException, Meta, Resource, ResourceType

from tenants.directory.people import is_on
from tenants.models import DirectoryGroup, DirectoryPerson
from tenants.scim.schema import provider

OURS = {"id", "externalId", "meta", "schemas", "groups", "password"}  # kept in columns, or not at all


def resource_of_person(person: DirectoryPerson, groups: list[DirectoryGroup], kind: ResourceType) -> Resource[Any]:
    """The User that `person` is, in `groups`."""
    told = person.attributes | {"userName": person.user_name}
    if "active" in told:  # a directory that took the attribute away does not read it
        told["active"] = is_on(person)
    if person.external_id:
        told["externalId"] = person.external_id
    if groups:
        told["groups"] = [
            {"value": str(g.pk), "$ref": f"Groups/{g.pk}", "display": g.display_name, "type": "direct"} for g in groups
        ]
    return _resource(kind, told, person)


def resource_of_group(group: DirectoryGroup, members: list[UUID], kind: ResourceType) -> Resource[Any]:
    """The Group that `group` is, with the keys of its members."""
    told: dict[str, Any] = {"displayName": group.display_name}
    if group.external_id:
        told["externalId"] = group.external_id
    if members:
        told["members"] = [{"value": str(key), "$ref": f"Users/{key}", "type": "User"} for key in members]
    return _resource(kind, told, group)


def _resource(kind: ResourceType, told: dict[str, Any], row: DirectoryPerson | DirectoryGroup) -> Resource[Any]:
    model: Any = provider().model_for(kind)
    meta = Meta(resource_type=kind.name, created=row.created_at, last_modified=row.changed_at, version=version_of(row))
    made: Resource[Any] = model.model_validate(
        {"schemas": [str(kind.schema_)], "id": str(row.pk), "meta": meta, **told}
    )
    return made


def version_of(row: DirectoryPerson | DirectoryGroup) -> str:
    """The weak entity tag of a row."""
    return f'W/"{row.version}"'


def told_by(resource: Resource[Any]) -> dict[str, Any]:
    """What a User says of a person, as plain JSON without what we keep elsewhere."""
    whole = resource.model_dump(mode="json", by_alias=True, exclude_none=True, scim_ctx=None)
    return {name: value for name, value in whole.items() if name not in OURS and value not in (None, [], {})}


def external_id_of(resource: Resource[Any]) -> str:
    """The identifier that the directory's own service has for it."""
    found = resource.external_id or ""
    if len(found) > 254 or not found.isprintable():
        raise InvalidValueException(detail="An externalId has at most 254 characters that can be printed.")
    return found


def member_keys(resource: Any) -> set[UUID]:
    """The keys of the members that a Group names."""
    found = set()
    for each in resource.members or []:
        value = each.value or str(each.ref or "").rpartition("/")[2]
        try:
            found.add(UUID(value))
        except ValueError as error:
            raise InvalidValueException(detail=f"There is no User “{value[:80]}” in this directory.") from error
    return found
