"""Where a person chose to work: one environment, kept in the session, shown in the shell and offered by forms.

The choice is a convenience and no authority: whatever acts in an environment asks `tenants.scoping` again.
"""

from __future__ import annotations

from typing import Any, TypedDict

from django.http import HttpRequest

from tenants.models import Environment, User
from tenants.scoping import find_environment

SESSION_KEY = "where"
_ACTING = "_acts_in"


class Where(TypedDict):
    """The chosen environment by its names; `path` is `tenant/project/kind`."""

    path: str
    tenant: str
    project: str
    kind: str


def chosen(request: HttpRequest) -> Where | None:
    """The environment chosen in this session, without asking the database."""
    session: Any = getattr(request, "session", None)
    kept: Where | None = session.get(SESSION_KEY) if session is not None else None
    return kept


def shown(request: HttpRequest) -> Where | None:
    """What the shell shows: where this very page acts, else the choice of the session."""
    acting: Where | None = getattr(request, _ACTING, None)
    return acting or chosen(request)


def acts_in(request: HttpRequest, environment: Environment) -> None:
    """The page that answers `request` acts in `environment`, wherever the person chose to work: the shell says so."""
    setattr(request, _ACTING, _names_of(environment))


def choose(request: HttpRequest, viewer: User, path: str) -> Environment:
    """Keep `path` as the choice of this session. Raises `Missing` for an environment that `viewer` may not see."""
    environment = find_environment(viewer, path)
    request.session[SESSION_KEY] = _names_of(environment)
    return environment


def _names_of(environment: Environment) -> Where:
    return Where(
        path=environment.path,
        tenant=environment.tenant.name,
        project=environment.project.name,
        kind=environment.kind,
    )
