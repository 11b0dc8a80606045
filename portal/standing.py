"""What the shell must know about the person on every page, asked in one query."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Exists, OuterRef, Q
from django.http import HttpRequest

from approvals.models import Seat
from tenants.models import Membership, User


def standing_of(request: HttpRequest) -> Standing:
    """The standing of who sent `request`, asked once for all that is shown to them."""
    known: Standing | None = getattr(request, "atrium_standing", None)
    if known is None:
        known = Standing(getattr(request, "user", AnonymousUser()))
        request.atrium_standing = known  # type: ignore[attr-defined]
    return known


class Standing:
    """How `user` stands: nothing is asked before it is needed."""

    def __init__(self, user: User | AnonymousUser) -> None:
        self.user = user

    @cached_property
    def _row(self) -> Mapping[str, Any]:
        if not isinstance(self.user, User):
            return {"unread": 0, "seated": False, "member": False, "demonstrated": False}
        return (
            User.objects.filter(pk=self.user.pk)
            .annotate(
                unread=Count("notifications", filter=Q(notifications__read_at=None)),
                seated=Exists(Seat.objects.filter(user=OuterRef("pk"))),
                member=Exists(Membership.objects.filter(user=OuterRef("pk"))),
                demonstrated=Exists(User.objects.filter(is_demonstration=True)),
            )
            .values("unread", "seated", "member", "demonstrated")
            .get()
        )

    @property
    def unread(self) -> int:
        return int(self._row["unread"])

    @property
    def sits_on_a_board(self) -> bool:
        return bool(self._row["seated"])

    @property
    def is_member(self) -> bool:
        return bool(self._row["member"])

    @property
    def among_demonstration(self) -> bool:
        """Whether there is demonstration data here: its people come and go with it."""
        return bool(self._row["demonstrated"])

    def may(self, permission: str) -> bool:
        """Whether the person holds `permission` above tenants."""
        return isinstance(self.user, User) and self.user.has_perm(permission)
