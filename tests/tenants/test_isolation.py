"""Wall two: what a statement reaches is held to its scope by the database, and `atrium isolation verify` proves it."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction

from access.asking import request_access
from portal import isolation
from portal.command import isolating
from portal.command.django import run_management_command
from portal.database import policies, ways_round
from tenants.keys import issue
from tenants.models import ApiKey, Membership, Project, Tenant
from tenants.notifications import notify
from tenants.owned import owned_models
from tenants.scope import NOBODY, Scope, Unscoped, current, everything, of_person, only, widen, within
from tests.cast import Cast, route
from tests.database import as_owner, as_superuser

pytestmark = pytest.mark.django_db

REACHES: dict[str, Callable[[], Any]] = {
    "list": lambda: [project.slug for project in Project.objects.all()],
    "values": lambda: list(Project.objects.values_list("slug", flat=True)),
    "iterator, by a cursor on the server": lambda: [project.slug for project in Project.objects.iterator(1)],
    "raw": lambda: [project.slug for project in Project.objects.raw("SELECT * FROM tenants_project")],
    "join": lambda: [one.project.slug for one in cast_environments()],
    "in bulk": lambda: [project.slug for project in Project.objects.in_bulk().values()],
}


def cast_environments() -> Any:
    from tenants.models import Environment

    return Environment.objects.filter(kind="production").select_related("project")


@pytest.mark.parametrize("how", REACHES)
def test_a_scope_shows_its_own_tenants_rows_alone(cast: Cast, how: str) -> None:
    with only(cast.acme):
        assert REACHES[how]() == ["support"]
    with only(cast.globex):
        assert REACHES[how]() == ["secret"]
    with within(NOBODY):
        assert REACHES[how]() == []
    with everything("to compare"):
        assert sorted(REACHES[how]()) == ["secret", "support"]


def test_counts_changes_and_deletions_pass_by_what_is_foreign(cast: Cast) -> None:
    with only(cast.acme):
        assert Project.objects.count() == 1
        assert not Tenant.objects.filter(slug="globex").exists()
        assert Project.objects.filter(slug="secret").update(name="Taken") == 0
        assert Project.objects.filter(slug="secret").delete()[0] == 0
    cast.foreign_project.refresh_from_db()
    assert cast.foreign_project.name == "Secret"


def test_nothing_is_written_for_a_foreign_tenant(cast: Cast) -> None:
    acts: dict[str, Callable[[], Any]] = {
        "create": lambda: Project.objects.create(tenant=cast.globex, slug="x", name="X"),
        "bulk": lambda: Project.objects.bulk_create([Project(tenant=cast.globex, slug="x", name="X")]),
        "move away": lambda: Project.objects.filter(pk=cast.project.pk).update(tenant=cast.globex),
        "a member": lambda: Membership.objects.create(tenant=cast.globex, user=cast.dev, role="owner"),
        "a tenant": lambda: Tenant.objects.create(slug="mine", name="Mine"),
    }
    for act in acts.values():
        with only(cast.acme), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            act()


def test_what_hangs_on_a_foreign_row_is_foreign(cast: Cast) -> None:
    from approvals.models import Review

    request_access(environment=cast.environment(), route=route("served-model"), purpose="x", by=cast.dev)
    with only(cast.globex):
        assert Review.objects.count() == 0
    with only(cast.acme):
        assert Review.objects.count() == 1


def test_many_at_once_by_a_cursor(cast: Cast) -> None:
    names = [("Ours", "support"), ("Theirs", "secret")]
    with only(cast.acme), connection.cursor() as cursor:
        cursor.executemany("UPDATE tenants_project SET name = %s WHERE slug = %s", names)
    assert list(Project.objects.order_by("slug").values_list("name", flat=True)) == ["Secret", "Ours"]


def test_what_was_sent_ends_with_the_transaction(cast: Cast) -> None:
    with only(cast.acme):
        Project.objects.count()
        list(Project.objects.iterator())
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT looked")
    raw = connection.connection
    with transaction.atomic(), everything("the last word counts"):
        Project.objects.count()
    with only(cast.acme):
        Project.objects.count()
        assert raw.execute("SELECT count(*) FROM tenants_project").fetchone() == (1,)


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_is_left_in_the_connection(cast: Cast) -> None:
    with everything("each way of asking"):
        assert Project.objects.count() == len(list(Project.objects.iterator())) == 2
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE tenants_project SET name = %s WHERE slug = %s", [("A", "support")])
    raw = connection.connection
    assert raw.execute("SELECT count(*) FROM tenants_project").fetchone() == (0,)
    assert raw.execute("SELECT current_setting('atrium.tenants', true)").fetchone() in ((None,), ("",))


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_the_scope_holds_as_well_and_without_a_warning(cast: Cast) -> None:
    warned: list[Any] = []
    connection.ensure_connection()
    connection.connection.add_notice_handler(lambda notice: warned.append(notice.message_primary))
    with only(cast.acme):
        for reach in REACHES.values():
            assert reach() == ["support"]
        with pytest.raises(ProgrammingError, match="row-level security"):
            Project.objects.create(tenant=cast.globex, slug="x", name="X")
        assert Project.objects.update(name="Ours") == 1
    assert warned == []


def test_the_reach_of_a_person(cast: Cast) -> None:
    assert of_person(cast.rita).tenants == frozenset()
    request_access(environment=cast.environment(), route=route("served-model"), purpose="x", by=cast.dev)
    assert of_person(cast.rita).tenants == {cast.acme.pk}, "what a board weighs is open to it"
    assert of_person(cast.greta).tenants == {cast.globex.pk}
    with within(of_person(cast.greta)):
        widen([cast.acme.pk], "for a reason")
        assert current().tenants == {cast.acme.pk, cast.globex.pk}
    with within(Scope(None, "all")):
        widen([cast.acme.pk], "for a reason")
        assert current().tenants is None


class TestVerifying:
    @pytest.fixture(autouse=True)
    def rows(self, cast: Cast) -> None:
        request_access(environment=cast.environment(), route=route("served-model"), purpose="x", by=cast.dev)
        issue(environment=cast.environment(), name="job", by=cast.olivia)
        notify([cast.dev], kind="tenant", title="Look", tenant=cast.acme)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # so that tables may be altered in this transaction

    def test_it_works(self, capsys: pytest.CaptureFixture[str]) -> None:
        before = [model._default_manager.count() for model in owned_models()]
        assert isolating.verify(Namespace(json=False)) == 0
        empty = before.count(0)
        assert 0 < empty < len(before)
        assert capsys.readouterr().out == (
            f"Both walls stand: {len(before)} tables of tenants, {4 * len(before) - 2 * empty} attacks"
            f" ({empty} tables hold no row: of them the policies were read), none got through.\n"
        )
        assert [model._default_manager.count() for model in owned_models()] == before
        assert isolating.verify(Namespace(json=True)) == 0
        assert json.loads(capsys.readouterr().out)["holes"] == []

    @pytest.mark.parametrize(
        ("breach", "words"),
        [
            ("ALTER TABLE tenants_apikey DISABLE ROW LEVEL SECURITY", "lacks its policy"),
            ("ALTER TABLE tenants_apikey NO FORCE ROW LEVEL SECURITY", "lacks its policy"),
            ("DROP POLICY within_the_scope ON tenants_apikey", "lacks its policy"),
            ("CREATE POLICY another ON tenants_apikey USING (true)", "a row was read within a foreign scope"),
            ("ALTER POLICY within_the_scope ON tenants_apikey USING (true)", "a row was read within no scope"),
            ("ALTER POLICY within_the_scope ON tenants_apikey WITH CHECK (true)", "was not refused by its policy, but"),
        ],
    )
    def test_every_hole_is_found_and_named(self, breach: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
        with as_owner() as owner:
            owner.execute(breach)
        assert isolating.verify(Namespace(json=False)) == 1
        printed = capsys.readouterr().out
        assert "HOLE tenants_apikey: " in printed and words in printed

    @pytest.mark.parametrize(
        "breach",
        ["USING (true)", "TO atrium_portal", "USING (true) WITH CHECK (true)"],
    )
    def test_a_policy_that_was_altered_is_found_and_mended_where_no_row_could_tell(self, breach: str) -> None:
        with as_owner() as owner:
            owner.execute(f"ALTER POLICY within_the_scope ON tenants_accessreview {breach}")
            owner.execute("CREATE POLICY another ON tenants_ownershiptransfer USING (true)")
        assert {hole.table for hole in isolation.standing()} == {"tenants_accessreview", "tenants_ownershiptransfer"}
        with as_owner():
            assert sorted(policies.install(connection)) == ["tenants_accessreview", "tenants_ownershiptransfer"]
        assert isolation.standing() == []

    @pytest.mark.parametrize(
        ("way", "named"),
        [
            ("GRANT TRUNCATE ON tenants_apikey TO atrium_portal", "tenants_apikey"),
            ("GRANT TRIGGER ON tenants_apikey TO atrium_portal", "tenants_apikey"),
            ("CREATE MATERIALIZED VIEW copied AS SELECT * FROM tenants_apikey; GRANT SELECT ON copied TO atrium_portal",
             "copied"),
            ("CREATE VIEW between AS SELECT * FROM tenants_apikey; CREATE MATERIALIZED VIEW copied AS "
             "SELECT * FROM between; GRANT SELECT ON copied TO atrium_portal", "copied"),
            ("CREATE TABLE loose (id int, tenant_id uuid)", "loose"),
            ("CREATE TABLE loose (id int, t uuid REFERENCES tenants_tenant ON DELETE SET NULL)", "loose"),
        ],
    )  # fmt: skip
    def test_a_way_round_the_policies_is_found(self, way: str, named: str) -> None:
        with as_owner() as owner:
            owner.execute(way)
        assert [hole.table for hole in isolation.verify().holes] == [named]

    @pytest.mark.parametrize(
        ("way", "named"),
        [
            ("CREATE ROLE above BYPASSRLS; GRANT above TO atrium_portal", "role above"),
            ("CREATE VIEW seen AS SELECT * FROM tenants_tenant; GRANT SELECT ON seen TO atrium_portal", "seen"),
            (
                "CREATE FUNCTION everybody() RETURNS SETOF tenants_tenant LANGUAGE sql SECURITY DEFINER "
                "AS 'SELECT * FROM tenants_tenant'",
                "everybody()",
            ),
            (
                "CREATE FUNCTION sneaky() RETURNS bigint LANGUAGE sql SET atrium.tenants = '*' "
                "AS 'SELECT count(*) FROM tenants_tenant'",
                "sneaky()",
            ),
            ("CREATE VIEW seen AS SELECT * FROM tenants_tenant; GRANT SELECT (slug) ON seen TO atrium_portal", "seen"),
            ("ALTER ROLE atrium_portal SET atrium.tenants = '*'", "role atrium_portal"),
            (
                "CREATE VIEW asked WITH (security_invoker=on) AS SELECT * FROM tenants_tenant; CREATE VIEW seen AS "
                "SELECT * FROM tenants_tenant; GRANT SELECT ON asked, seen TO atrium_portal",
                "seen",
            ),
        ],
    )
    def test_a_way_round_the_policies_by_somebody_above_them_is_found(self, way: str, named: str) -> None:
        with as_superuser() as above:
            above.execute(way)
            above.execute("SET ROLE atrium_portal")
            assert [name for name, _ in ways_round.find(above, policies.SETTING)] == [named]

    def test_a_table_that_leads_to_a_tenant_unknown_to_the_code_is_a_hole(self) -> None:
        with as_owner() as owner:
            owner.execute("CREATE TABLE beside (id int, project_id uuid REFERENCES tenants_project (id))")
        assert [(hole.table, hole.words) for hole in isolation.verify().holes] == [
            ("beside", "leads to a tenant and is unknown to this code")
        ]

    def test_wall_one_is_attacked_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("portal.database.wall._owned_table_of", lambda *_: "")
        assert {hole.words for hole in isolation.verify().holes} >= {"was read although nobody said for whom"}

    def test_the_next_migration_mends_it(self) -> None:
        with as_owner() as owner:
            owner.execute("DROP POLICY within_the_scope ON tenants_apikey")
            with within(None):
                assert policies.install(connection) == ["tenants_apikey"]
        assert policies.install(connection) == []
        assert isolation.verify().holes == ()
        with only():
            assert ApiKey.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_scope_that_is_in_force_before_anything_was_sent_is_found(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = connection.settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "options", f"{options['options']} -c atrium.tenants=*")
    _connect_anew()
    try:
        found = {(hole.table, hole.words) for hole in isolation.verify().holes}
    finally:
        monkeypatch.undo()
        _connect_anew()
    assert ("tenants_tenant", "a row was read within no scope") in found
    assert isolation.verify().holes == ()


def _connect_anew() -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]


@pytest.mark.django_db(transaction=True)
def test_an_operators_shell_reaches_every_tenant(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    with within(None):
        counted = "from tenants.models import Tenant; print(Tenant.objects.count())"
        assert run_management_command(["shell", "-v", "0", "-c", counted]) == 0
        with pytest.raises(Unscoped):
            Tenant.objects.count()
    assert capsys.readouterr().out == "2\n"
