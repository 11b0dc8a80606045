"""The snapshot that follows on a change is the one that would be read anew, and nothing else was read for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import connection

from access.granting import grant, revoke
from audit.record import SYSTEM
from gateway import loading
from gateway.snapshot import Snapshot
from portal.demonstration.removing import remove as remove_demonstration
from tenants import archiving, keys, moving
from tenants.activation import activate, deactivate
from tenants.changes import announce, forget_old
from tenants.key_holder import hand_over
from tenants.key_rotation import rotate
from tenants.key_scope import narrow
from tenants.memberships import add_member, remove_member
from tenants.models import ApiKey, ChangeNote, Membership
from tenants.service_accounts import create as create_service_account
from tenants.service_accounts import switch
from tenants.structure import change_project, change_tenant, create_project, create_tenant
from tests.cast import Cast, person, route
from usage.capacity.setting import set_capacity
from usage.limits.budgets import remove_budget, set_budget
from usage.limits.places import of_environment, of_key, of_project, of_tenant
from usage.limits.setting import set_limits
from usage.limits.weighing import set_weight

pytestmark = pytest.mark.django_db(transaction=True)


def read(of: Callable[[Any], Any]) -> Snapshot:
    """What `of` reads with a connection of the gateway's."""

    async def reading() -> Snapshot:
        async with await loading.connect() as own:
            found: Snapshot = await of(own)
            return found

    return asyncio.run(reading())


def whole() -> Snapshot:
    return read(loading.load)


def after(held: Snapshot) -> Snapshot:
    return read(lambda own: loading.refresh(own, held))


def alike(one: Snapshot, other: Snapshot) -> bool:
    """Whether both know the same, whenever and from which notes they came to know it."""
    return replace(
        one, version=other.version, loaded_at=other.loaded_at, read_from=other.read_from, read=other.read
    ) == other  # fmt: skip


def test_it_works(cast: Cast) -> None:
    held = whole()
    issued = keys.issue(environment=cast.environment(), name="CI", by=cast.dev)
    found = after(held)
    assert found.version == held.version + 1
    assert found.keys[issued.key.prefix].name == "CI"
    assert alike(found, whole())


def test_nothing_noted_is_no_new_version(cast: Cast) -> None:
    held = whole()
    found = after(held)
    assert (found.version, found.keys is held.keys) == (held.version, True)
    assert found.loaded_at > held.loaded_at


def test_what_did_not_change_is_not_read_again(cast: Cast) -> None:
    kept = keys.issue(environment=cast.environment(), name="Kept", by=cast.dev).key
    other = keys.issue(environment=cast.environment("test"), name="Other", by=cast.dev).key
    held = whole()
    keys.revoke(key=other, by=cast.dev)
    found = after(held)
    assert found.keys[kept.prefix] is held.keys[kept.prefix]
    assert found.keys[other.prefix].revoked_at is not None
    assert (found.grants is held.grants, found.routes is held.routes, found.places is held.places) == (True,) * 3


def test_after_each_deed_the_snapshot_is_as_if_read_anew(cast: Cast) -> None:
    """Every verb that changes what a call is admitted by, one after the other."""
    model, production = route(), cast.environment("production")
    key = keys.issue(environment=production, name="A", by=cast.dev).key
    mine = keys.issue(environment=production, name="Dev's", by=cast.dev, holder=cast.dev).key
    held = whole()

    def found(key: ApiKey) -> ApiKey:
        return ApiKey.objects.select_related("environment__project__tenant", "environment__tenant").get(pk=key.pk)

    def moved() -> None:
        add_member(tenant=cast.globex, user=cast.olivia, role="owner", by=cast.greta)
        moving.move_project(project=cast.project, to=cast.globex, by=cast.olivia)

    batch = create_service_account(tenant=cast.acme, name="batch", role="developer", by=cast.olivia)
    deeds: dict[str, Callable[[], object]] = {
        "a grant": lambda: grant(environment=production, route=model, by=SYSTEM),
        "a key narrowed": lambda: narrow(key=found(key), allowed_networks=["10.0.0.0/8"], by=cast.dev),
        "a key handed over": lambda: hand_over(key=found(key), to=batch, by=cast.olivia),
        "its holder off": lambda: switch(account=batch, on=False, by=cast.olivia),
        "its holder on": lambda: switch(account=batch, on=True, by=cast.olivia),
        "a person off": lambda: deactivate(user=cast.dev, by=cast.pat),
        "a person on": lambda: activate(user=cast.dev, by=cast.pat),
        "a member gone": lambda: remove_member(membership=Membership.objects.get(user=cast.dev), by=cast.olivia),
        "a member again": lambda: add_member(tenant=cast.acme, user=cast.dev, role="developer", by=cast.olivia),
        "a key replaced": lambda: rotate(key=found(mine), overlap="1h", by=cast.dev),
        "limits of a tenant": lambda: set_limits(place=of_tenant(cast.acme), amounts={"requests": 9}, by=cast.pat),
        "limits of a key": lambda: set_limits(place=of_key(found(key)), amounts={"tokens": 9}, by=cast.pat),
        "limits of a project": lambda: set_limits(place=of_project(cast.project), amounts={"tokens": 9}, by=cast.pat),
        "what a route takes": lambda: set_capacity(subject=model, amounts={"requests": 9}, by=cast.pat),
        "what a deployment takes": lambda: set_capacity(
            subject=model.targets.get().deployment, amounts={"concurrent": 9}, by=cast.pat
        ),
        "a route takes all again": lambda: set_capacity(subject=model, amounts={"requests": None}, by=cast.pat),
        "a tenant's weight": lambda: set_weight(tenant=cast.acme, weight=7, by=cast.pat),
        "a tenant named anew": lambda: change_tenant(
            tenant=cast.acme, name="Acme Inc.", cost_centre="", by=cast.olivia
        ),
        "a project named anew": lambda: change_project(project=cast.project, name="Help", purpose="", by=cast.olivia),
        "a hard budget": lambda: set_budget(
            place=of_environment(production), amount=Decimal(3), is_hard=True, by=cast.pat
        ),
        "no budget": lambda: remove_budget(place=of_environment(production), span="month", by=cast.pat),
        "no limit": lambda: set_limits(place=of_key(found(key)), amounts={"tokens": None}, by=cast.pat),
        "another project": lambda: create_project(tenant=cast.acme, slug="next", name="Next", by=cast.olivia),
        "another tenant": lambda: create_tenant(slug="third", name="Third", owner=person("theo"), by=SYSTEM),
        "a project archived": lambda: archiving.archive_project(project=cast.project, by=cast.olivia),
        "a project back": lambda: archiving.restore_project(project=cast.project, by=cast.olivia),
        "a tenant archived": lambda: archiving.archive_tenant(tenant=cast.acme, by=cast.olivia),
        "a tenant back": lambda: archiving.restore_tenant(tenant=cast.acme, by=cast.olivia),
        "a project moved": moved,
        "the grant gone": lambda: revoke(grant=model.grants.get(revoked_at=None), by=cast.pat, reason="Enough"),
        "a key revoked": lambda: keys.revoke(key=found(key), by=cast.pat),
        "keys deleted": lambda: (ApiKey.objects.filter(pk=mine.pk).delete(), announce("key", mine.pk)),
        "all of a tenant deleted": lambda: (cast.globex.delete(), announce("tenant", cast.globex.pk)),
    }
    for name, deed in deeds.items():
        deed()
        held = after(held)
        assert alike(held, whole()), name


def test_the_demonstration_goes_from_the_snapshot_too(cast: Cast) -> None:
    shown = create_tenant(slug="shown", name="Shown", owner=person("theo"), by=SYSTEM, is_demonstration=True)
    project = create_project(tenant=shown, slug="first", name="First", by=SYSTEM)
    keys.issue(environment=project.environments.get(kind="test"), name="CI", by=SYSTEM)
    set_limits(place=of_project(project), amounts={"requests": 9}, by=SYSTEM)
    held = whole()
    assert (len(held.keys), len(held.bounds)) == (1, 1)
    remove_demonstration()
    assert alike(after(held), whole())


def test_of_two_transactions_the_one_that_began_first_may_commit_last(cast: Cast) -> None:
    """A number is drawn when a change is noted and seen when it is committed: neither order may lose one."""
    first, second = (keys.issue(environment=cast.environment(), name=name, by=cast.dev).key for name in "ab")
    held = whole()
    with psycopg.connect(**_address()) as slow, psycopg.connect(**_address()) as quick:
        for own, key in ((slow, first), (quick, second)):
            own.execute("SELECT set_config('atrium.tenants', '*', true)")
            own.execute("UPDATE tenants_apikey SET revoked_at = now() WHERE id = %s", [key.pk])
            own.execute("INSERT INTO tenants_changenote (kind, row_key) VALUES ('key', %s)", [str(key.pk)])
        quick.commit()
        held = after(held)
        assert held.keys[second.prefix].revoked_at
        assert not held.keys[first.prefix].revoked_at
        version = held.version
        slow.commit()
    held = after(held)
    assert held.keys[first.prefix].revoked_at
    assert held.version == version + 1
    assert after(held).version == held.version, "read once"


def test_what_is_rolled_back_is_not_told(cast: Cast) -> None:
    from django.db import transaction

    held = whole()
    with transaction.atomic():
        keys.issue(environment=cast.environment(), name="CI", by=cast.dev)
        transaction.set_rollback(True)
    assert after(held).version == held.version


def test_a_note_of_any_row_reads_all_of_its_kind(cast: Cast) -> None:
    key = keys.issue(environment=cast.environment(), name="CI", by=cast.dev).key
    held = whole()
    ApiKey.objects.update(name="By hand")
    announce("key")
    found = after(held)
    assert found.keys[key.prefix].name == "By hand"
    assert alike(found, whole())


def test_old_notes_are_forgotten(cast: Cast) -> None:
    announce("key")
    assert forget_old() == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tenants_changenote SET at = at - interval '3 hours'")
    noted = ChangeNote.objects.count()
    assert forget_old() == noted


def _address() -> dict[str, Any]:
    held = connection.settings_dict
    options = {name: value for name, value in held.get("OPTIONS", {}).items() if name != "pool"}
    given = {"dbname": held["NAME"], "user": held["USER"], "password": held["PASSWORD"], "host": held["HOST"],
             "port": held["PORT"], **options}  # fmt: skip
    return {name: value for name, value in given.items() if value not in ("", None)}
