"""Tell people of a request. Members of its tenant are told within the tenant, so that nothing of it is shown to them
while it is closed to them (docs/decisions/0027); a board, and who is no member any more, by themselves."""

from __future__ import annotations

from collections.abc import Iterable

from approvals.models import Request
from tenants.models import Membership, User
from tenants.notifications import notify


def tell(people: Iterable[User], request: Request, *, kind: str, title: str, body: str = "") -> None:
    """One notification for each of `people`, which leads to `request`."""
    told = {person.pk: person for person in people}
    rows = Membership.objects.filter(tenant=request.tenant_id, user__in=told) if request.tenant_id else ()
    inside = {each.user_id for each in rows}
    for keys, tenant in ((inside, request.tenant), (told.keys() - inside, None)):
        notify(
            [told[key] for key in keys], kind=kind, title=title, body=body, path=request.get_absolute_url(),
            tenant=tenant,
        )  # fmt: skip
