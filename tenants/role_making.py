"""Make, change and retire the roles of a tenant.

Whoever does it holds themselves what the role gives, before and after: to change a role is to give and take its
permissions for everybody who has it, which happens in the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import transaction

from audit.record import record
from refusals.errors import Conflict, Forbidden, Invalid
from tenants.alike import looking_like, name_skeleton, slug_skeleton
from tenants.archiving import refuse_archived
from tenants.arrivals import Invitation
from tenants.assigning import end_roles_of
from tenants.custom_roles import known_role
from tenants.delegation import MANAGE_TENANT, gives, require_assignable
from tenants.directory.reconciling import hold_all, reconcile
from tenants.directory.rules import touched
from tenants.elevations import Elevation
from tenants.holding import settle
from tenants.memberships import RoleChanged, add_member
from tenants.models import Directory, DirectoryRule, Membership, Tenant, User, slug_form
from tenants.names import require_form
from tenants.notifications import notify
from tenants.own_roles import CustomRole
from tenants.roles import PLATFORM_ROLES, TENANT_ROLES
from tenants.scoping import words
from tenants.timing import end_all

VIEW = "tenants.view_tenant"
WITHIN = TENANT_ROLES["owner"].permissions  # no role of a tenant reaches further than its owners
MOST = 30  # of one tenant
NAMED = 5


class RoleNotAcceptable(Invalid):
    code = "role_not_acceptable"


class RoleNameTaken(Conflict):
    """It is taken, or could be mistaken for one that is there."""

    code = "role_name_taken"
    title = "There is such a role"


class BeyondYou(Forbidden):
    """Nobody gives by a role what they do not hold."""

    code = "beyond_you"
    title = "This is more than you hold"


class RoleInUse(Conflict):
    code = "role_in_use"
    title = "Somebody has this role"


@transaction.atomic
def make(*, tenant: Tenant, slug: str, name: str, sentence: str, permissions: Collection[str], by: Any) -> CustomRole:
    """A new role of `tenant`; to see the tenant is always in it.

    Raises `RoleNotAcceptable`, `RoleNameTaken`, `BeyondYou`, `TenantArchived`.
    """
    locked = _locked(tenant)
    slug, wanted = slug.strip(), _understood(permissions)
    _refuse_slug(locked, slug)
    given = _named(locked, name, sentence)
    if CustomRole.objects.filter(tenant=locked).count() >= MOST:
        raise RoleNameTaken(f"There are {MOST} roles, which is the most. Retire one first.")
    _refuse_beyond(locked, wanted, by)
    who = by if isinstance(by, User) else None
    made = CustomRole.objects.create(tenant=locked, slug=slug, permissions=sorted(wanted), created_by=who, **given)
    record(
        "role.made", by=by, subject=made, tenant=locked.slug, role=slug, name=made.name, permissions=made.permissions
    )
    return made


@transaction.atomic
def change(
    *, role: CustomRole, name: str, sentence: str, permissions: Collection[str], by: Any, seen: int | None = None
) -> CustomRole:
    """Another name, sentence, or other permissions, which everybody who has it holds at once.

    `seen` is the version that was looked at; None when whatever it is may be changed. Raises `RoleNotAcceptable`,
    `RoleNameTaken`, `BeyondYou`, `RoleChanged`, `TenantArchived`.
    """
    directories = list(Directory.objects.filter(rules__tenant=role.tenant_id, rules__role=role.slug).distinct())
    hold_all(directories)
    locked = _locked(role.tenant)
    found = _found(role)
    if seen is not None and seen != found.version:
        raise RoleChanged(f"Somebody changed {found} meanwhile. Look again and decide.")
    wanted, before = _understood(permissions), frozenset(found.permissions)
    given = _named(locked, name, sentence, but=found)
    if wanted == before and all(getattr(found, field) == value for field, value in given.items()):
        return found
    if wanted != before:
        _refuse_beyond(locked, wanted | before, by)
        _refuse_services(found, wanted)
    for field, value in given.items():
        setattr(found, field, value)
    found.permissions, found.version = sorted(wanted), found.version + 1
    found.save()
    if wanted != before:
        _follow(found, directories, by, is_less=bool(before - wanted))
    record(
        "role.changed", by=by, subject=found, tenant=locked.slug, role=found.slug, name=found.name,
        gained=sorted(wanted - before), lost=sorted(before - wanted),
    )  # fmt: skip
    return found


@transaction.atomic
def retire(*, role: CustomRole, by: Any, move_to: str = "") -> None:
    """End a role; a second time changes nothing. With `move_to`, who has it or is invited as it gets that role, and
    who has it for a time has it no more.

    Raises `RoleInUse` (who has it, where nobody is moved; a rule of a directory gives it), `UnknownRole`,
    `RoleAboveYours`, `TenantArchived`.
    """
    locked = _locked(role.tenant)
    found = CustomRole.objects.filter(pk=role.pk).first()
    if found is None:
        return
    rules = DirectoryRule.objects.filter(tenant=locked, role=found.slug)
    if rules.exists():
        groups = ", ".join(f"“{each.group_name or 'everybody'}”" for each in rules[:NAMED])
        raise RoleInUse(
            f"Rules of a directory give {found} ({groups}). End these rules first.",
            way_out=f"/tenants/{locked.slug}/directory/",
        )
    members = list(Membership.objects.filter(tenant=locked, role=found.slug).select_related("user", "directory"))
    invited = list(Invitation.objects.open().filter(tenant=locked, role=found.slug))
    timed = list(Elevation.objects.open().filter(tenant=locked, role=found.slug).select_related("user"))
    if move_to:
        _move(locked, found, members, invited, move_to, by)
        end_all(locked, by=by, role=found.slug)
    elif members or invited or timed:
        raise RoleInUse(
            _who_has_it(found, members, invited, timed), way_out=f"/tenants/{locked.slug}/roles/{found.pk}/"
        )
    key = found.pk
    found.delete()
    found.pk = key  # for its name in the audit
    record("role.retired", by=by, subject=found, tenant=locked.slug, role=found.slug, moved_to=move_to)


def holders(role: CustomRole) -> Any:
    """The memberships with this role, the oldest first."""
    rows = Membership.objects.filter(tenant=role.tenant_id, role=role.slug)
    return rows.select_related("user").order_by("created_at", "pk")


def _locked(tenant: Tenant) -> Tenant:
    locked = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)  # as every change of members does
    refuse_archived(locked)
    return locked


def _found(role: CustomRole) -> CustomRole:
    found = CustomRole.objects.filter(pk=role.pk).first()
    if found is None:
        raise RoleChanged(f"{role} was retired meanwhile. Nothing was changed.")
    return found


def _understood(permissions: Collection[str]) -> frozenset[str]:
    known = {name.partition(".")[2]: name for name in WITHIN}
    wanted = {known.get(name.removeprefix("tenants."), "") or name for name in permissions}
    unknown = sorted(wanted - WITHIN)
    if unknown:
        raise RoleNotAcceptable(
            f"No owner holds “{unknown[0][:100]}”. Choose among {', '.join(sorted(WITHIN))}.", field="permissions"
        )
    return frozenset(wanted | {VIEW})


def _refuse_slug(tenant: Tenant, slug: str) -> None:
    require_form(slug_form, slug, RoleNotAcceptable, field="slug")
    if len(slug) > 20:
        raise RoleNotAcceptable("A short name of a role has at most 20 characters.", field="slug")
    if slug_skeleton(slug) in {slug_skeleton(each) for each in (*TENANT_ROLES, *PLATFORM_ROLES)}:
        raise RoleNotAcceptable(f"“{slug}” looks like a built-in role. Choose another short name.", field="slug")
    if looking_like(CustomRole.objects.filter(tenant=tenant), slug).exists():
        raise RoleNameTaken(f"{tenant} has a role that looks like “{slug}”.", field="slug")


def _named(tenant: Tenant, name: str, sentence: str, *, but: CustomRole | None = None) -> dict[str, str]:
    given = {"name": name.replace("\x00", "").strip(), "sentence": sentence.replace("\x00", "").strip()}
    for field, longest in (("name", 40), ("sentence", 200)):
        if not given[field] or len(given[field]) > longest or not given[field].isprintable():
            raise RoleNotAcceptable(f"Say it in one line of up to {longest} characters.", field=field)
    look = name_skeleton(given["name"])
    if not look or look in {name_skeleton(each.name) for each in (*TENANT_ROLES.values(), *PLATFORM_ROLES.values())}:
        raise RoleNotAcceptable(f"“{given['name']}” looks like a built-in role. Choose another name.", field="name")
    others = CustomRole.objects.filter(tenant=tenant).exclude(slug=but.slug if but else "")
    if look in {name_skeleton(each) for each in others.values_list("name", flat=True)}:
        raise RoleNameTaken(f"{tenant} has a role that is called like “{given['name']}”.", field="name")
    return given


def _refuse_beyond(tenant: Tenant, permissions: frozenset[str], by: Any) -> None:
    """Asked under the lock: who was an owner when the page was shown may be one no more."""
    if not isinstance(by, User):
        return
    beyond = sorted(permissions - gives(by, tenant))
    if beyond:
        raise BeyondYou(
            f"A role gives no more than you hold yourself in {tenant}, and you may not “{words(beyond[0])}”.",
            field="permissions", permission=beyond[0],
        )  # fmt: skip


def _refuse_services(role: CustomRole, wanted: frozenset[str]) -> None:
    service = holders(role).filter(user__is_service=True).first() if MANAGE_TENANT in wanted else None
    if service is not None:
        raise RoleNotAcceptable(
            f"{service.user} has this role and is a service account, which never answers for a tenant. Give it another "
            "role first.",
            field="permissions",
        )


def _follow(role: CustomRole, directories: list[Directory], by: Any, *, is_less: bool) -> None:
    """Everybody who has it holds it as it is now; where several rules fit somebody, another may be the strongest.

    Where it gives less, their roles in single projects end, as they do for a member who gets a lesser role.
    """
    tenant = role.tenant
    for_a_time = Elevation.objects.live().filter(tenant=tenant, role=role.slug).values_list("user_id", flat=True)
    settle(tenant, {*holders(role).values_list("user_id", flat=True), *for_a_time})
    for each in holders(role) if is_less else ():
        end_roles_of(each.user, tenant, because=f"Their role {role} gives less now.", by=by)
    for directory in directories:
        for rule in DirectoryRule.objects.filter(directory=directory, tenant=tenant, role=role.slug):
            reconcile(directory, touched(directory, rule), by=by)
    people = [each.user for each in holders(role) if each.user.is_active and not each.user.is_service]
    notify(
        [person for person in people if person != by], kind="membership", title=f"Your role {role} may do other things",
        body=f"It was changed in {tenant}.{' Your roles in single projects, if any, ended with that.' * is_less}",
        path=f"/tenants/{tenant.slug}/roles/", tenant=tenant,
    )  # fmt: skip


def _move(
    tenant: Tenant, role: CustomRole, members: list[Membership], invited: list[Invitation], to: str, by: Any
) -> None:
    known_role(tenant, to)
    if to == role.slug:
        raise RoleNotAcceptable("Choose another role than the one that ends.", field="move_to")
    if isinstance(by, User):
        require_assignable(by, tenant, None, role.slug, to)
    for each in members:
        add_member(tenant=tenant, user=each.user, role=to, by=by, seen=role.slug, directory=each.directory)
    Invitation.objects.filter(pk__in=[each.pk for each in invited]).update(role=to)


def _who_has_it(role: CustomRole, members: list[Membership], invited: list[Invitation], timed: list[Elevation]) -> str:
    names = [str(each.user) for each in members] + [f"{each.email} (invited)" for each in invited]
    names += [f"{each.user} (for a time, or asks for it)" for each in timed]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    have = "has" if len(names) == 1 else "have"
    return f"{', '.join(names[:NAMED])}{more} {have} the role {role}. Say to which role they move."
