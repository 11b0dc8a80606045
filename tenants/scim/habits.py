"""What widespread directory services send along that says nothing: taken out before a body is read strictly.

Okta names each member also by a `display`. Microsoft Entra sends `"roles": []` with every new person, a `$ref` of null
with every member, a schema of its own for groups that has no attribute here, and a manager as a list of one or as a
plain key. Nothing that says something is taken out: roles with values are refused by the schema
(`tenants.scim.schema`), as every attribute that is not offered.
"""

from __future__ import annotations

from typing import Any

import orjson

from tenants.scim.schema import ENTERPRISE, NOT_OFFERED

OF_ENTRA = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/"
MANAGER = f"{ENTERPRISE}:manager".lower()
SIGNS = tuple(name.encode() for name in (*sorted(NOT_OFFERED), OF_ENTRA, '"members', ":manager"))


def without_what_says_nothing(body: bytes) -> bytes:
    """`body`, or the same without it. What is no JSON is returned as it came, for the one who reads it to refuse."""
    if not any(sign in body for sign in SIGNS):
        return body
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    if isinstance(told, dict):
        _tidy(told)
    return orjson.dumps(told)


def _tidy(told: dict[str, Any]) -> None:
    """A resource, a PATCH, or many operations in one request."""
    for name in NOT_OFFERED:
        if told.get(name, "") in (None, []):
            del told[name]
    if isinstance(told.get("schemas"), list):
        told["schemas"] = [each for each in told["schemas"] if not _is_of_entra(each)]
    if "members" in told:
        told["members"] = _members(told["members"])
    operations = told.get("Operations")
    for each in operations if isinstance(operations, list) else ():
        if isinstance(each, dict):
            _tidy_operation(each)


def _tidy_operation(told: dict[str, Any]) -> None:
    for part in ("value", "data"):  # of a PATCH, of an operation among many
        if isinstance(told.get(part), dict):
            _tidy(told[part])
    path = told.get("path")
    place = path.strip().lower() if isinstance(path, str) else ""
    if place == "members" and "value" in told:
        told["value"] = _members(told["value"])
    elif place == MANAGER:
        told["value"] = _manager(told.get("value"))


def _members(told: Any) -> Any:
    if isinstance(told, list):
        return [_members(each) for each in told]
    if not isinstance(told, dict):
        return told
    return {name: value for name, value in told.items() if value is not None and name != "display"}


def _manager(told: Any) -> Any:
    if isinstance(told, list) and len(told) == 1:
        told = told[0]
    return {"value": told} if isinstance(told, str) and told else told


def _is_of_entra(schema: Any) -> bool:
    return isinstance(schema, str) and schema.startswith(OF_ENTRA)
