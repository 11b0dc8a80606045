"""The run's form, as every control of the page sends it: environment, columns, prompt, variables, token."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from django.http import HttpRequest, QueryDict

from playground.asking import Prompt
from playground.columns import Column, from_form, from_kept
from playground.finding import find_own
from playground.keeping import refuse_other_tenant
from playground.models import Session
from playground.offering import usable_environment
from tenants.models import Environment, User

VARIABLE_PREFIX = "var-"
MAX_VARIABLES = 40


@dataclass(frozen=True)
class Asked:
    """What the page sent, with the session and environment looked up for the person who sent it."""

    session: Session | None
    environment: Environment
    columns: list[Column]
    form: QueryDict

    @property
    def prompt(self) -> Prompt:
        names = [name for name in self.form if name.startswith(VARIABLE_PREFIX)][:MAX_VARIABLES]
        values = {name.removeprefix(VARIABLE_PREFIX): str(self.form.get(name, "")) for name in names}
        return Prompt(self.form.get("prompt", ""), values, _uuid(self.form.get("token", "")))

    @property
    def known_turns(self) -> int | None:
        text = self.form.get("known", "")
        return int(text) if text.isdecimal() and len(text) < 6 else None

    @property
    def key(self) -> int:
        """The column that a control of one column is about; 0 for none."""
        text = self.form.get("key") or self.form.get("again") or ""
        return int(text) if text.isdecimal() and len(text) < 6 else 0

    @property
    def is_blind(self) -> bool:
        return self.form.get("blind") == "1"


def read(request: HttpRequest) -> Asked:
    """Look up what the form names. Raises `Missing`, `Forbidden` or `WrongEnvironment`."""
    form = request.POST
    viewer = viewer_of(request)
    session_id = _uuid(form.get("session", ""))
    session = find_own(viewer, session_id) if session_id else None
    path = form.get("environment", "") or (session.environment.path if session else "")
    environment = usable_environment(viewer, path.replace("\x00", ""))
    if session is not None:
        refuse_other_tenant(session, environment)
    columns = from_kept(session.columns) if session is not None and session.is_hidden else from_form(form)
    return Asked(session, environment, columns, form)


def viewer_of(request: HttpRequest) -> User:
    """The signed-in person; `LoginRequiredMiddleware` lets nobody else through."""
    return cast(User, request.user)


def _uuid(text: str) -> UUID | None:
    with suppress(ValueError):
        return UUID(text)
    return None
