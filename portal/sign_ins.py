"""Who came in, who went and who was turned away: signals of the sign-in, written to the audit."""

from __future__ import annotations

from typing import Any

from allauth.account import signals
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.http import HttpRequest

from audit.record import record
from tenants.models import User


def connect() -> None:
    """Listen; called once the apps are ready."""
    signals.user_logged_in.connect(_came_in, dispatch_uid="portal.sign_ins.in")
    user_logged_out.connect(_went, dispatch_uid="portal.sign_ins.out")
    signals.password_changed.connect(_changed_password, dispatch_uid="portal.sign_ins.changed")
    signals.password_set.connect(_changed_password, dispatch_uid="portal.sign_ins.set")
    signals.password_reset.connect(_changed_password, dispatch_uid="portal.sign_ins.reset")


def _came_in(sender: object, request: HttpRequest, user: User, **signal: Any) -> None:
    how = sorted({str(one.get("method", "")) for one in request.session.get("account_authentication_methods", [])})
    _write("person.signed_in", user, how=how)


def _went(sender: object, request: HttpRequest, user: User | None, **signal: Any) -> None:
    if isinstance(user, User):
        _write("person.signed_out", user)


def _changed_password(sender: object, request: HttpRequest, user: User, **signal: Any) -> None:
    _write("person.password_changed", user)


def _write(verb: str, user: User, **facts: Any) -> None:
    with transaction.atomic():
        record(verb, by=user, subject=user, **facts)
