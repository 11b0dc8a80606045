"""Who calls the API: a personal token in `Authorization: Bearer`, or the browser's session."""

from __future__ import annotations

from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from tenants import tokens
from tenants.models import PersonalToken, User
from tenants.scope import act_as
from tenants.whence import of_token


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer atrium_pat_…` (RFC 6750)."""

    def authenticate(self, request: Request) -> tuple[User, PersonalToken] | None:
        scheme, _, value = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = tokens.recognise(value.strip())
        if token is None:
            raise exceptions.AuthenticationFailed("The token is unknown, expired or revoked. Issue a new one.")
        act_as(token.user, of_token(request._request))
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
