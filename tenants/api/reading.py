"""What the view sets of several rooms read alike from a request: who asks, and values among known ones."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast
from uuid import UUID

from rest_framework.request import Request

from refusals.errors import Invalid, Missing
from tenants.models import User

MAX_TEXT = 200


def viewer_of(request: Request) -> User:
    """The person who calls; the API admits nobody else."""
    return cast("User", request.user)


def text_of(request: Request, name: str) -> str:
    """A query parameter as clean text, "" when it is missing."""
    return str(request.query_params.get(name, "")).replace("\x00", "").strip()[:MAX_TEXT]


def one_of(request: Request, name: str, among: Collection[str]) -> str:
    """A query parameter that must be one of `among`, "" when it is missing. Raises `Invalid`."""
    value = text_of(request, name)
    if value and value not in among:
        raise Invalid(f"“{name}” is one of {', '.join(among)}.", field=name)
    return value


def flag_of(request: Request, name: str) -> bool | None:
    """A query parameter that is true or false, None when it is missing. Raises `Invalid`."""
    value = text_of(request, name).lower()
    if value in ("", "true", "1", "false", "0"):
        return value in ("true", "1") if value else None
    raise Invalid(f"“{name}” is true or false.", field=name)


def uuid_of(text: str, what: str) -> UUID:
    """The key in an address. Raises `Missing`."""
    try:
        return UUID(text)
    except ValueError as error:
        raise Missing(f"There is no such {what}.") from error
