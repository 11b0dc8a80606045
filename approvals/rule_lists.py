"""Find policies and boards: what their lists ask for in an address, and the rows, for page, export and API alike."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from approvals.models import Board, Policies, Policy
from approvals.subjects import kinds
from ui.sorting import ordered

PARTS = ("in_force", "coming", "earlier", "all")
POLICY_SORTS = {
    "kind": "subject_kind",
    "environment": "environment_kind",
    "version": "version",
    "since": "effective_from",
}
BOARD_SORTS = {"name": "name", "members": "members"}
MAX_TEXT = 200


@dataclass(frozen=True)
class Asked:
    """The filters of both lists; a value that means nothing is left out."""

    text: str = ""
    kind: str = ""
    board: str = ""
    show: str = "in_force"
    sort: str = ""

    @classmethod
    def read(cls, query: QueryDict) -> Asked:
        """The filters in an address."""
        text, kind, board, show, sort = (
            query.get(name, "").replace("\x00", "").strip()[:MAX_TEXT]
            for name in ("q", "kind", "board", "show", "sort")
        )
        return cls(
            text=text,
            kind=kind if kind in {each.slug for each in kinds()} else "",
            board=board,
            show=show if show in PARTS else "in_force",
            sort=sort,
        )


def find_policies(asked: Asked) -> tuple[QuerySet[Policy], str]:
    """The policies that fit, in the order asked for, and that order."""
    rows: Policies = Policy.objects.all()
    if asked.show == "in_force":
        rows = rows.in_force()
    elif asked.show == "coming":
        rows = rows.not_over().filter(effective_from__gt=timezone.now())
    elif asked.show == "earlier":
        rows = rows.filter(superseded_at__lte=timezone.now())
    if asked.kind:
        rows = rows.filter(subject_kind=asked.kind)
    if asked.board:
        rows = rows.filter(stages__contains=[{"board": asked.board}])
    for word in asked.text.split():
        named = [kind.slug for kind in kinds() if word.casefold() in kind.name.casefold()]
        boards = Board.objects.filter(Q(name__icontains=word) | Q(slug__icontains=word)).values_list("slug", flat=True)
        fits = (
            Q(sentence__icontains=word)
            | Q(slug__icontains=word)
            | Q(environment_kind__icontains=word)
            | Q(subject_kind__in=named)
        )
        for slug in boards:
            fits |= Q(stages__contains=[{"board": slug}])
        rows = rows.filter(fits)
    return ordered(
        rows, asked.sort, POLICY_SORTS, "kind", then=("subject_kind", "environment_kind", "slug", "-version", "pk")
    )


def find_boards(asked: Asked) -> tuple[QuerySet[Board], str]:
    """The boards with every word in name, purpose or among their members, with their seats, and the order."""
    rows = Board.objects.all()
    for word in asked.text.split():
        seated = Q(seats__user__username__icontains=word) | Q(seats__user__display_name__icontains=word)
        named = Q(name__icontains=word) | Q(slug__icontains=word) | Q(purpose__icontains=word)
        rows = rows.filter(pk__in=Board.objects.filter(named | seated).values("pk"))
    rows = rows.annotate(members=Count("seats")).prefetch_related("seats__user")
    return ordered(rows, asked.sort, BOARD_SORTS, "name", then=("name", "pk"))
