"""A role in one project, over every address of the product: there it adds what `IN_SUPPORT` says, and a role in another
project of the same tenant adds nothing to anything that is of this one.

Every thing of the stage is of Acme's project Support. Bill is of its billing and holds what a viewer holds; what he is
answered is what everybody is who holds no more.
"""

from __future__ import annotations

import pytest

from tenants.assigning import give_role
from tenants.memberships import add_member
from tenants.roles import PROJECT_ROLES
from tenants.structure import create_project
from tests.cast import person
from tests.matrix.bodies import BODIES
from tests.matrix.stage import Stage
from tests.matrix.test_who_may import OWN, PEOPLE, by_name, client_of, send, told

LIKE_BILL, LIKE_DEV = PEOPLE.index("bill"), PEOPLE.index("dev")
# What a developer and an owner of Support may there and Bill may not; the status is Dev's where nothing else is said.
OF_DEVELOPERS = {
    "key-list POST", "key-detail PATCH", "key-hand-over POST", "key-leaked POST", "key-revoke POST",
    "key-revoke-many POST", "key-rotate POST", "access-request-list POST", "playground-session-list POST",
    "tenants:hand-over-key POST", "tenants:issue-key GET", "tenants:issue-key POST", "tenants:key-scope GET",
    "tenants:key-scope POST", "tenants:report-leaked-key POST", "tenants:revoke-key POST", "tenants:revoke-keys GET",
    "tenants:revoke-keys POST", "access:request-key GET", "access:request-key POST", "key-request-list POST",
    "tenants:rotate-key GET", "tenants:rotate-key POST", "limit-request-list POST",
    "key-reach GET", "tenants:narrow-key POST",
}  # fmt: skip
OF_OWNERS = {
    "project-detail PATCH": "200", "project-role-list POST": "201", "project-role-detail PATCH": "200",
    "project-role-detail DELETE": "204", "tenants:project POST": "302", "tenants:project-roles POST": "302",
    "tenants:change-project-role POST": "302", "tenants:end-project-role GET": "200",
    "tenants:end-project-role POST": "302", "grant-revoke POST": "422", "access:revoke-grant POST": "302",
    "call-content GET": "200", "call-erase-content POST": "201", "retention-list POST": "200",
    "retention-remove POST": "200", "usage:call-content GET": "200", "usage:download-content GET": "200",
    "usage:erase-call-content POST": "302",
    "grant-conditions POST": "200", "access:grant POST": "302", "environment-detail PATCH": "200",
    "tenants:state-data POST": "302",
    "limit-list POST": "200", "budget-list POST": "200", "budget-detail DELETE": "204",
}  # fmt: skip
# Pages of the whole tenant, open to who may at some place of it; at which one is asked when something is done.
OF_SOME_PLACE = {"tenants:issue-key", "tenants:revoke-keys", "access:request-key"}


def answers(stage: Stage, username: str) -> dict[str, str]:
    """The status of every address, but for what is one's own and what depends on who one is."""
    addresses, client = by_name(), client_of(stage.cast, username, by_script=True)
    seen = {}
    for name, method in told():
        if name not in OWN:
            answer = send(client, method, stage.path_of(addresses[name]), BODIES.get((name, method)))
            seen[f"{name} {method}"] = str(answer.status_code)
    return seen


def by_the_table(column: int) -> dict[str, str]:
    return {f"{name} {method}": row[column] for (name, method), row in told().items() if name not in OWN}


@pytest.mark.django_db
def test_roles_in_other_projects_give_nothing_here(stage: Stage) -> None:
    """Each in a project of its own: if all of them together give nothing, no one does."""
    cast, otto = stage.cast, person("otto")
    add_member(tenant=cast.acme, user=otto, role="viewer", by=cast.olivia)
    for role in PROJECT_ROLES:
        other = create_project(tenant=cast.acme, slug=f"other-{role}", name=role.title(), by=cast.olivia)
        give_role(project=other, user=otto, role=role, by=cast.olivia)
    expected = by_the_table(LIKE_BILL)
    more = {
        what: status for what, status in answers(stage, "otto").items()
        if status != expected[what] and what.split()[0] not in OF_SOME_PLACE
    }  # fmt: skip
    assert not more


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["developer", "owner"])
def test_a_role_in_this_project_gives_here_what_it_says(stage: Stage, role: str) -> None:
    cast, petra = stage.cast, person("petra")
    add_member(tenant=cast.acme, user=petra, role="viewer", by=cast.olivia)
    give_role(project=cast.project, user=petra, role=role, by=cast.olivia)
    expected, of_developers = by_the_table(LIKE_BILL), by_the_table(LIKE_DEV)
    expected |= {what: of_developers[what] for what in OF_DEVELOPERS}
    if role == "owner":
        expected |= OF_OWNERS
    seen = answers(stage, "petra")
    wrong = {what: (status, expected[what]) for what, status in seen.items() if status != expected[what]}
    assert not wrong
