"""The second factor's own rules: its secrets are kept encrypted, its words are ours, a sign-in service may vouch for
one, and who is asked for one is led there and back. Its pages are allauth's."""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialLogin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from tenants.credentials import decrypt, encrypt
from tenants.models import User
from tenants.whence import VOUCHED

COME_FROM = "second_factor_come_from"


class SecondFactorAdapter(DefaultMFAAdapter):
    """What a copy of the database must not give away is encrypted with the installation's keys."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code does not fit. Wait for the next one, or use a recovery code.",
        "unverified_email": "Confirm your e-mail address first; then a second factor can be set up.",
    }

    def encrypt(self, text: str) -> str:
        return encrypt(text).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text.encode())

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        count = Authenticator.objects.filter(user=user, type=type).count()
        return "Passkey" if not count else f"Passkey {count + 1}"


# What a sign-in service says of how somebody signed in: RFC 8176 (`amr`), OpenID EAP and PAPE (`acr`).
METHODS = frozenset({"mfa"})
CLASSES = frozenset({"phr", "phrh", "http://schemas.openid.net/pape/policies/2007/06/multi-factor"})


def vouch(request: HttpRequest, login: SocialLogin | None) -> None:
    """Keep with the session whether the service that somebody came by vouches for a second factor.

    Only the signed `id_token` counts. A sign-in without a service, or without such a claim, ends what an earlier one
    said.
    """
    sent = login.account.extra_data.get("id_token") if login is not None else None
    said = sent if isinstance(sent, dict) else {}
    methods, kind = said.get("amr"), said.get("acr")
    named = {each for each in methods if isinstance(each, str)} if isinstance(methods, list) else set()
    if named & METHODS or (isinstance(kind, str) and kind in CLASSES):
        request.session[VOUCHED] = True
    else:
        request.session.pop(VOUCHED, None)


@require_GET
def set_up(request: HttpRequest) -> HttpResponse:
    """Lead somebody to setting up a second factor, and remember where they came from."""
    came_from = request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(
        came_from, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        request.session[COME_FROM] = came_from[:2000]
    return redirect("mfa_index")


@require_POST
def go_back(request: HttpRequest) -> HttpResponse:
    """To where somebody was before they were led away; it is forgotten then."""
    return redirect(request.session.pop(COME_FROM, "") or "home")
