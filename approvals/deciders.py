"""Who votes in a review: the members of its board, the people of the tenant who hold its permission, or the platform's
administrators."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q, QuerySet

from approvals.models import ADMINISTRATORS, Review, Seat
from tenants.kept_holdings import holdings_of
from tenants.models import User
from tenants.scoping import members_who_may, people_above_who_may

DECIDES = "tenants.manage_tenant"  # what who decides for a tenant holds in it


def people_of(review: Review) -> QuerySet[User]:
    """The active people who may vote in `review`, the requester perhaps among them."""
    if review.board is not None:
        return User.objects.filter(seats__board=review.board, is_active=True)
    if review.permission == ADMINISTRATORS:
        return people_above_who_may(ADMINISTRATORS)
    if review.request.tenant is None:  # it was taken back (`access.onboarding.taking_back`)
        return User.objects.none()
    return members_who_may(review.permission, review.request.tenant)


def waiting_in(reviews: Iterable[Review]) -> set[User]:
    """Everybody whose vote the open ones among `reviews` wait for."""
    return {person for review in reviews if review.outcome == Review.Outcome.OPEN for person in people_of(review)}


def votes_in(review: Review, person: User) -> bool:
    """Whether `person` is one of `people_of(review)`, asked anew."""
    return people_of(review).filter(pk=person.pk).exists()


def is_before(review: Review, viewer: User) -> bool:
    """The same for lists: reads the seats of the board (prefetch them); `viewer` is who asks."""
    if review.board is not None:
        return any(seat.user_id == viewer.pk for seat in review.board.seats.all())
    if review.permission == ADMINISTRATORS:
        return viewer.has_perm(ADMINISTRATORS)
    return review.request.tenant_id in led_by(viewer)


def before(viewer: User) -> Q:
    """The reviews that `viewer` votes in, as a condition on them."""
    boards = Seat.objects.filter(user=viewer).values("board")
    theirs = Q(board__in=boards) | Q(permission=DECIDES, request__tenant__in=led_by(viewer))
    return theirs | Q(permission=ADMINISTRATORS) if viewer.has_perm(ADMINISTRATORS) else theirs


def led_by(viewer: User) -> frozenset[UUID]:
    """The keys of the tenants for which `viewer` decides, by membership."""
    return holdings_of(viewer).tenants_with(DECIDES)
