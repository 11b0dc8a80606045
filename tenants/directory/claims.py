"""Groups that a sign-in service claims of a person: the rules of the platform's directory make memberships of them.

Of a claim, which may name thousands of groups, only those are kept for which there is a rule. A new rule therefore
reaches a person when they sign in again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.record import record
from tenants.directory.attributes import folded
from tenants.directory.reconciling import hold, reconcile
from tenants.directory.standing import adopt
from tenants.models import Directory, DirectoryPerson, DirectoryRule, User
from tenants.scope import everything


@everything("a sign-in service says in which groups somebody is")
def follow(*, user: User, groups: Iterable[str], by: Any) -> None:
    """Let `user` hold what rules give to who is in `groups`, and no longer what they gave before.

    One query where no rule is for the platform's directory, four where nothing changed, however many groups there are.
    """
    rules = DirectoryRule.objects.filter(directory__tenant=None)
    ruled = {folded(name) for name in rules.values_list("group_name", flat=True)}
    if not ruled and not DirectoryPerson.objects.filter(user=user, directory__tenant=None).exists():
        return
    named = sorted({folded(name) for name in groups} & ruled - {""})
    directory = Directory.objects.get(tenant=None)
    person = DirectoryPerson.objects.filter(directory=directory, user=user).first()
    if person is not None and ((person.claimed_groups == named and not person.is_adopted) or person.removed_at):
        return
    with transaction.atomic():
        hold(directory)
        if person is None:
            adopt(directory, [user])
        locked = DirectoryPerson.objects.select_for_update().get(directory=directory, user=user)
        before = locked.claimed_groups
        locked.claimed_groups, locked.is_adopted, locked.changed_at = named, False, timezone.now()
        locked.save(update_fields=["claimed_groups", "is_adopted", "changed_at"])
        reconcile(directory, [locked], by=by)
        if before != named:
            record(
                "directory.groups_claimed", by=by, subject=user,
                joined=sorted({*named} - {*before}), left=sorted({*before} - {*named}),
            )  # fmt: skip
