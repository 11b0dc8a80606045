"""The whole of a history: everything that people do, and what holds after each deed.

What is kept of memberships, permissions, roles and keys is read at once and compared with the model whole; how it is
read by pages and API (`tenants.scoping`) is looked at for one person, in turn.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from hypothesis.stateful import invariant

from gateway import rows as gateway_rows
from tenants import scoping, tokens
from tenants.models import Project
from tenants.roles import PROJECT_ROLES
from tenants.scope import Scope, within
from tests.tenants.histories.joining import Joining
from tests.tenants.histories.lending import Lending
from tests.tenants.histories.ruling import Ruling
from tests.tenants.histories.stage import NAMES, TENANTS
from tests.tenants.histories.working import Working

# What is kept, in one statement; of each a list of rows.
KEPT = """
    SELECT coalesce((SELECT json_agg(json_build_array(m.id, t.slug, u.username, m.role) ORDER BY m.id)
                       FROM tenants_membership m JOIN tenants_tenant t ON t.id = m.tenant_id
                       JOIN tenants_user u ON u.id = m.user_id), '[]'),
           coalesce((SELECT json_agg(json_build_array(k.model, coalesce(t.slug, o.object_pk), u.username, p.codename))
                       FROM guardian_userobjectpermission o JOIN auth_permission p ON p.id = o.permission_id
                       JOIN django_content_type k ON k.id = p.content_type_id
                       JOIN tenants_user u ON u.id = o.user_id
                       LEFT JOIN tenants_tenant t ON k.model = 'tenant' AND t.id::text = o.object_pk), '[]'),
           coalesce((SELECT json_agg(json_build_array(r.project_id, u.username, r.role))
                       FROM tenants_projectrole r JOIN tenants_user u ON u.id = r.user_id), '[]'),
           coalesce((SELECT json_agg(json_build_array(u.username, a.role))
                       FROM tenants_appointment a JOIN tenants_user u ON u.id = a.user_id), '[]'),
           coalesce((SELECT json_agg(json_build_array(u.username, p.codename))
                       FROM tenants_user_user_permissions o JOIN tenants_user u ON u.id = o.user_id
                       JOIN auth_permission p ON p.id = o.permission_id), '[]'),
           coalesce((SELECT json_agg(id) FROM tenants_ownershiptransfer
                      WHERE accepted_at IS NULL AND declined_at IS NULL AND withdrawn_at IS NULL), '[]'),
           coalesce((SELECT json_agg(json_build_array(id, granted_at IS NOT NULL)) FROM tenants_elevation
                      WHERE declined_at IS NULL AND withdrawn_at IS NULL AND ended_at IS NULL), '[]'),
           coalesce((SELECT json_agg(json_build_array(id, role)) FROM tenants_invitation
                      WHERE accepted_at IS NULL AND declined_at IS NULL AND withdrawn_at IS NULL), '[]'),
           (SELECT count(*) FROM audit_entry WHERE verb LIKE 'membership.%%')
"""
# As the gateway reads them into its snapshot: those that open something.
OPENING = f"""
    SELECT key.id
      FROM ({gateway_rows.KEYS}) AS key (prefix, hash, name, place, ends, revoked, routes, networks, id, is_held)
      JOIN ({gateway_rows.PLACES}) AS place (id, project, tenant, path, is_archived, is_demonstration, networks)
        ON place.id = key.place
     WHERE key.is_held AND key.revoked IS NULL AND (key.ends IS NULL OR key.ends > clock_timestamp())
       AND NOT place.is_archived
"""


class Histories(Joining, Lending, Working, Ruling):
    """One history."""

    @invariant()
    def everybody_holds_what_the_rules_give(self) -> None:
        world = self.world
        members, given, in_projects, above, above_given, transfers, timed, invited, told = _read(KEPT)[0]
        assert {(tenant, name): role for _, tenant, name, role in members} == {
            where: each.role for where, each in world.members.items()
        }
        self.seen.memberships |= {key: (tenant, name) for key, tenant, name, _ in members}
        assert all(world.owners(tenant) for tenant in TENANTS)
        assert {tuple(each) for each in given} == {
            ("tenant", *where, permission.partition(".")[2])
            for where in world.members for permission in world.kept(*where)
        } | {
            ("project", *where, permission.partition(".")[2])
            for where, role in world.in_projects.items() for permission in PROJECT_ROLES[role].permissions
        }  # fmt: skip
        assert {(project, name): role for project, name, role in in_projects} == world.in_projects
        assert told == self.stage.entries + world.changes
        assert {(name, role) for name, role in above if name in NAMES} == {
            (name, role) for name, roles in world.above.items() for role in roles
        }
        assert {(name, codename) for name, codename in above_given if name in NAMES} == {
            (name, permission.partition(".")[2]) for name in NAMES for permission in world.above_of(name)
        }
        # What is not held yet, or no more, and would be as soon as something else happens.
        assert set(transfers) == set(world.transfers)
        assert dict(timed) == {key: each.state != "waiting" for key, each in world.timed.items() if each.is_open}
        assert dict(invited) == {key: each.role for key, each in world.invitations.items()}

    @invariant()
    def keys_open_for_whom_is_there(self) -> None:
        opening = {str(key) for (key,) in _read(OPENING)}
        assert opening == {key for key, each in self.world.keys.items() if self.world.opens(each)}

    @invariant()
    def what_people_see_and_may_is_what_they_hold(self) -> None:
        """Of one person after every third deed, and of one tenant and its projects, in turn."""
        self.steps += 1
        if self.steps % 3:
            return
        self.turn += 1
        name, slug = NAMES[self.turn % len(NAMES)], TENANTS[self.turn // len(NAMES) % len(TENANTS)]
        token, world, tenant = tokens.recognise(self.stage.secrets[name]), self.world, self.stage.tenants[slug]
        assert (token is not None) == (name in world.active)
        viewer = token.user if token else self.stage.people[name]
        with within(Scope(None, "a person looks", viewer.pk)):
            visible = set(scoping.tenants_for(viewer).values_list("slug", flat=True)) if token else set()
            assert visible == {each for each in TENANTS if world.may(each, name, "view_tenant")}
            if token is None:
                return
            held = scoping.held_within(viewer, tenant)
            assert held.in_tenant == world.holds(slug, name)
            for project in Project.objects.filter(tenant=tenant).select_related("tenant"):
                assert held.at(project) == world.holds_there(str(project.pk), name)
                assert scoping.may(viewer, "tenants.manage_keys", project) == (
                    world.may_there(str(project.pk), name, "manage_keys")
                )
            seen = scoping.visible(viewer, Project.objects.all(), "tenants.manage_keys").values_list("pk", flat=True)
            assert {str(key) for key in seen} == {
                key for key in world.projects if world.may_there(key, name, "manage_keys")
            }


def _read(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, ())
        return cursor.fetchall()
