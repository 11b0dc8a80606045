"""The access review: each quarter whoever answers for a tenant says of every member that they still need to be there.

A review begins by itself, or when somebody asks for it, and looks at the members of that moment. Who is not confirmed
when it is due is no member any more; the last owner stays. Keys end with their holder (decision 20).
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from audit.record import SYSTEM, record
from refusals.errors import Conflict
from tenants.access_reviews import AccessConfirmation, AccessReview
from tenants.archiving import refuse_archived
from tenants.assigning import roles_of_people as project_roles_of
from tenants.delegation import MANAGE_TENANT
from tenants.memberships import LastOwner, remove_member
from tenants.models import Membership, Tenant, User
from tenants.notifications import notify
from tenants.scope import everything
from tenants.scoping import members_who_may

EVERY = dt.timedelta(days=91)
OPEN_FOR = dt.timedelta(days=21)
REMIND_BEFORE = dt.timedelta(days=7)
LAPSED = "Nobody confirmed in its access review that you still need it. An owner can add you again."

log = logging.getLogger(__name__)


class ReviewOpen(Conflict):
    code = "access_review_open"
    title = "A review is under way"


class ReviewConcluded(Conflict):
    code = "access_review_concluded"
    title = "This review is over"


@transaction.atomic
def begin(*, tenant: Tenant, by: Any) -> AccessReview:
    """Begin a review of the members that `tenant` has now. Raises `ReviewOpen`, `TenantArchived`."""
    locked = _locked(tenant)
    refuse_archived(locked)
    if AccessReview.objects.filter(tenant=locked, concluded_at=None).exists():
        raise ReviewOpen(f"The members of {locked} are being looked through already.", way_out=_page(locked))
    now = timezone.now()
    made = AccessReview.objects.create(
        tenant=locked, began_at=now, began_by=by if isinstance(by, User) else None, due_at=now + OPEN_FOR
    )
    record("members.review_begun", by=by, subject=made, tenant=locked.slug, due=made.due_at.isoformat())
    _tell_owners(made, f"Who still needs {locked}? Please confirm its members", _until(made), but=by)
    return made


@transaction.atomic
def confirm(*, review: AccessReview, memberships: Collection[UUID], by: User) -> int:
    """Say that these members still need their roles, also those in single projects; the number of those who were not
    confirmed before.

    What is no membership of this tenant is passed over. Raises `ReviewConcluded`, `TenantArchived`.
    """
    tenant = _locked(review.tenant)
    refuse_archived(tenant)
    locked = AccessReview.objects.select_related("tenant").get(pk=review.pk)
    if locked.concluded_at is not None:
        raise ReviewConcluded("It was concluded in the meantime. Begin another one, or add who is missing again.")
    chosen = list(unconfirmed(locked).filter(pk__in=memberships).select_related("user"))
    beside = project_roles_of(tenant, [each.user_id for each in chosen])
    in_projects = {each.pk: {e.project.slug: e.role for e in beside.get(each.user_id, ())} for each in chosen}
    AccessConfirmation.objects.bulk_create(
        AccessConfirmation(review=locked, user=each.user, role=each.role, project_roles=in_projects[each.pk], by=by)
        for each in chosen
    )
    if chosen:
        people = {each.user.username: each.role for each in chosen}
        more: dict[str, Any] = {"in_projects": {e.user.username: told for e in chosen if (told := in_projects[e.pk])}}
        record(
            "members.confirmed", by=by, subject=locked, tenant=tenant.slug, people=people,
            **(more if more["in_projects"] else {}),
        )  # fmt: skip
    return len(chosen)


@transaction.atomic
def conclude(*, review: AccessReview) -> AccessReview:
    """End a review that is due: who is not confirmed is no member any more. The second time changes nothing.

    That of an archived tenant waits until it has been back for as long as a review lasts.
    """
    tenant = _locked(review.tenant)
    locked = AccessReview.objects.select_related("tenant").get(pk=review.pk)
    if locked.concluded_at is not None or locked.due_at > timezone.now():
        return locked
    if tenant.archived_at is not None:
        locked.due_at = timezone.now() + OPEN_FOR
        locked.save(update_fields=["due_at"])
        return locked
    lapsed, kept = [], []
    for membership in unconfirmed(locked).select_related("user", "tenant").order_by("created_at"):
        try:
            remove_member(membership=membership, by=SYSTEM, because=LAPSED)
        except LastOwner:
            kept.append(membership.user)
        else:
            lapsed.append(membership.user)
    locked.concluded_at, locked.lapsed = timezone.now(), sorted(user.username for user in lapsed)
    locked.save(update_fields=["concluded_at", "lapsed"])
    record("members.review_concluded", by=SYSTEM, subject=locked, tenant=tenant.slug, lapsed=locked.lapsed,
           kept_as_last_owner=[user.username for user in kept])  # fmt: skip
    count = f"{len(lapsed)} membership{'s' if len(lapsed) != 1 else ''} lapsed" if lapsed else "Everybody was confirmed"
    _tell_owners(locked, f"The access review of {tenant} is over", f"{count}.")
    return locked


@everything("the reviews of every tenant are begun, reminded of and concluded")
def look_after_all() -> None:
    """Begin, remind of and conclude what is due, each on its own: one that fails keeps no other from it."""
    now = timezone.now()
    recent = AccessReview.objects.filter(Q(concluded_at=None) | Q(began_at__gt=now - EVERY), tenant=OuterRef("pk"))
    asked = Tenant.objects.filter(
        ~Exists(recent), archived_at=None, is_demonstration=False, created_at__lte=now - EVERY
    )
    under_way = AccessReview.objects.filter(concluded_at=None).select_related("tenant")
    for tenant in asked:
        _safely(begin, tenant=tenant, by=SYSTEM)
    for review in under_way.filter(reminded_at=None, due_at__lte=now + REMIND_BEFORE, due_at__gt=now):
        _safely(remind, review=review)
    for review in under_way.filter(due_at__lte=now):
        _safely(conclude, review=review)


@transaction.atomic
def remind(*, review: AccessReview) -> None:
    """Tell who answers for the tenant once more, where somebody is not confirmed yet."""
    missing = unconfirmed(review).count()
    if (
        not AccessReview.objects.filter(pk=review.pk, reminded_at=None).update(reminded_at=timezone.now())
        or not missing
    ):
        return
    _tell_owners(review, f"{missing} of {review.tenant} are not confirmed yet", _until(review))


def unconfirmed(review: AccessReview) -> QuerySet[Membership]:
    """The memberships that were there when it began and that nobody confirmed."""
    return unconfirmed_in(review.pk, tenant=review.tenant_id, began_at=review.began_at)


def unconfirmed_in(review: Any, *, tenant: Any, began_at: Any) -> QuerySet[Membership]:
    """The same of a review by its key, with its tenant and when it began; or by references to them from within."""
    inner = OuterRef(review) if isinstance(review, OuterRef) else review
    confirmed = AccessConfirmation.objects.filter(review=inner, user=OuterRef("user"))
    return Membership.objects.filter(~Exists(confirmed), tenant=tenant, created_at__lte=began_at)


def open_of(tenant: Tenant) -> AccessReview | None:
    """The review that is under way."""
    return AccessReview.objects.filter(tenant=tenant, concluded_at=None).select_related("tenant", "began_by").first()


def next_on(tenant: Tenant) -> dt.datetime:
    """When the next review begins by itself, where none is under way."""
    last = AccessReview.objects.filter(tenant=tenant).values_list("began_at", flat=True).first()
    return (last or tenant.created_at) + EVERY


def _safely(verb: Any, **given: Any) -> None:
    try:
        verb(**given)
    except Exception:  # told in the log, and tried again in an hour
        log.exception("The access review of %s could not be looked after.", next(iter(given.values())))


def _locked(tenant: Tenant) -> Tenant:
    return Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)  # as every change of members does


def _until(review: AccessReview) -> str:
    return f"Who is not confirmed until {review.due_at:%d %b %Y} is no member any more."


def _tell_owners(review: AccessReview, title: str, body: str, but: Any = None) -> None:
    owners = set(members_who_may(MANAGE_TENANT, review.tenant)) - {but}
    notify(owners, kind="turn", title=title, body=body, path=_page(review.tenant), tenant=review.tenant)


def _page(tenant: Tenant) -> str:
    return f"/tenants/{tenant.slug}/access-review/"
