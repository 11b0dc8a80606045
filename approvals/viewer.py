"""The person behind a request to a page."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest

from tenants.models import User


def viewer_of(request: HttpRequest) -> User:
    """Who is looking; `LoginRequiredMiddleware` let nobody else through."""
    return cast("User", request.user)
