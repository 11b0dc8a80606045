"""Who sits on which board."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from approvals.models import Board, Policy, Seat
from approvals.reach import named, undecidable_without
from audit.record import record
from refusals.errors import Conflict, Invalid
from tenants.models import User
from tenants.structure import reserve


class BoardExists(Invalid):
    code = "board_exists"


class SeatNeeded(Conflict):
    code = "seat_needed"
    title = "The board would be too small"


@transaction.atomic
def create_board(*, slug: str, name: str, purpose: str = "", by: Any) -> Board:
    """Create a board without members. Raises `BoardExists`, `Invalid`."""
    reserve(f"board {slug}")
    if Board.objects.filter(slug=slug).exists():
        raise BoardExists(f"There is already a board “{slug}”.", field="slug")
    board = Board(slug=slug, name=name.strip(), purpose=purpose.strip())
    try:
        board.full_clean()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Invalid(" ".join(messages), field=field) from error
    board.save()
    record("board.created", by=by, subject=board, slug=slug)
    return board


@transaction.atomic
def seat(*, board: Board, user: User, by: Any, at: dt.datetime | None = None) -> Seat:
    """Give `user` a seat; a second time changes nothing. `at` dates demonstration data back."""
    since = at if at is not None and user.is_demonstration else timezone.now()
    place, is_new = Seat.objects.get_or_create(board=board, user=user, defaults={"created_at": since})
    if is_new:
        record("seat.taken", by=by, subject=board, user=user.username)
    return place


@transaction.atomic
def unseat(*, board: Board, user: User, by: Any) -> None:
    """Take the seat of `user` away; votes that they cast stay. Raises `SeatNeeded` when a policy in force or a review
    under way needs it."""
    Board.objects.select_for_update(no_key=True).get(pk=board.pk)
    place = Seat.objects.filter(board=board, user=user).first()
    if place is None:
        return
    left = board.seats.filter(user__is_active=True).exclude(pk=place.pk).count()
    for policy in Policy.objects.filter(superseded_at=None):
        needed = max((stage["quorum"] for stage in policy.stages if stage["board"] == board.slug), default=0)
        if left < needed:
            raise SeatNeeded(
                f"{policy.sentence} It needs {needed} of {board}, and {left} would be left. Seat somebody else first"
                " or change the policy.",
                way_out="/platform/policies/",
            )
    if stuck := undecidable_without(user, board):
        raise SeatNeeded(
            f"{named(stuck)} could never be decided without {user}: too few would be left on {board}. Seat somebody"
            " else first, or let it be decided.",
            way_out=stuck[0].get_absolute_url(),
        )
    place.delete()
    record("seat.left", by=by, subject=board, user=user.username)
