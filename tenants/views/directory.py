"""The page of a directory: where its service connects, its tokens, and its rules; a tenant's own and the platform's."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.exporting import exported
from refusals import Refusal
from refusals.errors import Missing
from tenants import once
from tenants.custom_roles import with_roles
from tenants.directory import finding, tokens
from tenants.directory.reconciling import rules_of
from tenants.forms import expiry_of
from tenants.forms_of_directory import DirectoryTokenForm
from tenants.models import Directory, DirectoryRule, DirectoryToken
from tenants.roles import Role
from tenants.views.directory_place import Place
from tenants.views.entering import text_of
from ui.exporting import csv_response, in_batches
from ui.sorting import ordered

PAGE_SIZE = 50


@require_http_methods(["GET", "POST"])
@never_cache
def directory(request: HttpRequest, slug: str = "") -> HttpResponse:
    """Tokens and rules; the form issues a token and shows its secret this once."""
    place, secret, made = Place.enter(request, slug), "", None
    form = DirectoryTokenForm(request.POST or None, initial={"once": once.new_token(), "expiry": "365"})
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = _issued(request, place, form)
        except once.SentAlready:
            messages.warning(request, "This form was sent already. The token was issued once; it is not shown again.")
            return place.go("directory")
        except Refusal as refusal:
            form.refused(refusal)
        else:
            form = DirectoryTokenForm(initial={"once": once.new_token(), "expiry": "365"})
    known = place.directory
    return place.show(
        request,
        "directory",
        status=422 if form.errors else 200,
        form=form,
        made=made,
        secret=secret,
        address=f"{settings.PUBLIC_URL}/scim/v2",
        tokens=list(tokens.tokens_of(place.tenant)),
        rules=[(rule, rule.of_role) for rule in with_roles(rules_of(known))] if known else [],
        from_above=_from_above(place),
        figures=finding.figures(known) if known else None,
        groups=list(finding.groups(known)[:12]) if known else [],
    )


def _from_above(place: Place) -> list[tuple[DirectoryRule, Role | None]]:
    """The platform's rules that make members of this tenant."""
    if place.tenant is None:
        return []
    own = Directory.objects.filter(tenant=place.tenant)  # the platform's is beyond the reach of a tenant's people
    rules = DirectoryRule.objects.filter(~Q(directory__in=own), tenant=place.tenant)
    return [(rule, rule.of_role) for rule in with_roles(rules)]


def _issued(request: HttpRequest, place: Place, form: DirectoryTokenForm) -> tuple[DirectoryToken, str]:
    wanted = form.cleaned_data
    with transaction.atomic():
        once.claim_form(user=place.viewer, token=wanted["once"], path=request.path)
        return tokens.issue(
            tenant=place.tenant, name=wanted["name"], expires_at=expiry_of(wanted["expiry"]), by=place.viewer
        )


@require_POST
def revoke_token(request: HttpRequest, token_id: str, slug: str = "") -> HttpResponse:
    """Revoke one of the tokens."""
    place = Place.enter(request, slug)
    token = tokens.tokens_of(place.tenant).filter(pk=token_id).first()
    if token is None:
        raise Missing("There is no such token of this directory.")
    tokens.revoke(token=token, by=place.viewer)
    messages.success(request, f"“{token.name}” is revoked. The service that uses it is refused from now on.")
    return place.go("directory")


@require_GET
def people(request: HttpRequest, slug: str = "") -> HttpResponse | StreamingHttpResponse:
    """Whom the directory knows, in which groups, and what became of them."""
    place = Place.enter(request, slug)
    known = place.directory
    if known is None:
        return place.go("directory")
    text, group = text_of(request, "q"), text_of(request, "group", 254)
    state = text_of(request, "state", 10)
    state = state if state in finding.STATES else ""
    found = finding.people(known, text=text, state=state, group=group)
    rows, sort = ordered(found, text_of(request, "sort"), finding.SORTS, "user_name")
    if request.GET.get("format") == "csv":
        exported(request, "directory people", tenant=slug)
        head = ("user name", "e-mail", "external id", "state", "groups", "since", "changed at")
        batches: Any = in_batches(rows)  # each with the names of its groups
        lines = (
            (
                p.user_name,
                p.email,
                p.external_id,
                finding.state_of(p),
                " ".join(p.group_names),
                p.created_at,
                p.changed_at,
            )
            for p in batches
        )
        return csv_response(f"{slug or 'platform'}-directory.csv", head, lines)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return place.show(
        request, "directory_people", page=page, shown=[(each, finding.state_of(each)) for each in page], text=text,
        state=state, group=group, sort=sort, states=finding.STATES,
    )  # fmt: skip
