"""`/tenants/<slug>/services/`: the service accounts of a tenant, their keys and tokens; making one, switching it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from refusals import Refusal
from refusals.errors import Missing
from tenants import once, service_accounts, tokens
from tenants.custom_roles import with_roles
from tenants.delegation import MANAGE_TENANT, assignable, require_assignable
from tenants.forms import ServiceAccountForm, ServiceTokenForm
from tenants.models import ApiKey, User
from tenants.views.entering import Inside, enter

MANAGE = "tenants.manage_members"
LISTED = 200


@require_http_methods(["GET", "POST"])
def services(request: HttpRequest, slug: str) -> HttpResponse:
    """The list, with the form that makes one for who manages members."""
    inside = enter(request, slug)
    allowed = assignable(inside.viewer, inside.tenant, inside.held)
    roles = [role for role in allowed if MANAGE_TENANT not in role.permissions]
    form = ServiceAccountForm(request.POST or None, roles=roles)
    if request.method == "POST":
        inside.require(MANAGE)
        if form.is_valid():
            try:
                require_assignable(inside.viewer, inside.tenant, inside.held, form.cleaned_data["role"])
                made = service_accounts.create(tenant=inside.tenant, by=inside.viewer, **form.cleaned_data)
            except Refusal as refusal:
                form.refused(refusal)
            else:
                messages.success(request, f"{made} is a service account of {inside.tenant} now. Give it a key.")
                return redirect("tenants:service", slug, made.pk)
    shown = _with_role(list(service_accounts.of_tenant(inside.tenant)[:LISTED]))
    return inside.show(request, "services", status=422 if form.errors else 200, tab="members", form=form, shown=shown)


@require_GET
def service(request: HttpRequest, slug: str, account_id: str) -> HttpResponse:
    """One service account: what it may, what it holds."""
    inside = enter(request, slug)
    return _show(request, inside, _account(inside, account_id), ServiceTokenForm(initial={"once": once.new_token()}))


@require_POST
def switch(request: HttpRequest, slug: str, account_id: str) -> HttpResponse:
    """Switch it off, or on again (`on=1`)."""
    inside = enter(request, slug, MANAGE)
    on = request.POST.get("on") == "1"
    account = service_accounts.switch(account=_account(inside, account_id), on=on, by=inside.viewer)
    told = "is switched on: its keys and tokens open again." if on else "is switched off: nothing of it opens any more."
    messages.success(request, f"{account} {told}")
    return redirect("tenants:service", slug, account.pk)


@require_POST
@never_cache
def issue_token(request: HttpRequest, slug: str, account_id: str) -> HttpResponse:
    """A token of it for the API of the portal; the answer shows the secret, this once."""
    inside = enter(request, slug, MANAGE)
    account = _account(inside, account_id)
    form = ServiceTokenForm(request.POST)
    if form.is_valid():
        try:
            with transaction.atomic():
                once.claim_form(user=inside.viewer, token=form.cleaned_data["once"], path=request.path)
                given = {"name": form.cleaned_data["name"], "expires_at": form.cleaned_data["expires_at"]}
                token, secret = service_accounts.issue_token(account=account, by=inside.viewer, **given)
        except once.SentAlready:
            messages.warning(request, "This form was sent already. The token was issued once.")
            return redirect("tenants:service", slug, account.pk)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            fresh = ServiceTokenForm(initial={"once": once.new_token()})
            return _show(request, inside, account, fresh, token=token, secret=secret)
    return _show(request, inside, account, form, status=422)


@require_POST
def revoke_token(request: HttpRequest, slug: str, account_id: str, token_id: str) -> HttpResponse:
    """Revoke one of its tokens."""
    inside = enter(request, slug, MANAGE)
    account = _account(inside, account_id)
    token = service_accounts.tokens_of(account).filter(pk=token_id).first()
    if token is None:
        raise Missing(f"{account} has no such token.")
    tokens.revoke(token=token, by=inside.viewer)
    messages.success(request, f"The token “{token.name}” is revoked.")
    return redirect("tenants:service", slug, account.pk)


def _account(inside: Inside, account_id: str) -> User:
    found = service_accounts.of_tenant(inside.tenant).filter(pk=account_id).first()
    if found is None:
        raise Missing(f"There is no such service account in {inside.tenant}.")
    return found


def _with_role(accounts: list[User]) -> list[tuple[User, Any]]:
    with_roles(each for account in accounts for each in account.memberships.all())
    return [(account, _role(account)) for account in accounts]


def _role(account: User) -> Any:
    return next((each.of_role for each in account.memberships.all()), None)


def _show(
    request: HttpRequest, inside: Inside, account: User, form: ServiceTokenForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    keys = ApiKey.objects.filter(tenant=inside.tenant, holder=account).select_related("environment__project")
    return inside.show(
        request,
        "service",
        status=status,
        tab="members",
        account=account,
        role=_role(account),
        keys=keys[:LISTED],
        account_tokens=service_accounts.tokens_of(account)[:LISTED],
        form=form,
        **more,
    )
