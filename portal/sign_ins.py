"""Who came in, who went, who was turned away, and what people changed about how they sign in: signals written to the
audit. A password, a code or a secret is never among the facts."""

from __future__ import annotations

from typing import Any

from allauth.account import signals
from allauth.account.models import EmailAddress
from allauth.mfa import signals as factor_signals
from allauth.mfa.models import Authenticator
from allauth.socialaccount import signals as service_signals
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.contrib.auth.signals import user_logged_out, user_login_failed
from django.db import transaction
from django.http import HttpRequest

from audit.record import record
from portal import group_claims
from portal.second_factor import vouch
from portal.turned_away import turned_away
from tenants.models import User
from tenants.scope import act_as
from tenants.whence import of_page


def connect() -> None:
    """Listen; called once the apps are ready."""
    for signal, listener in (
        (signals.user_logged_in, _came_in),
        (signals.user_logged_in, group_claims.follow),
        (user_logged_out, _went),
        (user_login_failed, _was_refused),
        (factor_signals.authentication_failed, _second_factor_refused),
        (signals.user_signed_up, _signed_up),
        (signals.password_changed, _changed_password),
        (signals.password_set, _changed_password),
        (signals.password_reset, _changed_password),
        (signals.email_added, _added_email),
        (signals.email_removed, _removed_email),
        (signals.email_changed, _changed_email),
        (signals.email_confirmed, _confirmed_email),
        (factor_signals.authenticator_added, _added_factor),
        (factor_signals.authenticator_removed, _removed_factor),
        (factor_signals.authenticator_reset, _added_factor),
        (service_signals.social_account_added, _connected_service),
        (service_signals.social_account_removed, _disconnected_service),
    ):
        signal.connect(listener, dispatch_uid=f"portal.sign_ins.{listener.__name__}.{id(signal)}")


class SessionsAdapter(DefaultUserSessionsAdapter):
    """Ends the sessions that a person chose to end, and records it."""

    def end_sessions(self, sessions: list[UserSession]) -> None:
        super().end_sessions(sessions)
        if sessions:
            _write("person.sessions_ended", sessions[0].user, sessions=len(sessions))


def _came_in(sender: object, request: HttpRequest, user: User, **signal: Any) -> None:
    vouch(request, signal.get("sociallogin"))
    act_as(user, of_page(request))
    how = sorted({str(one.get("method", "")) for one in request.session.get("account_authentication_methods", [])})
    _write("person.signed_in", user, how=how)


def _went(sender: object, request: HttpRequest, user: User | None, **signal: Any) -> None:
    if isinstance(user, User):
        _write("person.signed_out", user)


def _was_refused(sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    login = next((str(credentials[name]) for name in ("username", "email") if credentials.get(name)), "")
    turned_away(login, request, how="password")


def _second_factor_refused(
    sender: object, request: HttpRequest, user: User, authenticator: Authenticator, **signal: Any
) -> None:
    turned_away(user.username, request, how=str(authenticator.type))


def _signed_up(sender: object, request: HttpRequest, user: User, **signal: Any) -> None:
    login: SocialLogin | None = signal.get("sociallogin")
    _write("person.signed_up", user, username=user.username, service=login.account.provider if login else "")


def _changed_password(sender: object, request: HttpRequest, user: User, **signal: Any) -> None:
    _write("person.password_changed", user)


def _added_email(sender: object, user: User, email_address: EmailAddress, **signal: Any) -> None:
    _write("email.added", user, email=email_address.email)


def _removed_email(sender: object, user: User, email_address: EmailAddress, **signal: Any) -> None:
    _write("email.removed", user, email=email_address.email)


def _changed_email(
    sender: object, user: User, from_email_address: EmailAddress | None, to_email_address: EmailAddress, **signal: Any
) -> None:
    before = from_email_address.email if from_email_address else ""
    _write("email.changed", user, before=before, after=to_email_address.email)


def _confirmed_email(sender: object, email_address: EmailAddress, **signal: Any) -> None:
    _write("email.confirmed", email_address.user, email=email_address.email)


def _added_factor(sender: object, user: User, authenticator: Authenticator, **signal: Any) -> None:
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        _write("recovery_codes.generated", user)
    else:
        _write("second_factor.added", user, **_factor(authenticator))


def _removed_factor(sender: object, user: User, authenticator: Authenticator, **signal: Any) -> None:
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        _write("recovery_codes.removed", user)
    else:
        _write("second_factor.removed", user, **_factor(authenticator))


def _factor(authenticator: Authenticator) -> dict[str, str]:
    name = str(authenticator.data.get("name", "")) if authenticator.type == Authenticator.Type.WEBAUTHN else ""
    return {"type": str(authenticator.type), "name": name}


def _connected_service(sender: object, sociallogin: SocialLogin, **signal: Any) -> None:
    account = sociallogin.account
    _write("service_account.connected", sociallogin.user, service=account.provider, account=account.uid)


def _disconnected_service(sender: object, socialaccount: SocialAccount, **signal: Any) -> None:
    _write("service_account.removed", socialaccount.user, service=socialaccount.provider, account=socialaccount.uid)


def _write(verb: str, user: User, **facts: Any) -> None:
    with transaction.atomic():
        record(verb, by=user, subject=user, **facts)
