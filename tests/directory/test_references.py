"""What refers to another resource is sent as its address (RFC 7643 §2.3.7), whatever it is."""

from __future__ import annotations

import pytest
from django.conf import settings
from scim2_models import Path, Reference

from tenants.scim.handling import REFERRING
from tenants.scim.schema import ENTERPRISE, provider
from tests.cast import Cast
from tests.directory.service import USER, Service


def test_managers_groups_and_members_are_sent_as_addresses(cast: Cast) -> None:
    service = Service(None, cast.pat)
    boss = service.user("boss")
    root = f"{settings.PUBLIC_URL}/scim/v2"
    body = {
        "schemas": [USER, ENTERPRISE], "userName": "zoe",
        ENTERPRISE: {"manager": {"value": boss, "$ref": f"Users/{boss}"}},
    }  # fmt: skip
    made = service.send("POST", "Users", body).json()
    group = service.group("Staff", made["id"])
    found = service.get(f"Users/{made['id']}").json()
    assert made[ENTERPRISE]["manager"]["$ref"] == found[ENTERPRISE]["manager"]["$ref"] == f"{root}/Users/{boss}"
    assert found["groups"][0]["$ref"] == f"{root}/Groups/{group}"
    assert service.get(f"Groups/{group}").json()["members"][0]["$ref"] == f"{root}/Users/{made['id']}"


@pytest.mark.parametrize("kind", ["User", "Group"])
def test_nothing_else_of_the_schemas_refers_to_a_resource(kind: str) -> None:
    model = provider().model_for(kind)
    extensions = model.__scim_info__.extensions
    for path in Path[model].iter_paths(target_type=[Reference]):
        binding = path.resolve()
        if not set(binding.target_type.__reference_types__) & {"external", "uri"}:
            place = extensions if path.schema and path.schema != str(model.__schema__) else {binding.field_name}
            assert REFERRING & place, f"{path} would be sent as it is kept"


def test_a_new_person_is_told_as_they_are_read(cast: Cast) -> None:
    service = Service(None, cast.pat)
    made = service.send(
        "POST", "Users",
        {"schemas": [USER], "userName": " zoe ", "externalId": "7", "password": "x", "nickName": None, "emails": []},
    )  # fmt: skip
    read = service.get(f"Users/{made.json()['id']}")
    assert made.json() == read.json() and made["ETag"] == read["ETag"]
    assert made["Location"] == made["Content-Location"] == made.json()["meta"]["location"]
