"""`/tenants/<slug>/access-review/`: who still needs to be a member, one press a person, or all that are shown."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from audit.exporting import exported
from refusals.errors import Missing
from tenants import finding, reviewing
from tenants.access_reviews import AccessReview
from tenants.assigning import roles_of_people
from tenants.custom_roles import with_roles
from tenants.delegation import MANAGE_TENANT
from tenants.models import Membership
from tenants.timing import live_of
from tenants.views.entering import enter, text_of
from ui.exporting import csv_response, in_batches
from ui.sorting import ordered

PAGE_SIZE = 50
EARLIER_SHOWN = 12


@require_GET
def access_review(request: HttpRequest, slug: str) -> HttpResponse | StreamingHttpResponse:
    """The members who are not confirmed yet, those who are, and the reviews before."""
    inside = enter(request, slug, MANAGE_TENANT)
    review = reviewing.open_of(inside.tenant)
    text, show = text_of(request, "q"), text_of(request, "show", 10)
    rows = Membership.objects.none()
    confirmed = {}
    if review is not None:
        confirmed = {each.user_id: each for each in review.confirmations.select_related("by")}
        rows = Membership.objects.filter(tenant=inside.tenant, created_at__lte=review.began_at)
        rows = rows if show == "all" else reviewing.unconfirmed(review)
        rows = finding.members(rows.select_related("user"), text=text)
    rows, sort = ordered(rows, text_of(request, "sort"), finding.MEMBER_SORTS, "since")
    if review is not None and request.GET.get("format") == "csv":
        return _exported(request, review, text)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    people = [each.user_id for each in page.object_list]
    held_too = {each.user_id: each for each in live_of(inside.tenant, people)}
    beside = roles_of_people(inside.tenant, people)
    shown = [
        (each, each.of_role, confirmed.get(each.user_id), held_too.get(each.user_id), beside.get(each.user_id, []))
        for each in with_roles(page.object_list)
    ]
    earlier = AccessReview.objects.filter(tenant=inside.tenant).exclude(concluded_at=None)
    return inside.show(
        request, "access_review", tab="members", review=review, page=page, shown=shown, text=text, show=show, sort=sort,
        done=len(confirmed), missing=reviewing.unconfirmed(review).count() if review else 0,
        earlier=earlier.annotate(confirmed=Count("confirmations"))[:EARLIER_SHOWN],
        next_on=None if review else reviewing.next_on(inside.tenant),
    )  # fmt: skip


@require_POST
def begin(request: HttpRequest, slug: str) -> HttpResponse:
    """Begin a review now."""
    inside = enter(request, slug, MANAGE_TENANT)
    reviewing.begin(tenant=inside.tenant, by=inside.viewer)
    messages.success(request, "The review has begun. Confirm who still needs to be here.")
    return redirect("tenants:access-review", slug)


@require_POST
def confirm(request: HttpRequest, slug: str) -> HttpResponse:
    """Confirm the members that were sent."""
    inside = enter(request, slug, MANAGE_TENANT)
    review = reviewing.open_of(inside.tenant)
    if review is None:
        raise Missing(f"No access review of {inside.tenant} is under way.")
    chosen = [key for text in request.POST.getlist("membership")[:PAGE_SIZE] if (key := _key(text))]
    count = reviewing.confirm(review=review, memberships=chosen, by=inside.viewer)
    messages.success(request, f"{count} confirmed." if count else "Nobody was confirmed: choose who it is about.")
    return redirect("tenants:access-review", slug)


def _exported(request: HttpRequest, review: AccessReview, text: str) -> StreamingHttpResponse:
    """Every member that the review looks at, confirmed or not yet."""
    confirmed = {each.user_id: each for each in review.confirmations.select_related("by")}
    everybody = Membership.objects.filter(tenant=review.tenant, created_at__lte=review.began_at)
    rows = finding.members(everybody.select_related("user"), text=text)
    rows, _ = ordered(rows, text_of(request, "sort"), finding.MEMBER_SORTS, "since")

    beside = roles_of_people(review.tenant, list(everybody.values_list("user", flat=True)))

    def line(member: Membership) -> tuple[Any, ...]:
        said = confirmed.get(member.user_id)
        by = (said.by.username if said.by else "", said.at) if said else ("", "")
        more = "; ".join(f"{each.project.slug}: {each.role}" for each in beside.get(member.user_id, ()))
        return (member.user.username, str(member.user), member.role, member.created_at, member.user.last_login, *by,
                more)  # fmt: skip

    head = ("user name", "name", "role", "since", "last signed in", "confirmed by", "confirmed at", "in projects")
    exported(request, "access-review", tenant=review.tenant.slug)
    return csv_response(f"{review.tenant.slug}-access-review.csv", head, (line(each) for each in in_batches(rows)))


def _key(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
