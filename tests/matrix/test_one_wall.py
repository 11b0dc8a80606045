"""Either wall alone keeps what is foreign out: the table of `who_may.txt` holds with the other one taken down.

The first is taken down by answering the question "in which tenants may they see anything?" with "in every one"; the
second by switching row-level security off, as only the tables' owner can.
"""

from __future__ import annotations

import pytest

from tenants import scoping
from tenants.models import Tenant, User
from tenants.owned import owned_tables
from tenants.scope import everything
from tests.cast import Cast
from tests.database import as_owner
from tests.matrix.bodies import BODIES
from tests.matrix.stage import Stage
from tests.matrix.test_who_may import PEOPLE, by_name, client_of, send, told

pytestmark = pytest.mark.django_db
SEE = "tenants.view_tenant"
WALLS = ("without_the_first", "without_the_second")
LISTS = (
    "tenants", "projects", "environments", "memberships", "keys", "grants", "usage/calls", "requests", "decisions",
    "offboardings", "erasures",
)  # fmt: skip


@pytest.fixture
def without_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asks any more in which tenants a person may see anything."""
    found, may = scoping.places_for, scoping.may

    def every_one(viewer: User, permission: str) -> scoping.Places:
        if permission != SEE:
            return found(viewer, permission)
        with everything("the first wall is down"):
            return scoping.Places(frozenset(Tenant.objects.values_list("pk", flat=True)))

    monkeypatch.setattr(scoping, "places_for", every_one)
    monkeypatch.setattr(scoping, "may", lambda viewer, held, tenant: held == SEE or may(viewer, held, tenant))


@pytest.fixture
def without_the_second(db: None) -> None:
    """The database shows every row to every scope."""
    with as_owner() as owner:
        owner.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks under way is not altered
        for table in owned_tables():
            owner.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')


@pytest.mark.parametrize("wall", WALLS)
@pytest.mark.parametrize("person", ["ned", "greta"])
def test_what_is_foreign_does_not_exist(stage: Stage, person: str, wall: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(wall)
    addresses, place, tried, wrong = by_name(), PEOPLE.index(person), 0, []
    client = client_of(stage.cast, person, by_script=True)
    for (name, method), statuses in told().items():
        if statuses[place] != "404":
            continue
        path, tried = stage.path_of(addresses[name]), tried + 1
        seen = send(client, method, path, BODIES.get((name, method))).status_code
        if seen != 404:
            wrong.append(f"{method} {path} ({name}): {seen}")
    assert tried > 40
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("wall", WALLS)
def test_lists_show_nothing_foreign(stage: Stage, wall: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(wall)
    client = client_of(stage.cast, "greta")
    for name in LISTS:
        answer = client.get(f"/api/{name}/")
        assert answer.status_code == 200, name
        assert "acme" not in answer.content.decode(), name
    assert client.get("/api/projects/").json()["results"], "their own are there"


def test_with_both_down_it_would_leak(cast: Cast, without_the_first: None, without_the_second: None) -> None:
    """Else the tests above would prove nothing."""
    greta = client_of(cast, "greta")
    assert greta.get("/tenants/acme/").status_code != 404
    assert "acme" in greta.get("/api/projects/").content.decode()
