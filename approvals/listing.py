"""Find requests: what a list asks for in its address, and the rows that answer it, for page, export and API alike."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import QueryDict

from approvals.deciders import before as reviews_before
from approvals.models import Request, Review, Vote
from approvals.scoping import SEE_ALL, requests_for
from approvals.separation import not_own
from approvals.states import State
from approvals.subjects import kinds
from refusals.errors import Invalid
from tenants.models import User
from ui.sorting import ordered

SORTS = {
    "number": "number",
    "title": "title",
    "tenant": "tenant__name",
    "requester": "requester__username",
    "state": "state",
    "closed": "closed_at",
}
NEWEST = "-number"
MAX_TEXT = 200


@dataclass(frozen=True)
class Asked:
    """The filters of a list of requests; a value that means nothing is left out."""

    text: str = ""
    state: str = ""
    kind: str = ""
    tenant: str = ""
    board: str = ""
    whose: str = ""
    sort: str = NEWEST

    @classmethod
    def read(cls, query: QueryDict, default_sort: str = NEWEST, *, strict: bool = False) -> Asked:
        """The filters in an address, and the order, `default_sort` where it names none.

        `strict`: raises `Invalid` for a value that means nothing.
        """

        def one(name: str, among: list[str] | None = None) -> str:
            value = query.get(name, "").replace("\x00", "").strip()[:MAX_TEXT]
            if among is None or value in among:
                return value
            if strict and value:
                raise Invalid(f"The filter “{name}” is one of {', '.join(among)}.", field=name)
            return ""

        sort = query.get("sort", "")
        return cls(
            text=one("q"),
            state=one("state", State.values),
            kind=one("kind", [kind.slug for kind in kinds()]),
            tenant=one("tenant"),
            board=one("board"),
            whose=one("whose", ["mine"]),
            sort=sort if sort.removeprefix("-") in SORTS else default_sort,
        )


def find(viewer: User, asked: Asked) -> QuerySet[Request]:
    """The requests that `viewer` may see and that fit, in the order asked for, with what a row shows."""
    rows = narrow(requests_for(viewer), asked)
    if asked.whose == "mine":
        rows = rows.filter(requester=viewer)
    return ordered(with_reviews(rows), asked.sort, SORTS, NEWEST)[0]


def narrow(rows: QuerySet[Request], asked: Asked) -> QuerySet[Request]:
    """`rows` that fit the filters."""
    if asked.state:
        rows = rows.filter(state=asked.state)
    if asked.kind:
        rows = rows.filter(subject_kind=asked.kind)
    if asked.tenant:
        rows = rows.filter(tenant__slug=asked.tenant)
    if asked.board:
        rows = rows.filter(Exists(Review.objects.filter(request=OuterRef("pk"), board__slug=asked.board)))
    if asked.text:
        number = asked.text.upper().removeprefix("R-")
        by_number = Q(number=int(number)) if number.isdecimal() and len(number) < 10 else Q()
        words = Q()
        for word in asked.text.split():
            words &= Q(title__icontains=word) | Q(reason__icontains=word) | Q(requester__username__icontains=word)
        rows = rows.filter(words | by_number) if by_number else rows.filter(words)
    return rows


def with_reviews(rows: QuerySet[Request]) -> QuerySet[Request]:
    """`rows` with everything that the next step and a row need, in a fixed number of queries."""
    votes = Prefetch("votes", Vote.objects.select_related("voter"))
    reviews = Review.objects.select_related("board", "request__tenant", "request__requester__service_account")
    reviews = reviews.prefetch_related(votes, "board__seats")
    return rows.select_related(
        "tenant", "requester__service_account", "environment__project", "environment__tenant", "policy"
    ).prefetch_related(Prefetch("reviews", reviews))


def turn_of(viewer: User) -> QuerySet[Request]:
    """The requests in which `viewer` may vote now, the oldest first."""
    voted = Vote.objects.filter(review=OuterRef("pk"), voter=viewer)
    mine = Review.objects.filter(
        ~Exists(voted), reviews_before(viewer), request=OuterRef("pk"), outcome=Review.Outcome.OPEN
    )
    return not_own(Request.objects.filter(Exists(mine), state=State.IN_REVIEW), viewer).order_by("number")


def before(viewer: User) -> QuerySet[Request]:
    """Every request that `viewer` decides on or may see: those before them, all for who sees every one."""
    return Request.objects.exclude(sent_at=None) if viewer.has_perm(SEE_ALL) else before_them(viewer)


def before_them(viewer: User) -> QuerySet[Request]:
    """Every request that a board of `viewer`, or a tenant that they decide for, reviews or reviewed."""
    return Request.objects.filter(Exists(Review.objects.filter(reviews_before(viewer), request=OuterRef("pk"))))
