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
    """`body`, or the same without it. What is no JSON, or nested without end, is returned as it came, for the one who
    reads it to refuse."""
    if not any(sign in body for sign in SIGNS):
        return body
    try:
        told = orjson.loads(body)
        if isinstance(told, dict):
            _tidy_whole(told)
            for each in _operations(told):  # of many in one request: a resource, or a PATCH
                if isinstance(each.get("data"), dict):
                    _tidy_whole(each["data"])
        return orjson.dumps(told)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return body


def _tidy_whole(told: dict[str, Any]) -> None:
    _tidy(told)
    for each in _operations(told):
        _tidy_operation(each)


def _operations(told: dict[str, Any]) -> list[dict[str, Any]]:
    found = told.get("Operations")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _tidy(told: dict[str, Any]) -> None:
    """A resource."""
    for name in NOT_OFFERED:
        if told.get(name, "") in (None, []):
            del told[name]
    if isinstance(told.get("schemas"), list):
        told["schemas"] = [each for each in told["schemas"] if not _is_of_entra(each)]
    if "members" in told:
        told["members"] = _members(told["members"])


def _tidy_operation(told: dict[str, Any]) -> None:
    """One operation of a PATCH."""
    value, path = told.get("value"), told.get("path")
    if isinstance(value, dict):
        _tidy(value)
    place = path.strip().lower() if isinstance(path, str) else ""
    if place == "members" and "value" in told:
        told["value"] = _members(value)
    elif place == MANAGER:
        told["value"] = _manager(value)


def _members(told: Any) -> Any:
    if isinstance(told, list):
        return [_member(each) for each in told]
    return _member(told)


def _member(told: Any) -> Any:
    if not isinstance(told, dict):
        return told
    return {name: value for name, value in told.items() if value is not None and name != "display"}


def _manager(told: Any) -> Any:
    if isinstance(told, list) and len(told) == 1:
        told = told[0]
    return {"value": told} if isinstance(told, str) and told else told


def _is_of_entra(schema: Any) -> bool:
    return isinstance(schema, str) and schema.startswith(OF_ENTRA)
