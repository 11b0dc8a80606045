"""What we offer: the standard's User with the Enterprise extension, and Group, less what we would not honour.

Roles, entitlements and certificates are not offered: what a person may do is given by rules for groups, never by an
attribute, so who sends them is told instead of believed. A password is taken, as some services always send one, and
thrown away.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from scim2_models import ResourceType, Schema, ScimPolicy, ScimProvider, ServiceProviderConfig
from scim2_server.utils import load_default_resource_types, load_json_resource

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
NOT_OFFERED = {"roles", "entitlements", "x509Certificates"}
MOST_RESULTS = 200
MOST_OPERATIONS = 1000  # of a bulk request, and of a PATCH
MOST_ATTRIBUTES = 200  # that a request names to be shown or left out: each is looked for in each of what is found
LARGEST_BULK = 4 * 1024 * 1024  # bytes


@cache
def provider() -> ScimProvider:
    """Our service as the libraries see it: schemas, resource types, what is supported, and how strictly we read.

    An attribute that no schema has is refused. Two habits of a widespread service that are not in the standard are
    understood: a `remove` that names its values beside the path, and a path that selects what is not there yet.
    """
    return ScimProvider.from_discovery(
        [Schema.model_validate(_ours(told)) for told in load_json_resource("default-schemas.json")],
        [_described(each) for each in load_default_resource_types().values()],
        config=_config(),
        policy=ScimPolicy(
            remove_value_as_filter=ScimPolicy.RemoveValue.apply,
            unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
        ),
    )


def _ours(told: dict[str, Any]) -> dict[str, Any]:
    attributes = [each for each in told["attributes"] if each["name"] not in NOT_OFFERED]
    for each in attributes:
        if each["name"] == "password":
            each["description"] = "Taken and thrown away: people sign in with the organisation's own service."
        if told["id"] == GROUP and each["name"] == "displayName":
            each["uniqueness"] = "server"
        if told["id"] == GROUP and each["name"] == "members":
            each["subAttributes"] = [
                _of_people_alone(part) for part in each["subAttributes"] if part["name"] != "display"
            ]
    return told | {"attributes": attributes}


def _of_people_alone(part: dict[str, Any]) -> dict[str, Any]:
    """Groups hold people and no groups."""
    if part["name"] == "$ref":
        return part | {"referenceTypes": ["User"]}
    return part | {"canonicalValues": ["User"]} if part["name"] == "type" else part


def _described(each: ResourceType) -> ResourceType:
    sentences = {
        "User": "A person whom the directory knows.",
        "Group": "A group of the directory; rules say its roles.",
    }
    return each.model_copy(update={"description": sentences[str(each.id)]})


def _config() -> ServiceProviderConfig:
    return ServiceProviderConfig.model_validate(
        {
            "documentationUri": f"{settings.PUBLIC_URL}/api/docs/",
            "patch": {"supported": True},
            "bulk": {"supported": True, "maxOperations": MOST_OPERATIONS, "maxPayloadSize": LARGEST_BULK},
            "filter": {"supported": True, "maxResults": MOST_RESULTS},
            "changePassword": {"supported": False},
            "sort": {"supported": True},
            "etag": {"supported": True},
            "authenticationSchemes": [
                {
                    "type": "oauthbearertoken",
                    "name": "Directory token",
                    "description": "A token issued on the directory page, in Authorization: Bearer.",
                    "primary": True,
                }
            ],
        }
    )
