"""Deeds: roles in projects, keys, and what becomes of the places where they are."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.tenants.histories.deeds import ACTORS, IN_PROJECTS, IN_TENANTS, MEMBERS, PICK, Deeds
from tests.tenants.histories.model import Key


class Working(Deeds):
    """Roles in projects, keys, archiving, moving."""

    # Roles in projects

    @rule(who=ACTORS, pick=PICK, whom=MEMBERS, service=st.booleans(), role=IN_PROJECTS)
    def give_a_role_in_a_project(self, who: str, pick: int, whom: str, service: bool, role: str) -> None:
        project = self.ago(self.world.projects, pick)
        use = self.world.projects[project]
        if service and self.world.services:
            whom = self.ago(self.world.services, pick)
        self.give(self.somebody(who, use.tenant), project, self.somebody(whom, use.tenant), role)

    def give(self, who: str, project: str, whom: str, role: str) -> None:
        use = self.world.projects[project]
        made = self.post(who, "project-roles/", project=f"{use.tenant}/{use.slug}", person=whom, role=role)
        if made:
            assert self.world.may_give_there(project, who, role) and whom in self.world.active
            assert (project, whom) not in self.world.in_projects
            self.world.give_there(project, whom, role)
            self.seen.roles[made["id"]] = project, whom

    @precondition(lambda self: self.seen.roles)
    @rule(who=st.one_of(ACTORS, st.just("themselves")), pick=PICK, role=IN_PROJECTS, ends=st.booleans())
    def change_or_end_a_role_in_a_project(self, who: str, pick: int, role: str, ends: bool) -> None:
        key = self.ago(self.seen.roles, pick)
        project, whom = self.seen.roles[key]
        who = whom if who == "themselves" else self.somebody(who, self.world.projects[project].tenant)
        if who not in self.stage.clients:
            return  # a service account has no token here
        if ends:
            if self.send(who, "DELETE", f"project-roles/{key}/") is not None:
                before = self.world.in_projects.pop((project, whom))
                assert who == whom or self.world.may_give_there(project, who, before)
        elif self.send(who, "PATCH", f"project-roles/{key}/", role=role):
            before = self.world.in_projects[project, whom]
            assert self.world.may_give_there(project, who, before, role)
            if before != role:
                self.world.give_there(project, whom, role)

    # Keys

    @rule(who=ACTORS, pick=PICK, holder=st.one_of(st.none(), st.integers(0, 3)))
    def issue_a_key(self, who: str, pick: int, holder: int | None) -> None:
        project = self.ago(self.world.projects, pick)
        use = self.world.projects[project]
        named = self.ago(self.world.services, holder) if holder is not None and self.world.services else ""
        self.issue(self.somebody(who, use.tenant), project, named)

    def issue(self, who: str, project: str, named: str = "") -> None:
        use = self.world.projects[project]
        where = f"{use.tenant}/{use.slug}/development"
        made = self.post(who, "keys/", environment=where, name="key", **({"holder": named} if named else {}))
        if made:
            assert self.world.may_there(project, who, "manage_keys") and not self.world.is_closed(project)
            assert not named or (named in self.world.active and self.world.role(use.tenant, named))
            self.world.keys[made["id"]] = Key(project, named or who)

    @precondition(lambda self: self.world.keys)
    @rule(who=ACTORS, pick=PICK, overlap=st.sampled_from(["0", "24h"]))
    def rotate_a_key(self, who: str, pick: int, overlap: str) -> None:
        who, key, found = self.key(who, pick)
        made = self.post(who, f"keys/{key}/rotate/", overlap=overlap)
        if made:
            self.may_manage_keys(who, found)
            assert not found.over and not self.world.is_closed(found.project)
            self.world.keys[made["id"]] = Key(found.project, found.holder)
            found.over = overlap == "0"

    @precondition(lambda self: self.world.keys)
    @rule(who=ACTORS, pick=PICK, leaked=st.booleans())
    def revoke_a_key(self, who: str, pick: int, leaked: bool) -> None:
        who, key, found = self.key(who, pick)
        if self.post(who, f"keys/{key}/leaked/" if leaked else f"keys/{key}/revoke/",
                     **({"where": "In a chat"} if leaked else {})):  # fmt: skip
            self.may_manage_keys(who, found)
            found.over = True

    @precondition(lambda self: self.world.keys)
    @rule(who=ACTORS, pick=PICK, other=PICK)
    def revoke_two_keys(self, who: str, pick: int, other: int) -> None:
        who, key, found = self.key(who, pick)
        _, second, beside = self.key(who, other)
        if self.post(who, "keys/revoke/", keys=sorted({key, second}), reason="x"):
            for each in (found, beside):
                self.may_manage_keys(who, each)
                each.over = True

    @precondition(lambda self: self.world.keys)
    @rule(who=ACTORS, pick=PICK, to=st.one_of(st.none(), st.integers(0, 3)))
    def hand_a_key_over(self, who: str, pick: int, to: int | None) -> None:
        who, key, found = self.key(who, pick)
        named = self.ago(self.world.services, to) if to is not None and self.world.services else who
        if self.post(who, f"keys/{key}/hand-over/", holder=named):
            self.may_manage_keys(who, found)
            tenant = self.world.projects[found.project].tenant
            assert named in self.world.active and self.world.role(tenant, named)
            assert not self.world.is_closed(found.project)
            found.holder = named

    def project(self, slug: str) -> str:
        """The key of the project that is called so."""
        return next(key for key, each in self.world.projects.items() if each.slug == slug)

    def key(self, who: str, pick: int) -> tuple[str, str, Key]:
        key = self.ago(self.world.keys, pick)
        found = self.world.keys[key]
        return self.somebody(who, self.world.projects[found.project].tenant), key, found

    def may_manage_keys(self, who: str, key: Key) -> None:
        assert self.world.may_there(key.project, who, "manage_keys")

    # Archiving and moving

    @rule(who=ACTORS, tenant=IN_TENANTS, verb=st.sampled_from(["archive", "restore"]))
    def archive_a_tenant(self, who: str, tenant: str, verb: str) -> None:
        who = self.somebody(who, tenant)
        if self.post(who, f"tenants/{tenant}/{verb}/"):
            assert self.world.may(tenant, who, "manage_tenant")
            if verb == "archive":
                self.world.archived.add(tenant)
                self.world.end_timed(tenant=tenant)
            elif tenant in self.world.archived:
                self.world.open_again(tenant, sorted(self.stage.known, key=self.stage.known.__getitem__))

    @rule(who=ACTORS, pick=PICK, verb=st.sampled_from(["archive", "restore"]))
    def archive_a_project(self, who: str, pick: int, verb: str) -> None:
        project = self.ago(self.world.projects, pick)
        self.close_or_open(self.somebody(who, self.world.projects[project].tenant), project, verb)

    def close_or_open(self, who: str, project: str, verb: str) -> None:
        use = self.world.projects[project]
        if self.post(who, f"projects/{project}/{verb}/"):
            assert self.world.may(use.tenant, who, "manage_tenant") and use.tenant not in self.world.archived
            assert verb == "archive" or not use.moved
            use.archived = verb == "archive"

    @rule(who=st.one_of(ACTORS, st.just("pat")), pick=PICK, to=IN_TENANTS)
    def move_a_project(self, who: str, pick: int, to: str) -> None:
        project = self.ago(self.world.projects, pick)
        use = self.world.projects[project]
        who = self.somebody(who, use.tenant)
        closed = self.world.is_closed(project)
        made = self.post(who, f"projects/{project}/move/", to=to)
        if made:
            assert not closed and to not in self.world.archived
            assert all(self.world.may(tenant, who, "manage_tenant") for tenant in (use.tenant, to))
            self.world.move(project, made["id"], to)
