"""The boards, and who sits on them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from approvals.models import Board, Policy, Review, Seat
from approvals.reach import named, undecidable_without
from approvals.stage_rules import needed_of
from audit.record import record
from refusals.errors import Conflict, Invalid
from tenants.models import User
from tenants.structure import reserve


class BoardExists(Invalid):
    code = "board_exists"


class BoardNeeded(Conflict):
    code = "board_needed"
    title = "This board is needed"


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
    _check(board)
    board.save()
    record("board.created", by=by, subject=board, slug=slug)
    return board


@transaction.atomic
def change_board(*, board: Board, name: str, purpose: str, by: Any) -> Board:
    """Give `board` another name or purpose; nothing is written when neither changed. Raises `Invalid`.

    Decisions keep the name that they were made under.
    """
    changed = Board.objects.select_for_update(no_key=True).get(pk=board.pk)
    before = {"name": changed.name, "purpose": changed.purpose}
    changed.name, changed.purpose = name.strip(), purpose.strip()
    if before == {"name": changed.name, "purpose": changed.purpose}:
        return changed
    _check(changed, but="slug")
    changed.save(update_fields=["name", "purpose"])
    record("board.changed", by=by, subject=changed, name=changed.name, purpose=changed.purpose, before=before)
    return changed


@transaction.atomic
def remove_board(*, board: Board, by: Any) -> None:
    """Remove a board that no policy names, now or earlier, and that never reviewed anything. Raises `BoardNeeded`."""
    board = Board.objects.select_for_update().get(pk=board.pk)
    if reason := why_kept(board):
        raise BoardNeeded(reason, way_out="/platform/policies/")
    record("board.removed", by=by, subject=board, slug=board.slug, name=board.name)
    board.delete()


def short_of_members() -> list[tuple[Board, int, int]]:
    """The boards that cannot reach the quorum of a policy in force or to come: board, how many it needs, how many of it
    are active."""
    needed: dict[str, int] = {}
    for stages in Policy.objects.not_over().values_list("stages", flat=True):
        for stage in stages:
            needed[stage["board"]] = max(needed.get(stage["board"], 0), needed_of(stage["board"], stages))
    sitting = Count("seats", filter=Q(seats__user__is_active=True))
    boards = Board.objects.filter(slug__in=needed).annotate(active=sitting).order_by("name")
    return [(board, needed[board.slug], board.active) for board in boards if board.active < needed[board.slug]]


def why_kept(board: Board) -> str:
    """Why `board` cannot be removed, in a sentence; empty where it can."""
    versions = Policy.objects.filter(stages__contains=[{"board": board.slug}])
    if policy := versions.not_over().first():
        return f"{policy.sentence} This policy needs {board}. Change the policy first."
    if versions.exists() or Review.objects.filter(board=board).exists():
        return f"{board} has decided, or stood in a policy: it stays for the record. You can rename it."
    return ""


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
    for policy in Policy.objects.not_over():
        needed = needed_of(board.slug, policy.stages)
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


def _check(board: Board, but: str = "") -> None:
    try:
        board.full_clean(exclude=[but])
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Invalid(" ".join(messages), field=field) from error
