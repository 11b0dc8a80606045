"""Faults that the product could have, each to be planted for a while (`tests.tenants.histories.planting`)."""

from __future__ import annotations

from tests.tenants.histories.planting import Fault

# That somebody holds what no rule gives, or would as soon as something else happens.
FAULTS = [
    Fault(
        "who leaves keeps roles in projects", "tenants.memberships.remove_member",
        'end_roles_of(membership.user, tenant, because="They are no member any more.", by=by)', "pass",
    ),
    Fault(
        "who leaves keeps what was given for a time, and has it when they come back",
        "tenants.memberships.remove_member", "end_all(tenant, by=by, user=membership.user)", "pass",
    ),
    Fault(
        "who leaves keeps their permissions", "tenants.memberships.remove_member",
        "settle(tenant, [membership.user_id])", "pass",
    ),
    Fault(
        "a lesser role keeps roles in projects", "tenants.memberships.add_member",
        "had is None or had.permissions - known_role(tenant, role).permissions", "had is None",
    ),
    Fault(
        "who handed a tenant over keeps an owner's permissions", "tenants.ownership.accept",
        "add_member(tenant=tenant, user=locked.giver, role=BECOMES, by=by)",
        "Membership.objects.filter(tenant=tenant, user=locked.giver).update(role=BECOMES)",
    ),
    Fault(
        "an owner who was demoted can still be taken up on their offer", "tenants.memberships._end_transfers",
        "theirs.update(withdrawn_at=timezone.now())", "pass",
    ),
    Fault(
        "what was given for a time is kept when it is ended", "tenants.timing._end",
        "settle(tenant, {each.user_id for each in rows})", "pass",
    ),
    Fault(
        "what was given for a time is kept when its time is over", "tenants.timing.settle_due",
        "settle(locked, {each.user_id for each in rows})", "pass",
    ),
    Fault(
        "who stands in keeps what the absent one has lost", "tenants.holding.settle",
        'concerned |= set(standing_in.values_list("user_id", flat=True))', "pass",
    ),
    Fault(
        "who stands in lends on what is lent to them", "tenants.holding.holdings",
        "found[each.user_id] |= away.get(each.absent_id, frozenset())",
        "found[each.user_id] |= away.get(each.absent_id, frozenset()) | frozenset().union("
        "*(roles[o.role].permissions for o in Elevation.objects.live().filter(tenant=tenant, user=each.absent)"
        " if o.role in roles))",
    ),
    Fault(
        "what was asked for is granted by whoever sees it", "tenants.elevating.grant",
        "_require_giver(by, locked, found.role)", "pass",
    ),
    Fault(
        "who is switched off keeps a token that works", "tenants.tokens.recognise", " or not token.user.is_active", "",
    ),
    Fault(
        "who is switched off keeps what they hold for a time", "tenants.activation.deactivate",
        "end_of_person(locked, tenants, by=by)", "pass",
    ),
    Fault(
        "a role that gives less leaves its holders what they had", "tenants.role_making._follow",
        "settle(tenant, {*holders(role).values_list(\"user_id\", flat=True), *for_a_time})",
        "settle(tenant, {*for_a_time})",
    ),
    Fault(
        "a role that gives less leaves its holders their roles in projects", "tenants.role_making._follow",
        "if is_less else ()", "if False else ()",
    ),
    Fault(
        "a role that is retired stays with who has it for a time", "tenants.role_making.retire",
        "end_all(locked, by=by, role=found.slug)", "pass",
    ),
    Fault(
        "an archived project's keys go on", "tenants.archiving.archive_project",
        'locked.save(update_fields=["archived_at"])', "pass",
    ),
    Fault(
        "an archived tenant leaves what was given for a time", "tenants.archiving.archive_tenant",
        "end_all(locked, by=by)", "pass",
    ),
    Fault(
        "a project that moves takes its people's roles along", "tenants.moving.move_project",
        'end_roles_in(locked, because=f"{locked} moves to {target}.", by=by)', "pass",
    ),
    Fault(
        "a role in a project that is ended leaves its permissions", "tenants.assigning.take_role",
        '_end([found], tenant, by, "")', "found.delete()",
    ),
    Fault(
        "an access review leaves the permissions of who lapsed", "tenants.reviewing.conclude",
        "remove_member(membership=membership, by=SYSTEM, because=LAPSED)",
        'membership.delete() if membership.role != "owner" else remove_member(membership=membership, by=SYSTEM)',
    ),
    Fault(
        "an invitation by who may no longer give the role is accepted", "tenants.invite.accept",
        "_refuse_unbacked(locked)", "pass",
    ),
    Fault(
        "who leaves a group stays a member", "tenants.directory.reconciling._carry_out",
        "remove_member(membership=move.membership, by=by, because=NO_GROUP)", "pass",
    ),
    Fault(
        "a role above tenants that ends leaves its permissions", "tenants.memberships.dismiss",
        "PLATFORM_ROLES[appointment.role].permissions - holds", "frozenset()",
    ),
    Fault(
        "the last owner who can sign in leaves", "tenants.memberships._refuse_last_owner",
        "user__is_active=True", "user__is_service=False",
    ),
    Fault(
        "who has a role for a time passes it on for good", "tenants.delegation.passed_on",
        "return held if is_plain else gives(viewer, tenant)", "return held",
    ),
    Fault(
        "a key is handed to another tenant's service account", "tenants.key_holder.holder_called",
        "memberships__tenant=tenant, is_active=True", "is_active=True",
    ),
    Fault(
        "a key that leaked goes on", "tenants.leaks.report",
        'keys.revoke(key=locked, by=by, reason="It was seen where it must not be.")', "pass",
    ),
    Fault(
        "of many keys that are revoked one goes on", "tenants.bulk_revoking.revoke_all",
        "for key in open_ones:", "for key in open_ones[:1]:",
    ),
    Fault(
        "a key that is replaced at once goes on", "tenants.key_rotation.rotate",
        'old.save(update_fields=["expires_at"])', "pass",
    ),
]  # fmt: skip
# Locks that are not taken, which shows where two deeds meet. Not among them are those that others stand behind.
_LOCKED = "Tenant.objects.select_for_update(no_key=True)"
UNLOCKED = [
    Fault(f"{function} does not wait", f"tenants.{function}", _LOCKED, "Tenant.objects")
    for function in (
        "memberships.remove_member",
        "memberships.add_member",
        "assigning.give_role",
        "ownership._locked",
        "elevating._locked",
        "standing_in.name_stand_in",
        "role_making._locked",
    )
]
